"""Bad days of a backup, on a real MariaDB and by the command line as its users call it: whatever happens, no
part of a backup is ever offered, the next run leaves nothing behind, and the records say what was.
"""

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyrage

from tasks.backups.catalogue import Catalogue
from tasks.backups.keys import new_identity
from tasks.backups.road import Opened
from tasks.errors import OpsError
from tasks.home import Home
from tasks.inventory.credentials import Keyring
from tasks.model import Outcome
from tasks.records import Book
from tasks.storage import Site, open_store
from tasks.storage.folder import UNFINISHED, FolderSettings
from tests.bench.show import Item
from tests.installation import PROJECT, Installation
from tests.lab.mariadb import ACCOUNT, PASSWORD, Server, missing, server

CONTRACT = "faults"
KILLS = 20
LEFT = "backup-left"
ROWS = 60_000
FILES = {
    f"contracts/{CONTRACT}.yml": f"""\
code: {CONTRACT}
name: 故障演示
mode: lab
parts:
  db: {{title: 数据库, hosts: {{any: 1}}, databases: {{mysql: 1}}}}
""",
    f"{CONTRACT}/hosts.yml": """\
groups:
  here: {part: db, os: linux, transport: local, hosts: [{name: HERE}]}
""",
    f"{CONTRACT}/databases.yml": """\
groups:
  db:
    part: db
    engine: mysql
    credential: source
    databases: [{name: MY-01, host: HERE, port: PORT}]
""",
    f"{CONTRACT}/backups.yml": """\
stores:
  vault: {kind: folder, path: STORE, keep_free: 0}
keys: {ops: RECIPIENT}
identity: backup-key
verification: {folder: SCRATCH, keep_free: 0, beside: 演示：源库与验证在同一台机器}
jobs:
  - name: my
    targets: [MY-01]
    method: mysql-physical
    store: vault
    load: {gentle: false, rate: RATE}
""",
}


class Bench:
    """An installation of its own with one MariaDB to back up."""

    def __init__(self, folder: Path, source: Server, **values: str) -> None:
        private, public = new_identity()
        key = folder / "key"
        key.write_text(f"{private}\n")
        key.chmod(0o600)
        self.identities = [pyrage.x25519.Identity.from_str(private)]
        self.source = source
        self.inventories = folder / "inventories"
        self.store = Path(values.get("STORE", folder / "vault"))
        self.store.mkdir(exist_ok=True)
        self.values = {
            "PORT": str(source.port),
            "RECIPIENT": public,
            "RATE": "200M",
            "SCRATCH": str(folder / "scratch"),
            **values,
            "STORE": str(self.store),
        }
        self.scratch = Path(self.values["SCRATCH"])
        self.write()
        credentials = {"source": (ACCOUNT, PASSWORD, ""), "backup-key": ("age", "", str(key))}
        self.installation = Installation(folder, environment(credentials))
        shutil.copytree(PROJECT / "inventories" / "holidays", self.inventories / "holidays")
        self.home = Home(self.installation.home, self.installation.inventories)
        done = self.installation.command("inventory", "activate", CONTRACT, "--yes")
        assert done.returncode == 0, done.stdout + done.stderr

    def write(self, **changed: str) -> None:
        self.values |= changed
        for name, text in FILES.items():
            path = self.inventories / name
            path.parent.mkdir(parents=True, exist_ok=True)
            for word, value in self.values.items():
                text = text.replace(word, value)
            path.write_text(text, "utf-8")

    def words(self, routine: str) -> list[str]:
        return ["run", routine, "--contract", CONTRACT, "--json"]

    def run(self, routine: str = "backup") -> tuple[int, dict[str, Any]]:
        done = self.installation.command(*self.words(routine), timeout=300)
        return done.returncode, json.loads(done.stdout) if done.stdout.strip() else {"error": done.stderr}

    def begin(self, routine: str = "backup") -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [sys.executable, "-m", "flows.cli", *self.words(routine)],
            cwd=PROJECT,
            env=self.installation.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    @property
    def catalogue(self) -> Catalogue:
        return Catalogue(self.home, CONTRACT)

    def not_whole(self) -> list[str]:
        """Of what is offered for restore: what is not whole."""
        store = open_store(
            FolderSettings(kind="folder", path=str(self.store), keep_free=0),
            Site(self.home, Keyring(self.home)),
        )
        bad = []
        for backup in self.catalogue.all():
            try:
                Opened(backup.manifest, store, self.identities).compare_rest()
            except OpsError as problem:
                bad.append(str(problem))
        return bad

    def leaked(self) -> list[str]:
        """What no complete backup accounts for: in storage, in notes, in scratch, as a process."""
        known = {
            f"{backup.manifest.folder}/{name}"
            for backup in self.catalogue.all()
            for name in ["manifest.json", *(member.object for member in backup.manifest.members)]
        }
        stored = [path for path in self.store.rglob("*") if path.is_file()]
        found = [
            str(path.relative_to(self.store))
            for path in stored
            if path.name.startswith(UNFINISHED)
            or (str(path.relative_to(self.store)) not in known and not path.name.startswith("proof-"))
        ]
        notes = self.home.backups / CONTRACT / "running"
        found += [path.name for path in notes.glob("*")]
        found += [path.name for path in self.scratch.glob("*")] if self.scratch.is_dir() else []
        return found + [f"process {pid}" for pid in self.installation.processes()]

    def records(self) -> list[tuple[str, Outcome]]:
        entries = Book(self.home.book).entries(contract=CONTRACT)
        return [
            (entry.record.routine, entry.record.outcome)
            for entry in entries
            if entry.record.routine.startswith("backup")
        ]


