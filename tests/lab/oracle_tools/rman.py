"""Synthetic `rman target / nocatalog`: commands from standard input, an error stack as RMAN prints it."""

import json
import re
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.lab.oracle_tools import restoring
from tests.lab.oracle_tools.state import Instance, Ora, blocks, current, faults, sums, write_piece


def now() -> str:
    return datetime.now().strftime("%Y-%m-%dT%H:%M:%S")


def say(*lines: str) -> None:
    print(*lines, sep="\n", flush=True)


class Session:
    """What one run of RMAN remembers: channels, SET commands."""

    def __init__(self) -> None:
        self.instance: Instance = current()
        self.form = ""
        self.until: int | None = None
        self.newname = self.archive = ""

    def finished(self, what: str) -> None:
        if "silent" not in faults():
            say(f"Finished {what} at {now()}")

    # SET and channels.

    def remember(self, until: str) -> None:
        self.until = int(until)

    def named(self, form: str) -> None:
        self.newname = form

    def destination(self, path: str) -> None:
        self.archive = path

    def channel(self, form: str) -> None:
        self.form = form

    # BACKUP.

    def backup(self, level: str, tag: str, numbers: str) -> None:
        say(f"Starting backup at {now()}")
        if "fra_full" in faults():
            raise Ora(
                "RMAN-03009: failure of backup command on d1 channel at 2026-11-21T03:00:05",
                "ORA-19809: limit exceeded for recovery files",
                "ORA-19804: cannot reclaim 1 bytes disk space from 1 bytes limit",
            )
        with self.instance.locked() as control:
            for number in map(int, numbers.replace(" ", "").split(",")):
                file = next(one for one in control["datafiles"] if one["number"] == number)
                self.datafile(control, file, int(level), tag)
        self.finished("backup")

    def datafile(self, control: dict[str, Any], file: dict[str, Any], level: int, tag: str) -> None:
        content = Path(file["path"]).read_bytes()
        parent = file.get("backed")
        if level and parent is None:
            say(f"no parent backup or copy of datafile {file['number']} found")
        known = parent["sums"] if level and parent else []
        now_sums = sums(content)
        records = [
            (0, number, data)
            for number, data in enumerate(blocks(content))
            if number >= len(known) or known[number] != now_sums[number]
        ]
        since = parent["checkpoint"] if level and parent else 0
        if "foreign_level_0" in faults() and level:
            since = control["scn"]
        entry = {"number": file["number"], "checkpoint": control["scn"], "since": since, "level": level}
        entry |= {"blocks": len(now_sums), "schema": file["schema"]}
        self.piece(control, "datafile", tag, records, files=[entry])
        file["backed"] = {"checkpoint": control["scn"], "sums": now_sums}

    def logs(self, tag: str, first: str, last: str, _: str) -> None:
        say(f"Starting backup at {now()}")
        with self.instance.locked() as control:
            logs = [one for one in control["archived"] if int(first) <= one["sequence"] <= int(last)]
            records = []
            for number, log in enumerate(logs):
                content = Path(log["path"]).read_bytes()
                records += [(number, block, data) for block, data in enumerate(blocks(content) or [b""])]
            self.piece(control, "log", tag, records, logs=logs)
        self.finished("backup")

    def control(self, tag: str, form: str) -> None:
        say(f"Starting backup at {now()}")
        with self.instance.locked() as control:
            self.form = form
            content = json.dumps({**control, "recovered": 0}).encode()
            self.piece(control, "control", tag, [(0, n, data) for n, data in enumerate(blocks(content))])
        self.finished("backup")

    def spfile(self, tag: str, form: str) -> None:
        say(f"Starting backup at {now()}")
        with self.instance.locked() as control:
            self.form = form
            self.piece(control, "spfile", tag, [(0, 0, json.dumps(self.instance.parameters).encode())])
        self.finished("backup")

    def piece(
        self, control: dict[str, Any], kind: str, tag: str, records: list[tuple[int, int, bytes]], **more: Any
    ) -> None:
        control["set_count"] += 1
        count = control["set_count"]
        handle = self.form.replace("%U", f"{count:08x}_1_1")
        header = {
            "kind": kind,
            "dbid": control["dbid"],
            "tag": tag,
            "stamp": 1200000000 + count,
            "count": count,
        }
        header |= {"files": [], "logs": [], **more}
        write_piece(Path(handle), header, records)
        say(f"piece handle={handle} tag={tag} comment=NONE")
        control["backups"].append({**header, "recid": count, "handle": handle})

    # What is known, and what is read again.

    def uncatalog(self, handle: str) -> None:
        with self.instance.locked() as control:
            control["backups"] = [one for one in control["backups"] if one["handle"] != handle]
        say("uncataloged backup piece", f"backup piece handle={handle} RECID=1 STAMP=1")

    def no_logs(self) -> None:
        with self.instance.locked() as control:
            control["archived"] = []

    def nothing(self, *_: str) -> None:
        pass


