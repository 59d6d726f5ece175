"""Speed of physical backups of 1 GB in a real MariaDB, against the same done by hand, in one run."""

import os
import shutil
import signal
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from tasks.backups.catalogue import Backup
from tasks.backups.manifest import Kind, Level
from tasks.backups.plan import Item as Wanted
from tasks.backups.plan import Load
from tasks.backups.taking import take
from tests.bench import backup_mysql_damage
from tests.bench.show import Item
from tests.lab.mysql_backup import Kit, kit

OPTIONS = ("--innodb-buffer-pool-size=512M", "--innodb-log-file-size=96M", "--skip-performance-schema")
TABLES = ("t1", "t2", "t3", "t4")
ROWS = 300_000
ROUNDS = 3
BACKUP_RATIO, PROOF_RATIO, MEMORY_MIB = 1.15, 1.3, 200
CREATE = "CREATE TABLE big.{0} (id BIGINT PRIMARY KEY, k INT, a VARCHAR(64), b VARCHAR(800), KEY (k))"
FILL = (
    "INSERT INTO big.{0} SELECT seq, seq % 1000, MD5(seq),"
    " CONCAT(REPEAT(MD5(seq * 7), 6), SHA2(seq * 3, 512),"
    " REPEAT(SHA2(seq, 256), 4), SHA2(seq * 11, 512)) FROM big.seq_1_to_{1}"
)
BY_HAND = """set -e -o pipefail
mariadb-backup --no-defaults --backup --stream=xbstream --parallel=2 --target-dir={folder} \\
  --datadir={data} -S {socket} -uroot 2>{folder}.err | zstd -q -1 > {file}"""
PROOF_BY_HAND = """set -e -o pipefail
rm -rf {folder}; mkdir {folder}; cd {folder}
zstd -dcq {file} | mbstream -x -C .
mariadb-backup --no-defaults --prepare --target-dir=. > ../prepare.err 2>&1
mariadbd --no-defaults --user=root --datadir=. --skip-networking --socket=s --skip-log-bin \\
  --innodb-buffer-pool-size=256M > ../server.err 2>&1 &
server=$!
until mariadb --no-defaults -S s -uroot -e "SELECT 1" >/dev/null 2>&1; do sleep 0.05; done
mariadb --no-defaults -S s -uroot -N -e "CHECKSUM TABLE big.t1, big.t2, big.t3, big.t4"
kill $server; wait $server || true; cd ..; rm -rf {folder}"""


class Spent(NamedTuple):
    """`processor`: of this process and all it started, the source's server left out. `peak`: MiB it held."""

    seconds: float
    processor: float
    peak: float


def shown() -> Iterator[Item]:
    with kit("mysql-physical", *OPTIONS, filled=False, load={"gentle": False}) as made:
        fill(made)
        folder = made.place.home.root / "by-hand"
        folder.mkdir()
        yield from compared(made, folder)


def fill(made: Kit) -> None:
    made.server.sql("CREATE DATABASE big", "SET GLOBAL innodb_max_dirty_pages_pct = 0")
    for table in TABLES:
        made.server.sql("SET sql_log_bin = 0", CREATE.format(table), FILL.format(table, ROWS))


def compared(made: Kit, folder: Path) -> Iterator[Item]:
    job = made.item.job
    plain = Wanted(job.model_copy(update={"level": "L2", "load": Load(gentle=False)}), made.item.target)
    file = folder / "full.zst"
    names = {
        "folder": folder / "x",
        "file": file,
        "data": made.server.data,
        "socket": made.server.folder / "s",
    }
    bare, ours, digested, hands, proofs = [list[Spent]() for _ in range(5)]
    for number in range(ROUNDS):
        both = [
            lambda: bare.append(in_child(lambda: by_hand(BY_HAND, names))),
            lambda: ours.append(in_child(lambda: taken(made, plain))),
        ]
        for one in both[:: (1, -1)[number % 2]]:
            one()
        digested.append(in_child(lambda: taken(made, made.item)))
    backup = next(one for one in made.place.catalogue.all() if one.manifest.digests)
    size = backup.manifest.size / 2**20
    yield ratio(f"{size:.0f} MiB to storage, against mariadb-backup | zstd -1", ours, bare, BACKUP_RATIO)
    extra = " ".join(f"{one.seconds:.1f}" for one in digested) + " s"
    yield Item("the same with the digests of L3 behind it", extra, "told", True)
    for number in range(ROUNDS):
        both = [
            lambda: hands.append(in_child(lambda: by_hand(PROOF_BY_HAND, names))),
            lambda: proofs.append(in_child(lambda: proven(made, backup))),
        ]
        for one in both[:: (1, -1)[number % 2]]:
            one()
    yield ratio("proof to L3, against unpack + prepare + start + CHECKSUM TABLE", proofs, hands, PROOF_RATIO)
    peak = max(one.peak for one in (*ours, *digested, *proofs))
    yield Item("memory of our process at its most", f"{peak:.0f} MiB", f"≤ {MEMORY_MIB}", peak <= MEMORY_MIB)


def ratio(name: str, ours: list[Spent], theirs: list[Spent], most: float) -> Item:
    """Judged by the clock; processor time beside it, for a machine that others use too."""
    found = median(ours, 0) / median(theirs, 0)
    each = " / ".join(" ".join(f"{one.seconds:.1f}" for one in side) + " s" for side in (ours, theirs))
    measured = f"{found:.2f} ({each}; processor {median(ours, 1):.1f} / {median(theirs, 1):.1f} s)"
    return Item(name, measured, f"≤ {most}", found <= most)


def median(spent: list[Spent], which: int) -> float:
    return statistics.median(one[which] for one in spent)


def taken(made: Kit, item: Wanted) -> None:
    take(made.place, item, Kind.FULL, made.access)


def proven(made: Kit, backup: Backup) -> None:
    proof = made.prove(backup)
    assert proof.level is Level.L3 and not proof.failed, proof


def by_hand(script: str, names: dict[str, Path]) -> None:
    text = script
    for name, path in names.items():
        text = text.replace("{" + name + "}", str(path))
    shutil.rmtree(names["folder"], ignore_errors=True)
    subprocess.run(["bash", "-c", text], check=True, stdout=subprocess.DEVNULL)


def in_child(work: Callable[[], None]) -> Spent:
    os.sync()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            Path("/proc/self/clear_refs").write_text("5")
            started, used = time.monotonic(), sum(os.times()[:4])
            work()
            seconds, used = time.monotonic() - started, sum(os.times()[:4]) - used
            lines = Path("/proc/self/status").read_text().splitlines()
            peak = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024
            os.write(writing, f"{seconds} {used} {peak}".encode())
        finally:
            os.kill(os.getpid(), signal.SIGKILL)
    os.close(writing)
    with os.fdopen(reading) as said:
        spent = said.read().split()
    os.waitpid(child, 0)
    return Spent(*map(float, spent))


SHOWS = [*backup_mysql_damage.SHOWS, shown]
