"""S3 as a store, on Ceph's gateway: the suite, refusals in words, faults in the middle, locks, versions."""

import shutil
import subprocess
import sys
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


@pytest.fixture(scope="module")
def early(server: Gateway) -> str:
    return server.bucket()


@pytest.fixture
def store(server: Gateway, bucket: str, tmp_path: Path) -> Store:
    return s3_in(tmp_path, server.endpoint, bucket, prefix=PREFIX)


@pytest.fixture
def in_another_process(server: Gateway, bucket: str, tmp_path: Path) -> Callable[[], str]:
    return lambda: OPEN.format(home=str(tmp_path), endpoint=server.endpoint, bucket=bucket)


class TestS3(StoreSuite):
    pass


def refused(asked: Callable[[], object]) -> str:
    with pytest.raises(OpsError) as problem:
        asked()
    assert SECRET not in str(problem.value)
    return f"{type(problem.value).__name__}: {problem.value}"


def test_a_wrong_secret(server: Gateway, bucket: str, tmp_path: Path) -> None:
    store = s3_in(tmp_path, server.endpoint, bucket, (ACCESS, "wrong"))
    asked: list[Callable[[], object]] = [
        lambda: store.stat("a"),
        lambda: store.put("a", [b"x"]),
        lambda: list(store.objects("")),
        lambda: list(store.read("a")),
        lambda: store.sweep(timedelta(0)),
        lambda: store.delete("a"),
    ]
    for ask in asked:
        assert "签名不符" in refused(ask)


def test_an_unknown_key(server: Gateway, bucket: str, tmp_path: Path) -> None:
    store = s3_in(tmp_path, server.endpoint, bucket, ("NOSUCHKEY", SECRET))
    assert "不认识凭据“vault”" in refused(lambda: store.stat("a"))


def test_no_such_bucket(server: Gateway, tmp_path: Path) -> None:
    store = s3_in(tmp_path, server.endpoint, "no-such-bucket")
    for asked in (
        lambda: store.stat("a"),
        lambda: store.put("a", [b"x"]),
        lambda: store.put("a", blocks(12)),
    ):
        assert "没有这个存储桶" in refused(asked)


def test_a_bucket_of_somebody_else(server: Gateway, bucket: str, tmp_path: Path) -> None:
    server.user("OTHERKEY", "other")
    store = s3_in(tmp_path, server.endpoint, bucket, ("OTHERKEY", "other"))
    assert "拒绝访问" in refused(lambda: store.put("a", [b"x"]))
    assert "拒绝访问" in refused(lambda: store.stat("a"))


def test_tls(server: Gateway, bucket: str, tmp_path: Path) -> None:
    (tmp_path / "inventories").mkdir()
    (tmp_path / "inventories" / "ca.pem").write_bytes(server.ca.read_bytes())
    trusted = s3_in(tmp_path, server.tls_endpoint, bucket, ca="ca.pem")
    assert trusted.put("a", blocks(12)).size == 12 * MIB and b"".join(trusted.read("a")) == b"".join(
        blocks(12)
    )
    assert "安全连接" in refused(lambda: s3_in(tmp_path, server.tls_endpoint, bucket).stat("a"))


@pytest.mark.parametrize(
    ("minutes", "said"), [(20, "本机时间比存储快 20 分钟"), (-45, "本机时间比存储慢 45 分钟")]
)
def test_a_clock_that_is_wrong(server: Gateway, bucket: str, tmp_path: Path, minutes: int, said: str) -> None:
    if shutil.which("faketime") is None:
        pytest.skip("not installed: faketime")
    code = OPEN.format(home=str(tmp_path), endpoint=server.endpoint, bucket=bucket)
    code += "\ntry:\n    store.stat('a')\nexcept Exception as problem:\n    print(problem)"
    command = ["faketime", "-f", f"{minutes:+}m", sys.executable, "-c", code]
    assert said in subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_a_quota_is_full(server: Gateway, bucket: str, tmp_path: Path) -> None:
    store = s3_in(tmp_path, server.endpoint, bucket)
    server.quota(bucket, 8 * MIB)
    with pytest.raises(Full, match="配额不足"):
        store.put("large", blocks(30))
    assert store.stat("large") is None and server.held(bucket) == []
    assert store.put("small", blocks(1)).size == MIB


def test_bytes_changed_on_the_way_do_not_arrive(server: Gateway, bucket: str, tmp_path: Path) -> None:
    """The sum that goes with a part is of the bytes that were meant."""
    store = s3_in(tmp_path, server.endpoint, bucket)

    def other(params: dict[str, Any], **_: Any) -> None:
        params["ContentMD5"] = "AAAAAAAAAAAAAAAAAAAAAA=="

    store._wire._client.meta.events.register("provide-client-params.s3.PutObject", other)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("tasks.storage.s3_upload.LONG", 1)
        assert "BadDigest" in refused(lambda: store.put("a", [b"x"]))
    assert store.stat("a") is None


