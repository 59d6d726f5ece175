"""S3 as a store, on Ceph's gateway: the suite, refusals in words, faults in the middle, locks, versions."""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tasks.clock import now
from tasks.errors import OpsError, Refused
from tasks.home import Home
from tasks.inventory.credentials import Keyring
from tasks.storage import Full, Kept, Missing, Site, Store, open_store
from tasks.storage.s3 import S3, S3Settings
from tasks.storage.s3_wire import Passing, Wire
from tests.lab.s3 import ACCESS, SECRET, Gateway, gateway, missing
from tests.suites.store import MIB, StoreSuite, blocks

PREFIX = "备份/甲"
OPEN = """
from pathlib import Path
from tests.integration.test_s3 import PREFIX, s3_in
store = s3_in(Path({home!r}), {endpoint!r}, {bucket!r}, prefix=PREFIX)
"""


def s3_in(
    home: Path, endpoint: str, bucket: str, login: tuple[str, str] = (ACCESS, SECRET), **more: Any
) -> S3:
    at = Home(home, home / "inventories")
    ring = Keyring(at, lambda _: dict(zip(("user", "password"), login, strict=True)))
    said = {
        "kind": "s3",
        "endpoint": endpoint,
        "bucket": bucket,
        "credential": "vault",
        "part_mib": 5,
        **more,
    }
    made = open_store(S3Settings.model_validate(said), Site(at, ring))
    assert isinstance(made, S3)
    return made


@pytest.fixture(scope="module")
def server() -> Iterator[Gateway]:
    if why := missing():
        pytest.skip(why)
    with gateway() as made:
        yield made


@pytest.fixture
def bucket(server: Gateway) -> str:
    return server.bucket()


@pytest.fixture
def store(server: Gateway, bucket: str, tmp_path: Path) -> Store:
    return s3_in(tmp_path, server.endpoint, bucket, prefix=PREFIX)


@pytest.fixture
def in_another_process(server: Gateway, bucket: str, tmp_path: Path) -> Callable[[], str]:
    return lambda: OPEN.format(home=str(tmp_path), endpoint=server.endpoint, bucket=bucket)


class TestS3(StoreSuite):
    pass
