"""mariadb-backup and xtrabackup: taken on the database's host, made whole again on ours."""

import fcntl
import re
import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from tasks.backups import CouldNotLook, Fetched, Sink, Unsound
from tasks.backups.mysql.server import OURS_TO_MEND
from tasks.backups.mysql.source import Source
from tasks.backups.scratch import alone
from tasks.errors import OpsError
from tasks.texts import t

MEMBER = "data.xbstream"
CHUNK = 2**20
PROGRAMS = {"mariadb": ("mariadb-backup", "mariabackup"), "mysql": ("xtrabackup",)}
UNPACK = {"mariadb": ("mbstream",), "mysql": ("xbstream",)}
INFO = ("xtrabackup_info", "mariadb_backup_info")
PARALLEL = 2
MEMORY = "256M"
# Nothing of it stays on the source: what the program wants a directory for goes with it.
SCRIPT = """umask 077
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
trap 'exit 143' HUP INT TERM
run --backup --stream=xbstream --target-dir="$folder" --tmpdir="$folder" {options}"""

LOG = re.compile(
    r"binlog pos(?:ition)?\w*\W+filename '([^']+)', position '(\d+)'(?:, GTID of the last change '([^']*)')?"
)
TO_LSN = re.compile(r"latest check point \(for incremental\): '(\d+)'")
LAST_LSN = re.compile(r"(?:from LSN \d+ to|of lsn \(\d+\) to) \(?(\d+)\)?", re.I)
LAST = 1500
BYTES = re.compile(r"innodb_page_size\s*=\s*(\d+)")


@dataclass(frozen=True, slots=True)
class Said:
    """What the program tells of what it took. `last_lsn`: of the last change in it."""

    to_lsn: str
    last_lsn: str
    log: Mapping[str, str]


def stream(source: Source, flavour: str, options: Mapping[str, str], sink: Sink) -> Said:
    words = [f"--{name}={shlex.quote(text)}" if text else f"--{name}" for name, text in options.items()]
    script = SCRIPT.replace("{options}", " ".join(words))
    with source.run(PROGRAMS[flavour], script) as running:
        sink.send(MEMBER, running)
        return heard(running.output().stderr)


def heard(text: str) -> Said:
    """From its last words: exit code 0 alone says nothing of where it was."""
    to, last = TO_LSN.findall(text), LAST_LSN.findall(text)
    if not to or not last or "completed OK!" not in text[-LAST:]:
        raise OpsError(t("backup_mysql.tool_failed", said=text[-LAST:]))
    return Said(to[-1], last[-1], log_in(text))


def log_in(text: str) -> dict[str, str]:
    """Where the binary log stood; nothing where there is none."""
    found = LOG.findall(text)
    if not found:
        return {}
    file, position, gtid = found[-1]
    told = {"file": file, "position": position, "gtid": "".join(gtid.split())}
    return {name: value for name, value in told.items() if value}


def unpack(one: Fetched, folder: Path) -> None:
    """Its checksums are looked at on the way."""
    folder.mkdir()
    program = found(UNPACK[one.manifest.facts["flavour"]])
    words = folder.with_suffix(".unpacked")
    with words.open("wb") as said:
        command = [*alone(""), program, "-x", "-C", str(folder)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=said, stderr=said)
        try:
            assert process.stdin is not None
            with suppress(OSError):  # longer than a new pipe is, if the kernel gives it
                fcntl.fcntl(process.stdin, fcntl.F_SETPIPE_SZ, CHUNK)
            with one.open(MEMBER) as stream, closing(process.stdin) as into:
                while chunk := stream.read(CHUNK):
                    into.write(chunk)
            code = process.wait()
        except BrokenPipeError:
            code = process.wait()
        finally:
            process.kill()
            process.wait()
    judged(code, words)


def prepare(flavour: str, data: Path, increment: Path | None, last: bool) -> None:
    """What was going on in the source while it was copied is finished or undone. Before the last of a chain
    nothing is undone: it may go on in the next."""
    only = ["--apply-log-only"] if not last and flavour == "mysql" else []
    more = [f"--incremental-dir={increment}"] if increment else []
    command = ["--prepare", f"--target-dir={data}", f"--use-memory={MEMORY}", *only, *more]
    words = data.with_suffix(".prepared")
    with words.open("wb") as said:
        whole = [*alone(""), found(PROGRAMS[flavour]), "--no-defaults", *command]
        code = subprocess.run(
            whole, stdin=subprocess.DEVNULL, stdout=said, stderr=said, check=False
        ).returncode
    judged(code, words, "completed OK!")


def judged(code: int, words: Path, wanted: str = "") -> None:
    text = words.read_text("utf-8", "replace")
    if code == 0 and wanted in text:
        return
    last = " ".join(text.split())[-LAST // 3 :] or str(code)
    if OURS_TO_MEND.search(last) or code == -9:
        raise CouldNotLook(t("backup_mysql.not_prepared", said=last))
    raise Unsound(t("backup_mysql.not_prepared", said=last))


def check_pages(data: Path) -> None:
    """Every page of every table: who starts a server on them only sees those that are read."""
    program = found(("innochecksum",))
    size = BYTES.search((data / "backup-my.cnf").read_text("utf-8", "replace"))
    extent = max(2**20 // int(size[1]), 64) if size else 64
    # The doublewrite buffer holds pages of other files.
    around = [["--end-page", str(extent - 1)], ["--start-page", str(extent * 3)]]
    looks = [[program, str(path)] for path in sorted(data.rglob("*.ibd")) if path.stat().st_size]
    looks += [
        [program, *part, str(path)]
        for path in data.glob("ibdata1")
        for part in around
        if path.stat().st_size > extent * 3 * 16384
    ]
    with ThreadPoolExecutor(PARALLEL) as pool:
        for path, done in zip(looks, pool.map(look, looks), strict=True):
            if done.returncode:
                said = " ".join((done.stderr + done.stdout).split())[:300]
                raise Unsound(t("backup_mysql.bad_page", file=Path(path[-1]).relative_to(data), said=said))


def look(command: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)


def told(folder: Path) -> dict[str, str]:
    """What the program wrote into the backup about it."""
    path = next((folder / name for name in INFO if (folder / name).is_file()), None)
    if path is None:
        raise Unsound(t("backup_mysql.no_info"))
    lines = path.read_text("utf-8", "replace").splitlines()
    return {
        name.strip(): text.strip() for name, mark, text in (line.partition("=") for line in lines) if mark
    }


def found(names: Sequence[str]) -> str:
    path = next(filter(None, map(shutil.which, names)), None)
    if path is None:
        raise CouldNotLook(t("backup_mysql.no_tool", program=" / ".join(names)))
    return path
