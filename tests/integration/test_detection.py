"""Some faults and a healthy host by the whole product; `make show-inspection` has all of them."""

from pathlib import Path

import pytest

from tests.lab.faults import FAULTS
from tests.lab.hosts import lab, missing
from tests.lab.inspected import Inspected, alarms, entry
from tests.lab.systems import DEBIAN, KYLIN_SERVER, RHEL_8

SOME = ("new account", "new login key", "swap gone", "wrong name")


@pytest.mark.skipif(bool(missing()), reason=missing())
def test_each_fault_is_found_on_its_host_alone_and_nothing_on_a_healthy_one(tmp_path: Path) -> None:
    faults = [fault for fault in FAULTS if fault.name in SOME]
    with lab(len(faults) + 1, systems=(KYLIN_SERVER, RHEL_8, DEBIAN)) as made:
        product = Inspected(made, tmp_path)
        healthy, *hosts = made.hosts
        faulty = list(zip(faults, hosts, strict=True))
        for fault, host in faulty:
            fault.ready(host)
        product.contract("lab", [entry(healthy), *(fault.line(host) for fault, host in faulty)])
        product.inspect()
        product.approve()
        for fault, host in faulty:
            fault.done(host)
        expected = {healthy.name: set(), **{host.name: fault.alarms(host) for fault, host in faulty}}
        assert len(expected) == 1 + len(SOME)
        assert alarms(product.inspect(), expected) == expected