def environment(credentials: Mapping[str, tuple[str, str, str]]) -> dict[str, str]:
    from tasks.inventory.credentials import variable

    parts = ("user", "password", "key_file")
    return {
        variable(name, part): value
        for name, values in credentials.items()
        for part, value in zip(parts, values, strict=True)
        if value
    }


@contextlib.contextmanager
def bench(**values: str) -> Iterator[Bench]:
    if why := missing():
        raise RuntimeError(why)
    with tempfile.TemporaryDirectory(prefix="opsproof-faults-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with server(folder / "source", "--log-bin", "--server-id=1") as source:
            source.sql("GRANT ALL ON *.* TO 'opsproof'@'%'", "CREATE DATABASE app")
            source.sql("CREATE TABLE app.t (id INT PRIMARY KEY AUTO_INCREMENT, said VARCHAR(2000))")
            source.sql(
                "USE app",
                "INSERT INTO app.t (said)"
                f" SELECT CONCAT(SHA2(seq, 512), REPEAT(MD5(seq), 40)) FROM seq_1_to_{ROWS}",
            )
            made = Bench(folder, source, **values)
            try:
                yield made
            finally:
                for pid in made.installation.processes():
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)


def worker_killed() -> Iterator[Item]:
    """At a random moment of a whole run, by SIGKILL; then a run that is left in peace."""
    dice = random.Random(7)
    with bench(RATE="60M") as made:
        started = time.monotonic()
        code, said = made.run()
        whole = time.monotonic() - started
        assert code == 0, said
        partial, leaks, failed = [], [], []
        for _ in range(KILLS):
            process = made.begin()
            time.sleep(dice.uniform(0.3, 1.05) * whole)
            process.kill()
            process.wait()
            partial += made.not_whole()
        code, said = made.run()
        # What was cleared is told, and nothing else.
        failed += [
            one["summary"] for one in said["findings"] if one["status"] != "ok" and one["check"] != LEFT
        ]
        partial += made.not_whole()
        leaks += made.leaked()
        code, proof = made.run("backup-proof")
        verified = made.installation.command("record", "verify")
    measured = (
        f"{len(partial)} partial ones offered, {len(leaks)} things leaked {leaks[:3] or ''} {failed or ''}"
    )
    yield Item(f"worker killed at {KILLS} random moments", measured, "0, 0", not (partial or leaks or failed))
    yield Item("the last backup afterwards", str(proof.get("summary"))[:160], "proven to L3", code == 0)
    yield Item("the book afterwards", f"exit {verified.returncode}", "verifies", verified.returncode == 0)


def told(said: Mapping[str, Any]) -> str:
    findings = said.get("findings") or []
    return "; ".join(f"{one['status']}: {one['summary']}" for one in findings if one["status"] != "ok")[:200]


def source_killed() -> Iterator[Item]:
    with bench(RATE="20M") as made:
        process = made.begin()
        until_writing(made, process)
        made.source.kill()
        code = process.wait(120)
        offered, outcome = made.catalogue.all(), made.records()[-1:]
        leaks = made.leaked()
        made.source.start()
        again, _ = made.run()
        sound = code == 1 and not offered and not leaks and outcome == [("backup", Outcome.FINDINGS)]
        measured = (
            f"exit {code}, {len(offered)} offered, leaked {leaks}, record {outcome}; the next: exit {again}"
        )
        yield Item("source killed in the middle", measured, "1, 0, none, findings; 0", sound and again == 0)


