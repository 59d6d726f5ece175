"""S3 as a store, as far as no server is needed: settings, parts, keys, answers that no real store gives."""

import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from tasks.clock import now
from tasks.errors import OpsError, Refused
from tasks.home import Home
from tasks.inventory.credentials import Keyring
from tasks.storage import Site, open_store
from tasks.storage.s3 import S3, S3Settings
from tasks.storage.s3_upload import IN_MEMORY, LARGEST_PART, MIB, PARTS, cut, size_of
from tasks.storage.s3_wire import Passing
from tests.lab.s3_standin import standing_in

LOGIN = {"user": "TESTACCESSKEY0000001", "password": "a secret nobody may see"}
SAID: dict[str, Any] = {
    "kind": "s3",
    "endpoint": "http://127.0.0.1:9",
    "bucket": "backups",
    "credential": "vault",
    "part_mib": 5,
}


def store(home: Path, login: dict[str, str] | None = None, **more: Any) -> S3:
    at = Home(home, home / "inventories")
    ring = Keyring(at, lambda _: LOGIN if login is None else login)
    made = open_store(S3Settings.model_validate({**SAID, **more}), Site(at, ring))
    assert isinstance(made, S3)
    return made


@pytest.mark.parametrize(
    "wrong",
    [
        {"endpoint": "127.0.0.1:9000"},
        {"endpoint": "https://user:secret@127.0.0.1"},
        {"endpoint": "https://127.0.0.1/path"},
        {"endpoint": "ftp://127.0.0.1"},
        {"endpoint": "https://"},
        {"endpoint": "https://127.0.0.1:port"},
        {"bucket": "a/b"},
        {"bucket": ""},
        {"prefix": "/a"},
        {"prefix": "a/"},
        {"prefix": "a/../b"},
        {"lock_days": -1},
        {"lock_days": True},
        {"lock": "Compliance"},
        {"part_mib": 4},
        {"secret": "here"},
    ],
)
def test_settings_are_refused_at_the_border(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        S3Settings.model_validate({**SAID, **wrong})


@pytest.mark.parametrize("endpoint", ["https://s3.example:8443", "http://[::1]:7480", "https://192.0.2.1"])
def test_addresses(endpoint: str) -> None:
    assert S3Settings.model_validate({**SAID, "endpoint": endpoint}).endpoint == endpoint


def test_ten_thousand_parts_hold_the_largest_object() -> None:
    sizes = [size_of(number, 16 * MIB) for number in range(1, PARTS + 1)]
    assert sum(sizes) > 5 * 2**40 and max(sizes) <= LARGEST_PART and sizes == sorted(sizes)
    # A hundred GiB still go by parts that are held in memory.
    assert sum(size for size in sizes if size <= IN_MEMORY) > 60 * 2**30


@pytest.mark.parametrize("size", [0, 1, 4, 5, 6, 10, 14])
def test_what_is_cut_is_what_was_there(tmp_path: Path, size: int) -> None:
    content = bytes(range(size))
    for step in (1, 3, 5, 20):
        chunks = [content[at : at + step] for at in range(0, size, step)]
        found = []
        for part in cut(chunks, 5, tmp_path):
            part.file.seek(0)
            found.append(part.file.read())
            assert part.size == len(found[-1]) and part.number == len(found)
        assert b"".join(found) == content
        assert all(len(one) == 5 for one in found[:-1]) and len(found) == max(1, -(-size // 5))


def test_a_part_beyond_memory_lies_in_no_file_with_a_name(tmp_path: Path) -> None:
    for part in cut([bytes(MIB)] * 40, 64 * MIB, tmp_path):
        assert part.size == 40 * MIB and list(tmp_path.iterdir()) == []
        assert isinstance(part.file.fileno(), int)


def test_nothing_is_asked_before_it_is_needed(tmp_path: Path) -> None:
    """Nor is the driver even imported: `opsproof --help` knows all stores."""
    made = store(tmp_path, login={})
    with pytest.raises(OpsError, match="vault"):
        made.stat("a")
    code = "import sys, tasks.backups.plan; print({'boto3', 'botocore'} & set(sys.modules))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said == "set()\n"


@pytest.mark.parametrize("login", [{"user": "only"}, {"user": "", "password": "x"}])
def test_half_a_login_is_none(tmp_path: Path, login: dict[str, str]) -> None:
    with pytest.raises(OpsError, match="凭据"):
        store(tmp_path, login).stat("a")


def test_no_certificate_where_one_is_said_to_be(tmp_path: Path) -> None:
    with pytest.raises(OpsError, match=r"找不到.*ca\.pem"):
        store(tmp_path, endpoint="https://127.0.0.1:9", ca="ca.pem").stat("a")


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is waited for shortly is not waited for at all."""
    monkeypatch.setattr("tasks.storage.s3_wire.FIRST_PAUSE", 1000)


def said_by(asked: Callable[[], object]) -> str:
    with pytest.raises(OpsError) as problem:
        asked()
    assert LOGIN["password"] not in str(problem.value)
    return f"{type(problem.value).__name__}: {problem.value}"


def test_nobody_there(tmp_path: Path, soon: None) -> None:
    assert said_by(lambda: store(tmp_path).stat("a")).startswith("Passing: 无法连接对象存储")


def test_nobody_there_by_name(tmp_path: Path, soon: None) -> None:
    made = store(tmp_path, endpoint="http://no-such-host.invalid")
    assert "无法连接对象存储 http://no-such-host.invalid/backups" in said_by(lambda: made.stat("a"))


def test_a_server_that_never_answers(tmp_path: Path, soon: None) -> None:
    started = time.monotonic()
    with standing_in("silent") as endpoint:
        made = store(tmp_path, endpoint=endpoint, seconds=1)
        assert "无法连接" in said_by(lambda: made.put("a", [b"x"]))
    assert time.monotonic() - started < 5


def test_a_page_for_people_is_no_store(tmp_path: Path, soon: None) -> None:
    with standing_in("page") as endpoint:
        made = store(tmp_path, endpoint=endpoint)
        asked: list[Callable[[], object]] = [
            lambda: list(made.objects("")),
            lambda: list(made.read("a")),
            lambda: made.stat("a"),
            lambda: made.put("a", [b"x"]),
            lambda: made.put("a", [bytes(6 * MIB)]),
            lambda: made.sweep(timedelta(0)),
        ]
        for ask in asked:
            assert "不是 S3" in said_by(ask)


def test_an_error_page_on_the_way_may_pass(tmp_path: Path, soon: None) -> None:
    with standing_in("gateway_error") as endpoint, pytest.raises(Passing, match="502"):
        store(tmp_path, endpoint=endpoint).stat("a")


def test_bytes_that_arrived_otherwise_are_no_backup(tmp_path: Path) -> None:
    with standing_in("forgets_bytes") as endpoint:
        assert "不一致" in said_by(lambda: store(tmp_path, endpoint=endpoint).put("a", [b"x"]))


def test_a_store_that_only_says_it_locks(tmp_path: Path) -> None:
    with standing_in("ignores_locks") as endpoint:
        made = store(tmp_path, endpoint=endpoint, lock_days=1)
        assert made.locks
        with pytest.raises(Refused, match="没有锁定"):
            made.keep("a", now())


def test_no_proxy_and_no_settings_of_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, soon: None
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "AWS_ENDPOINT_URL"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_PROFILE", "none such")
    with standing_in("gateway_error") as endpoint, pytest.raises(Passing, match="502"):
        store(tmp_path, endpoint=endpoint).stat("a")
