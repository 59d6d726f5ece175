"""Backups on S3 on its bad days, on a real gateway (Ceph's): refused, full, slow, hung, gone, killed, locked.

Run alone: `python -m tests.bench.backup_stores`.
"""

import os
import random
import resource
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from tasks.backups import catalogue
from tasks.backups.catalogue import Backup, Catalogue
from tasks.backups.manifest import Kind, Level
from tasks.backups.plan import Item as Job
from tasks.backups.proof import prove
from tasks.backups.taking import Place, clear, clear_dead, take
from tasks.errors import OpsError
from tasks.home import Home
from tasks.inventory.credentials import Keyring, variable
from tasks.model import Database
from tasks.storage import Full, Kept, Site, s3_upload
from tasks.storage.s3 import S3, S3Settings
from tasks.transports import Access
from tests.bench.show import Item, show
from tests.lab.relay import slow_line
from tests.lab.s3 import ACCESS, SECRET, Gateway, gateway, missing
from tests.unit.backups.places import CONTRACT, place

MODULE = "tests.bench.backup_stores"
MIB = 2**20
LARGE_MIB = 1024
# What a whole backup is made of, most of it not compressible.
ROWS, WIDE = 24_000, 2000
KILLS, GATEWAY_KILLS = 20, 5
SEED = 20261121


@dataclass
class Bench:
    folder: Path
    server: Gateway

    def store(self, bucket: str, login: tuple[str, str] = (ACCESS, SECRET), **more: Any) -> S3:
        home = Home(self.folder, self.folder / "inventories")
        ring = Keyring(home, lambda _: dict(zip(("user", "password"), login, strict=True)))
        said = {**self.said(bucket), "credential": "given", **more}
        return S3(S3Settings.model_validate(said), Site(home, ring))

    def elsewhere(self, work: str, bucket: str) -> list[str]:
        """The command of a process of its own that does `work` here."""
        gate = f"Gateway(Path('/'), port={self.server.port})"
        names = (
            f"from pathlib import Path\nfrom tests.lab.s3 import Gateway\nfrom {MODULE} import Bench, {work}"
        )
        return [
            sys.executable,
            "-c",
            f"{names}\n{work}(Bench(Path({str(self.folder)!r}), {gate}), {bucket!r})",
        ]

    def said(self, bucket: str) -> dict[str, Any]:
        where = {"endpoint": self.server.endpoint, "bucket": bucket, "credential": "vault-s3"}
        return {"kind": "s3", "part_mib": 5, **where}

    def place(self, bucket: str, **more: Any) -> tuple[Place, list[Any], Job]:
        job = {"name": "app", "targets": ["app-db"], "method": "sqlite"}
        made, identities = place(self.folder, job, stores={"vault": {**self.said(bucket), **more}})
        target = Database(contract=CONTRACT, part="app", name="app-db", engine="sqlite", path="app.db")
        return made, identities, Job(made.plan.jobs[0], target)


@contextmanager
def bench() -> Iterator[Bench]:
    if why := missing():
        raise RuntimeError(why)
    with tempfile.TemporaryDirectory(prefix="opsproof-stores-") as name, gateway() as server:
        os.environ |= {"OPSPROOF_HOME": name, variable("vault-s3", "user"): ACCESS}
        os.environ[variable("vault-s3", "password")] = SECRET
        with closing(sqlite3.connect(Path(name) / "app.db")) as db:
            db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, said TEXT, what BLOB)")
            rows = ((number, f"row {number}") for number in range(ROWS))
            db.executemany(f"INSERT INTO t VALUES (?, ?, randomblob({WIDE}))", rows)
            db.commit()
        yield Bench(Path(name), server)


