"""Why a restore is refused: a scratch database shares its DBID and, if nobody sees to it, its paths with
production, and RMAN would take the one for the other.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tasks.texts import t

# Names of our own instances: nobody else's look so.
OURS = re.compile(r"^OPS[0-9A-F]{8}$")
# A host without `ps` has not been looked at.
PROCESSES = """\
ps -eo args > /dev/null || exit 94
ps -eo args | sed -n 's/^ora_pmon_\\([A-Za-z0-9_$#+-]*\\).*/\\1/p'
uname -n
"""
WANTED = {"job_queue_processes": "0", "remote_listener": "", "dispatchers": ""}
INSIDE = ("db_recovery_file_dest", "db_create_file_dest", "control_files", "diagnostic_dest")


@dataclass(frozen=True, slots=True)
class Seen:
    """The verification host before anything is done there."""

    hostname: str
    instances: tuple[str, ...]


def seen(text: str) -> Seen:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return Seen(lines[-1] if lines else "", tuple(lines[:-1]))


def short(hostname: str) -> str:
    return hostname.partition(".")[0].lower()


def refused(found: Seen, facts: Mapping[str, str], allowed: Sequence[str] = ()) -> Iterator[str]:
    """`allowed`: the verification database of Data Pump, which the plan names."""
    production = facts.get("hostname", "")
    if not found.hostname or not production or short(found.hostname) == short(production):
        yield t("oracle_backup.same_host", name=found.hostname or "—")
    foreign = [name for name in found.instances if not OURS.match(name) and name not in allowed]
    if foreign:
        yield t("oracle_backup.foreign", names=", ".join(foreign))


def unsafe(
    parameters: Mapping[str, str], unique: str, folder: str, facts: Mapping[str, str]
) -> Iterator[str]:
    """What an instance that runs already says of itself, before anything is restored into it."""
    name = parameters.get("db_unique_name", "")
    if name.lower() != unique.lower() or name.lower() == facts.get("unique_name", "").lower():
        yield t("oracle_backup.same_name", name=name or "—")
    for parameter in INSIDE:
        value = parameters.get(parameter, "")
        if not all(within(one.strip(), folder) for one in value.split(",")):
            yield t("oracle_backup.outside", what=parameter, path=value or "—")
    for parameter, wanted in WANTED.items():
        if (value := parameters.get(parameter, "")) != wanted:
            yield t("oracle_backup.setting", name=parameter, value=value, wanted=wanted or "—")


def within(path: str, folder: str) -> bool:
    return path.startswith(f"{folder}/") and "/../" not in path


def strangers(names: Sequence[str], folder: str) -> Iterator[str]:
    """Files that the restored database would open and that are not its own."""
    for name in names:
        if not within(name, folder):
            yield t("oracle_backup.outside", what="datafile/logfile", path=name)


def same_database(found: Mapping[str, str], facts: Mapping[str, str]) -> Iterator[str]:
    """Against the verification database of Data Pump, which lives on."""
    if found.get("dbid") == facts.get("dbid"):
        yield t("oracle_backup.same_dbid", dbid=found.get("dbid"))
    if found.get("unique_name", "").lower() == facts.get("unique_name", "").lower():
        yield t("oracle_backup.same_name", name=found.get("unique_name"))


def told(facts: Mapping[str, str], name: str) -> dict[str, object]:
    """One of the manifest's facts that is more than a word."""
    found = json.loads(facts.get(name, "{}"))
    return found if isinstance(found, dict) else {}