@pytest.mark.parametrize("mode", ["compliance", "governance"])
def test_a_locked_object_stays(server: Gateway, tmp_path: Path, mode: str) -> None:
    bucket = server.bucket(lock=True)
    store = s3_in(tmp_path, server.endpoint, bucket, lock_days=1, lock=mode)
    assert store.locks
    store.put("a", [b"kept"])
    until = now() + timedelta(seconds=6)
    store.keep("a", until)
    store.keep("a", until - timedelta(seconds=3))  # kept longer than asked for already
    with pytest.raises(Kept, match="已锁定 a 至"):
        store.delete("a")
    assert b"".join(store.read("a")) == b"kept" and len(server.held(bucket)) == 1
    time.sleep(max((until - now()).total_seconds(), 0) + 2)
    store.delete("a")
    assert store.stat("a") is None and server.held(bucket) == []


def test_what_an_intruder_deletes_or_overwrites_is_still_there_beneath(
    server: Gateway, tmp_path: Path
) -> None:
    bucket = server.bucket(lock=True)
    store = s3_in(tmp_path, server.endpoint, bucket)
    store.put("a", [b"kept"])
    store.keep("a", now() + timedelta(seconds=6))
    server.client().put_object(Bucket=bucket, Key="a", Body=b"ransom")
    server.client().delete_object(Bucket=bucket, Key="a")
    assert store.stat("a") is None
    with pytest.raises(Kept):
        store.delete("a")
    versions = server.client().list_object_versions(Bucket=bucket)["Versions"]
    bodies = [
        server.client().get_object(Bucket=bucket, Key="a", VersionId=one["VersionId"])["Body"].read()
        for one in versions
    ]
    assert sorted(bodies) == [b"kept", b"ransom"]


def test_a_legal_hold_stays(server: Gateway, tmp_path: Path) -> None:
    bucket = server.bucket(lock=True)
    store = s3_in(tmp_path, server.endpoint, bucket)
    store.put("a", [b"kept"])
    server.client().put_object_legal_hold(Bucket=bucket, Key="a", LegalHold={"Status": "ON"})
    with pytest.raises(Kept, match="被锁定"):
        store.delete("a")
    assert b"".join(store.read("a")) == b"kept"


def test_no_lock_where_the_bucket_has_none(store: Store) -> None:
    store.put("a", [b"x"])
    assert not store.locks
    with pytest.raises(Refused, match="不支持"):
        store.keep("a", now())


def test_a_delete_is_a_delete_where_there_are_versions(server: Gateway, bucket: str, tmp_path: Path) -> None:
    server.client().put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    store = s3_in(tmp_path, server.endpoint, bucket)
    for content in (b"one", b"two", b"three"):
        store.put("a", [content])
    server.client().delete_object(Bucket=bucket, Key="a")
    store.put("a", [b"four"])
    store.put("a-other", [b"stays"])
    store.delete("a")
    assert [one["name"] for one in server.held(bucket)] == ["a-other"]


def test_a_lock_on_what_is_not_there(server: Gateway, tmp_path: Path) -> None:
    store = s3_in(tmp_path, server.endpoint, server.bucket(lock=True))
    with pytest.raises(Missing):
        store.keep("a", now())


# The last ones: after a kill the server is slow to make buckets, waiting 30 s for the one that died.
def test_a_gateway_that_dies_and_comes_back_costs_only_time(
    server: Gateway, early: str, tmp_path: Path
) -> None:
    store = s3_in(tmp_path, server.endpoint, early)

    def killing() -> Iterator[bytes]:
        for number, block in enumerate(blocks(30)):
            if number == 17:
                server.kill()
                threading.Timer(2, server.start_gateway).start()
            yield block

    assert store.put("a", killing()).size == 30 * MIB
    read = store.read("a")
    found = [next(read)]
    server.kill()
    threading.Timer(2, server.start_gateway).start()
    found.extend(read)
    assert b"".join(found) == b"".join(blocks(30))
    store.delete("a")


def test_what_began_this_very_moment_is_swept(server: Gateway, bucket: str, tmp_path: Path) -> None:
    """A server says the time in whole seconds, and the beginning of an upload in thousandths."""
    store = s3_in(tmp_path, server.endpoint, bucket)
    for number in range(8):
        server.client().create_multipart_upload(Bucket=bucket, Key=f"a{number}")
        assert store.sweep(timedelta(0)) == [f"a{number}"]


def test_a_gateway_that_stays_away(
    server: Gateway, early: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bounded, nothing whole is offered, and what is left goes when it is back."""
    monkeypatch.setattr("tasks.storage.s3_upload.LONG", 4)
    store = s3_in(tmp_path, server.endpoint, early, seconds=5)
    started = time.monotonic()

    def dying() -> Iterator[bytes]:
        for number, block in enumerate(blocks(30)):
            if number == 17:
                server.kill()
            yield block

    assert refused(lambda: store.put("a", dying())).startswith("Passing: 无法连接")
    assert time.monotonic() - started < 30
    server.start_gateway()
    assert store.stat("a") is None and len(server.held(early)) > 0
    assert store.sweep(timedelta(0)) == ["a"] and server.held(early) == []
    assert store.put("a", blocks(30)).size == 30 * MIB