def blocks(count: int) -> Iterator[bytes]:
    for number in range(count):
        yield number.to_bytes(4) * (MIB // 4)


def refusal(asked: Callable[[], object]) -> tuple[str, float]:
    started = time.monotonic()
    try:
        asked()
    except OpsError as problem:
        assert SECRET not in str(problem)
        return str(problem), time.monotonic() - started
    return "", time.monotonic() - started


def refusals() -> Iterator[Item]:
    """What each wrong setting is answered with, and how soon."""
    with bench() as at:
        bucket = at.server.bucket()
        expected = {
            "wrong secret": (at.store(bucket, (ACCESS, "wrong")), "签名不符"),
            "unknown key": (at.store(bucket, ("NOSUCHKEY", SECRET)), "不认识"),
            "no such bucket": (at.store("no-such-bucket"), "没有这个存储桶"),
            "certificate nobody knows": (at.store(bucket, endpoint=at.server.tls_endpoint), "安全连接"),
            "nobody listening": (at.store(bucket, endpoint="http://127.0.0.1:9"), "无法连接"),
        }
        for name, (store, words) in expected.items():
            said, seconds = refusal(lambda store=store: store.put("a", blocks(12)))  # type: ignore[misc]
            limit = 2 * s3_upload.LONG if name == "nobody listening" else 10
            ok = words in said and seconds < limit and at.server.held(bucket) == []
            yield Item(f"S3, {name}", f"{said} ({seconds:.1f} s)", f"“{words}” in {limit:.0f} s", ok)
        for minutes, words in ((20, "快 20 分钟"), (-45, "慢 45 分钟")):
            said = with_clock(at, bucket, minutes)
            yield Item(f"S3, clock off by {minutes:+} min", said, f"“{words}”", words in said)


def with_clock(at: Bench, bucket: str, minutes: int) -> str:
    command = ["faketime", "-f", f"{minutes:+}m", *at.elsewhere("told", bucket)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def told(at: Bench, bucket: str) -> None:
    print(refusal(lambda: at.store(bucket).put("a", [b"x"]))[0])


def full() -> Iterator[Item]:
    with bench() as at:
        bucket = at.server.bucket()
        at.server.quota(bucket, 20 * MIB)
        made, _, job = at.place(bucket)
        problem: OpsError | None = None
        try:
            take(made, job, Kind.FULL, Access(Keyring(made.home)))
        except Full as said:
            problem = said
        left = len(at.server.held(bucket)) + len(made.catalogue.all())
        yield Item(
            "S3, quota full in the middle of a backup",
            f"{problem}; {left} left by the server's own account",
            "Full; 0 left",
            problem is not None and left == 0,
        )
        at.server.quota(bucket, None)
        backup, seconds = patiently(lambda: take(made, job, Kind.FULL, Access(Keyring(made.home))))
        yield Item(
            "S3, the next backup after the quota was raised", f"{seconds:.1f} s", "taken", bool(backup)
        )


def patiently(asked: Callable[[], Backup], limit: float = 60) -> tuple[Backup | None, float]:
    """The server sees a new quota only after a while."""
    started = time.monotonic()
    while time.monotonic() - started < limit:
        try:
            return asked(), time.monotonic() - started
        except Full:
            time.sleep(2)
    return None, time.monotonic() - started


def gateway_killed() -> Iterator[Item]:
    """At random moments of an upload: away for 2 s, or for good and started again afterwards."""
    chance, short_of_patience = random.Random(SEED), s3_upload.LONG
    with bench() as at:
        bucket = at.server.bucket()
        store = at.store(bucket, seconds=5)
        survived, started = 0, time.monotonic()
        for number in range(GATEWAY_KILLS):
            stored = store.put(f"short/{number}", killing(at, chance.randrange(6, 40), back=2))
            survived += b"".join(store.read(stored.key)) == b"".join(blocks(40))
        yield Item(
            "S3, gateway killed in the middle of an upload and back after 2 s",
            f"{survived} of {GATEWAY_KILLS} uploads whole ({time.monotonic() - started:.0f} s)",
            "all",
            survived == GATEWAY_KILLS,
        )
        s3_upload.LONG = 4
        heard = offered = swept = again = 0
        try:
            for number in range(GATEWAY_KILLS):
                key = f"long/{number}"
                said, _ = refusal(lambda key=key: store.put(key, killing(at, chance.randrange(6, 40))))  # type: ignore[misc]
                heard += "无法连接" in said
                at.server.start_gateway()
                offered += store.stat(key) is not None
                swept += store.sweep(timedelta(0)) == [key]
                again += store.put(key, blocks(40)).size == 40 * MIB
        finally:
            s3_upload.LONG = short_of_patience
        held = len(at.server.held(bucket))
        yield Item(
            "S3, gateway killed in the middle of an upload and gone",
            f"told {heard}, offered {offered}, leftovers removed {swept}, retried whole {again} "
            f"of {GATEWAY_KILLS}; the server holds {held} objects",
            f"{GATEWAY_KILLS}, 0, {GATEWAY_KILLS}, {GATEWAY_KILLS}; {2 * GATEWAY_KILLS}",
            offered == 0 and heard == swept == again == GATEWAY_KILLS and held == 2 * GATEWAY_KILLS,
        )


def killing(at: Bench, when: int, back: float = 0) -> Iterator[bytes]:
    for number, block in enumerate(blocks(40)):
        if number == when:
            at.server.kill()
            if back:
                threading.Timer(back, at.server.start_gateway).start()
        yield block


def worker_killed() -> Iterator[Item]:
    """kill -9 of the process that takes a backup, at random moments of it."""
    chance = random.Random(SEED)
    with bench() as at:
        bucket = at.server.bucket()
        made, _, _ = at.place(bucket)
        seconds = 0.0
        broken = complete = 0
        for number in range(KILLS + 1):
            worker = subprocess.Popen(at.elsewhere("taken_alone", bucket), stdout=subprocess.PIPE, text=True)
            assert worker.stdout and worker.stdout.readline() == "ready\n"
            if number == 0:  # how long a whole one takes
                begun = time.monotonic()
                worker.wait()
                seconds = time.monotonic() - begun
            else:
                time.sleep(chance.uniform(0, seconds))
                worker.kill()
                worker.wait()
            clear_dead(made)
            found = list(catalogue.from_storage(CONTRACT, made.stores))
            broken += sum(prove(made, one, Level.L0).level is not Level.L0 for one in found)
            complete += len(found)
            for one in found:
                clear(made.stores["vault"], one.manifest.folder)
                made.catalogue.forget(one)
        time.sleep(5)  # what the dead had sent arrives
        clear_dead(made)
        leaked = len(at.server.held(bucket))
        yield Item(
            "S3, worker killed at random moments of a backup",
            f"{KILLS} kills: {complete - 1} were whole by then, {broken} offered that are not whole, "
            f"{leaked} objects or uploads leaked after the next run",
            "0 not whole, 0 leaked",
            broken == 0 and leaked == 0,
        )


def taken_alone(at: Bench, bucket: str) -> None:
    made, _, job = at.place(bucket)
    made.stores["vault"].stat("warm")
    print("ready", flush=True)
    take(made, job, Kind.FULL, Access(Keyring(made.home)))


def locked() -> Iterator[Item]:
    with bench() as at:
        bucket = at.server.bucket(lock=True)
        made, identities, job = at.place(bucket, lock_days=1)
        backup = take(made, job, Kind.FULL, Access(Keyring(made.home)))
        manifest, store, client = backup.manifest, made.stores["vault"], at.server.client()
        keys = [f"{manifest.folder}/manifest.json", *map(manifest.key, manifest.members)]
        refused = 0
        for key in keys:
            try:
                store.delete(key)
            except Kept:
                refused += 1
            version = client.head_object(Bucket=bucket, Key=key)["VersionId"]
            try:
                client.delete_object(Bucket=bucket, Key=key, VersionId=version)
            except client.exceptions.ClientError:
                refused += 1
        proof = prove(made, backup, Level.L3, identities)
        yield Item(
            "S3, object lock: deleting by us and by a bare client",
            f"{refused} of {2 * len(keys)} refused, afterwards {proof.level}",
            "all refused, L3",
            refused == 2 * len(keys) and proof.level is Level.L3,
        )
        plain, _, other = at.place(at.server.bucket(), lock_days=1)
        said, seconds = refusal(lambda: take(plain, other, Kind.FULL, Access(Keyring(plain.home))))
        yield Item(
            "S3, a lock asked of a bucket that has none",
            f"{said} ({seconds:.1f} s)",
            "refused before the first byte",
            "没有启用对象锁定" in said,
        )


def slow_hung_gone() -> Iterator[Item]:
    with bench() as at:
        bucket = at.server.bucket()
        with slow_line(at.server.port, 4 * MIB) as port:
            store = at.store(bucket, endpoint=f"http://127.0.0.1:{port}", seconds=5)
            started = time.monotonic()
            stored = store.put("slow", blocks(40))
            seconds = time.monotonic() - started
            whole = b"".join(store.read("slow")) == b"".join(blocks(40))
        yield Item(
            "S3, a line of 4 MiB a second, answers awaited for 5 s",
            f"{stored.size // MIB} MiB in {seconds:.1f} s, read back {'equal' if whole else 'different'}",
            "whole, however slow",
            whole,
        )
        patience, s3_upload.LONG = s3_upload.LONG, 10
        process = at.server.running["rgw"]
        process.send_signal(signal.SIGSTOP)
        try:
            hung = at.store(bucket, seconds=3)
            asked_for = {"put": lambda: hung.put("a", blocks(12)), "list": lambda: list(hung.objects(""))}
            for name, asked in asked_for.items():
                said, seconds = refusal(asked)
                measured, ok = f"{said} ({seconds:.1f} s)", "无法连接" in said and seconds < 40
                yield Item(f"S3, a gateway that hangs ({name}), 3 s", measured, "told within 40 s", ok)
        finally:
            process.send_signal(signal.SIGCONT)
            s3_upload.LONG = patience


def large() -> Iterator[Item]:
    """Memory and speed of one stream, in a process of its own."""
    with bench() as at:
        bucket = at.server.bucket()
        done = subprocess.run(at.elsewhere("streamed", bucket), capture_output=True, text=True, check=True)
        before, peak, up, down = map(float, done.stdout.split())
        yield Item(
            f"S3, one stream of {LARGE_MIB} MiB in parts of 16 MiB",
            f"memory {peak:.0f} MiB, {peak - before:.0f} more than before; "
            f"{LARGE_MIB / up:.0f} MiB/s up, {LARGE_MIB / down:.0f} MiB/s down",
            "≤ 100 MiB more",
            peak - before <= 100,
        )


def streamed(at: Bench, bucket: str) -> None:
    store = at.store(bucket, part_mib=16)
    store.stat("warm")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    started = time.monotonic()
    store.put("large", blocks(LARGE_MIB))
    put = time.monotonic()
    for _ in store.read("large"):
        pass
    read = time.monotonic()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(before, peak, put - started, read - put)


def whole() -> Iterator[Item]:
    with bench() as at:
        made, identities, job = at.place(at.server.bucket(), prefix="备份/甲")
        started = time.monotonic()
        backup = take(made, job, Kind.FULL, Access(Keyring(made.home)))
        taken = time.monotonic() - started
        proof = prove(made, backup, Level.L3, identities)
        size = backup.manifest.stored_size / MIB
        yield Item(
            "S3, a whole backup (SQLite, zstd, age)",
            f"{size:.0f} MiB in {taken:.1f} s, {proof.level} in {proof.seconds:.1f} s, {proof.rows} rows",
            f"L3, {ROWS} rows",
            proof.level is Level.L3 and proof.rows == ROWS and not proof.failed,
        )
        known = made.catalogue.prove(backup, proof)
        made.stores["vault"].put(
            catalogue.proof_key(backup.manifest, proof), [catalogue.PROVED.dump_json(proof)]
        )
        lost = Catalogue(Home(at.folder / "new", at.folder / "inventories"), CONTRACT)
        for one in catalogue.from_storage(CONTRACT, made.stores):
            lost.add(one)
        yield Item(
            "S3, the catalogue from storage alone",
            f"{len(lost.all())} backup{', the same' if lost.all() == [known] else ''}, {lost.all()[0].level}",
            "the same, L3",
            lost.all() == [known],
        )


SHOWS = (refusals, full, gateway_killed, worker_killed, locked, slow_hung_gone, large, whole)

if __name__ == "__main__":
    chosen = [one for one in SHOWS if one.__name__ in sys.argv[1:] or len(sys.argv) == 1]
    sys.exit(show(chosen))