def until_writing(made: Bench, process: "subprocess.Popen[bytes]", size: int = 2**20) -> None:
    """Until some of the backup has reached storage."""
    end = time.monotonic() + 60
    while sum(path.stat().st_size for path in made.store.rglob(f"{UNFINISHED}*")) < size:
        assert process.poll() is None and time.monotonic() < end, "it never began to write"
        time.sleep(0.02)


@contextlib.contextmanager
def small(mib: int) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={mib}m,mode=755", "opsproof", name], check=True)
        try:
            yield Path(name)
        finally:
            subprocess.run(["umount", "-l", name], check=False, stderr=subprocess.DEVNULL)


def storage_full() -> Iterator[Item]:
    with small(8) as store, bench(STORE=str(store)) as made:
        code, said = made.run()
        offered, leaks, outcome = made.catalogue.all(), made.leaked(), made.records()[-1:]
        sound = code == 1 and "空间不足" in told(said) and not offered and not leaks
        measured = f"exit {code}, {told(said)[:90]}, {len(offered)} offered, leaked {leaks}, record {outcome}"
        yield Item(
            "storage full", measured, "1, said so, 0, none", sound and outcome[0][1] is Outcome.FINDINGS
        )


def storage_gone() -> Iterator[Item]:
    """The share goes away while it is written to, and is not there the next time."""
    with small(600) as store, bench(STORE=str(store), RATE="20M") as made:
        process = made.begin()
        until_writing(made, process)
        for path in store.iterdir():
            shutil.rmtree(path, ignore_errors=True)
        subprocess.run(["umount", "-l", str(store)], check=True)
        store.rmdir()
        code = process.wait(120)
        missing_code, said = made.run()
        store.mkdir(exist_ok=True)
        _, later = made.run()
        others = {one["check"] for one in later["findings"] if one["status"] != "ok"}
        offered = len(made.catalogue.all())
        sound = code == 1 and missing_code == 1 and not made.leaked() and offered == 1
        while_gone = f"while gone {missing_code}: {told(said)[:80]}"
        yield Item(
            "storage gone in the middle",
            f"exit {code}; {while_gone}; back: {offered} offered, told {sorted(others)}",
            "1; 1; 1 offered, nothing told but what was cleared",
            sound and others <= {LEFT},
        )


def scratch_full() -> Iterator[Item]:
    with small(20) as scratch, bench(SCRATCH=str(scratch / "scratch")) as made:
        taken, _ = made.run()
        code, said = made.run("backup-proof")
        leaks = made.leaked()
        sound = taken == 0 and code == 1 and told(said).startswith("unknown") and not leaks
        yield Item(
            "scratch disk full", f"exit {code}, {told(said)[:100]}, leaked {leaks}", "unknown, none", sound
        )


def prover_killed() -> Iterator[Item]:
    dice = random.Random(11)
    with bench() as made:
        assert made.run()[0] == 0
        started = time.monotonic()
        assert made.run("backup-proof")[0] == 0
        whole = time.monotonic() - started
        for _ in range(5):
            process = made.begin("backup-proof")
            time.sleep(dice.uniform(0.4, 0.95) * whole)
            process.kill()
            process.wait()
        code, _ = made.run("backup-proof")
        leaks = made.leaked()
        measured = f"exit {code}, leaked {leaks}"
        yield Item(
            "prover killed at 5 random moments, then proven",
            measured,
            "exit 0, none",
            code == 0 and not leaks,
        )


def written_to() -> Iterator[Item]:
    """A source that takes as many writes as it can, with a table altered in the middle."""
    with bench(RATE="30M") as made:
        done = threading.Event()
        counts: list[int] = []
        writers = [threading.Thread(target=write, args=(made.source, done, counts)) for _ in range(2)]
        for one in writers:
            one.start()
        started = time.monotonic()
        code, said = made.run()
        done.set()
        for one in writers:
            one.join()
        rate = sum(counts) / (time.monotonic() - started)
        proven, proof = made.run("backup-proof")
        sound = code == 0 and proven == 0 and rate >= 1000
        measured = f"{rate:.0f} writes/s, exit {code} {told(said)}, proof: {str(proof.get('summary'))[:80]}"
        yield Item("written to all the time", measured, "≥ 1000/s, 0, L3", sound)


def write(source: Server, done: threading.Event, counts: list[int]) -> None:
    number = 0
    with contextlib.closing(source.root()) as connection, connection.cursor() as cursor:
        while not done.is_set():
            cursor.execute("INSERT INTO app.t (said) VALUES (UUID())")
            number += 1
    counts.append(number)


SHOWS = [worker_killed, source_killed, storage_full, storage_gone, scratch_full, prover_killed, written_to]
