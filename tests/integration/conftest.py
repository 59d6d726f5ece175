from collections.abc import Iterator

import pytest

from tests.lab.hosts import Lab, lab, missing
from tests.lab.systems import CENTOS_6, CENTOS_7, DEBIAN, KYLIN_SERVER


@pytest.fixture(scope="session")
def small_lab() -> Iterator[Lab]:
    """Four hosts: a CentOS 7, a CentOS 6 with the algorithms of its time, a Kylin, a Debian."""
    if why := missing():
        pytest.skip(why)
    with lab(4, systems=(CENTOS_7, CENTOS_6, KYLIN_SERVER, DEBIAN)) as made:
        yield made