COMMANDS: list[tuple[str, Callable[..., object]]] = [
    (r"set controlfile autobackup format .+", Session.nothing),
    (r"set newname for database to '(.+)'", Session.named),
    (r"set newname for tempfile \d+ to .+", Session.nothing),
    (r"set archivelog destination to '(.+)'", Session.destination),
    (r"set until scn (\d+)", Session.remember),
    (r"allocate channel \w+ device type disk format '(.+?)'(?: rate \d+)?", Session.channel),
    (
        r"backup check logical incremental level (\d) tag '(\w+)' filesperset \d+ datafile (.+)",
        Session.backup,
    ),
    (r"backup tag '(\w+)' archivelog sequence between (\d+) and (\d+) thread (\d+)", Session.logs),
    (r"backup tag '(\w+)' format '(.+)' current controlfile", Session.control),
    (r"backup tag '(\w+)' format '(.+)' spfile", Session.spfile),
    (r"change backuppiece '(.+)' uncatalog", Session.uncatalog),
    (r"change archivelog all uncatalog", Session.no_logs),
    (r"change copy of database uncatalog", Session.nothing),
    (r"restore spfile to pfile '(.+)' from '(.+)'", restoring.spfile),
    (r"restore (?:primary )?controlfile from '(.+)'", restoring.control),
    (r"restore (?:primary )?controlfile to '(.+)' from '(.+)'", restoring.copied_control),
    (r"catalog start with '(.+)' noprompt", restoring.catalog),
    (r"validate backupset (.+)", restoring.validate),
    (r"restore database preview", restoring.preview),
    (r"restore archivelog sequence between (\d+) and (\d+) thread \d+ validate", restoring.logs),
    (r"restore database", restoring.datafiles),
    (r"switch (?:datafile|tempfile) all", Session.nothing),
    (r"recover database", restoring.recover),
]


def commands(text: str) -> Iterator[tuple[str, bool]]:
    """Each command, and whether it stands in a RUN block, which its first error ends."""
    inside = False
    for word in re.split(r"(;|\{|\})", " ".join(text.split())):
        said = word.strip()
        if said in ("{", "}"):
            inside = said == "{"
        elif said and said not in (";", "run", "exit"):
            yield said, inside


def stack(problem: Ora) -> None:
    say("RMAN-00571: " + "=" * 59, f"RMAN-00569: {'=' * 15} ERROR MESSAGE STACK FOLLOWS {'=' * 15}")
    say("RMAN-00571: " + "=" * 59, *problem.lines)


def main() -> int:
    say("Recovery Manager: Release 19.0.0.0.0 - Production (synthetic, not Oracle's)", "")
    text, session, failed = sys.stdin.read(), Session(), False
    if faults() & {"hang", "rman_hangs"}:
        time.sleep(600)
    if "warning" in faults():
        say("RMAN-08120: WARNING: archived log not deleted, not yet applied by standby")
    for command, inside in commands(text.removesuffix("exit\n")):
        if failed and inside:
            continue
        try:
            for form, method in COMMANDS:
                if found := re.fullmatch(form, command):
                    method(session, *found.groups())
                    break
            else:
                raise Ora(
                    "RMAN-00558: error encountered while parsing input commands", f"RMAN-01009: {command}"
                )
        except Ora as problem:
            failed = True
            stack(problem)
    if "stack_exit_0" in faults():
        stack(
            Ora(
                "RMAN-03002: failure of backup command at now",
                "ORA-19566: exceeded limit of 0 corrupt blocks",
            )
        )
    say("", "Recovery Manager complete.")
    return 1 if failed and "stack_exit_0" not in faults() else 0


if __name__ == "__main__":
    sys.exit(main())
