"""`python -m tests.lab.mysql_cases [fault …]`: what real MariaDB servers answer, healthy and with each fault,
kept as the checks' recorded cases. Names of this machine and its folders are replaced.
"""

import json
import os
import re
import socket
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tasks.checks import CHECKS
from tasks.checks.judging import Before, Pair
from tasks.inspection.recording import told
from tests.lab.mariadb import give_credentials, pair
from tests.lab.mysql_faults import FAULTS, Look, look, target_of
from tests.unit.checks.recorded import HERE, Case

ELSEWHERE = "/srv/mysql"


def keep(
    name: str, case: str, now: Look, last: Look | None, limits: Mapping[str, Pair], folder: Path
) -> None:
    """Judged as it is kept, with the names replaced."""
    output = now.collected.outputs[name]
    said: dict[str, Any] = {"recorded": True, "started_at": output.started_at.isoformat()}
    if limits:
        said["limits"] = limits
    if last:
        said["before"] = written(last.before(CHECKS.all()[name]))
    kept = Case(HERE / name / f"{case}.txt")
    kept.path.parent.mkdir(exist_ok=True)
    kept.path.write_text(f"{elsewhere(output.text, folder)}\n", "utf-8")
    document = kept.path.with_suffix(".json")
    document.write_text(elsewhere(json.dumps(said, ensure_ascii=False), folder), "utf-8")
    whole = {**kept.said, "findings": [told(one) for one in kept.findings()]}
    document.write_text(f"{json.dumps(whole, ensure_ascii=False, indent=1)}\n", "utf-8")


def written(before: Before) -> dict[str, Any]:
    numbers: dict[str, dict[str, float]] = {}
    for (subject, number), value in before.numbers.items():
        numbers.setdefault(subject, {})[number] = value
    whole = {
        "at": before.at.isoformat() if before.at else "",
        "statuses": before.statuses,
        "numbers": numbers,
        "marks": before.marks,
        "approved": {name: sorted(held) for name, held in before.approved.items()},
    }
    return {key: value for key, value in whole.items() if value}


def elsewhere(text: str, folder: Path) -> str:
    return re.sub(rf"\b{re.escape(socket.gethostname())}\b", "db01", text.replace(str(folder), ELSEWHERE))


def healthy() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "pair"
        with pair(folder) as servers:
            servers[0].sql("CREATE DATABASE `办公-库`", "CREATE TABLE `办公-库`.`来文` (id INT PRIMARY KEY)")
            first, second = (look(target_of(one)) for one in servers)
            for name in first.collected.outputs:
                keep(name, "mariadb-primary", first, None, {}, folder)
            again = look(target_of(servers[0]), first)
            for name in (
                "mysql.errors",
                "mysql.performance",
                "mysql.slow",
                "mysql.deadlocks",
                "mysql.accounts",
            ):
                keep(name, "mariadb-again", again, first, {}, folder)
            keep("mysql.replication", "mariadb-replica", second, None, {}, folder)
            small: dict[str, Pair] = {"mib": (1, 10)}
            keep("mysql.size", "mariadb-above-its-limit", first, None, small, folder)
            keep("mysql.version", "mariadb-ends-soon", first, None, {"days_left": (9999, None)}, folder)


def faulty(wanted: list[str]) -> None:
    for fault in FAULTS:
        if wanted and fault.name not in wanted:
            continue
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary) / "pair"
            with fault.place(folder, fault.options) as servers:
                target = target_of(servers[fault.on - 1])
                last = look(target, limits=fault.limits_of())
                with fault.make(servers):
                    now = look(target, last, fault.limits_of())
            assert fault.found in now.alarms, (fault.name, now.alarms)
            keep(fault.found[0], f"mariadb-{fault.name.replace(' ', '-')}", now, last, fault.limits, folder)
            print(fault.name, flush=True)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as state:
        os.environ["OPSPROOF_HOME"] = state
        give_credentials()
        if not sys.argv[1:]:
            healthy()
        faulty(sys.argv[1:])
