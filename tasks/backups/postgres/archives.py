"""What pg_dump wrote, as pg_restore reads it."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tasks.backups import Unsound
from tasks.backups.manifest import Manifest
from tasks.backups.postgres.cluster import Programs, checked
from tasks.backups.postgres.files import SLOW
from tasks.texts import t

# The server's clock, and the host's that wrote it: the same machine.
TIME_APART = timedelta(minutes=10)
LIST = re.compile(
    r"Archive created at (?P<time>[\d-]+ [\d:]+).*?^; +dbname: (?P<name>[^\n]*)$"
    r".*?^; +Dumped from database version: (?P<version>\d+)",
    re.S | re.M,
)


def members(manifest: Manifest) -> dict[str, tuple[str, str]]:
    """Archive → its database, and when it was begun."""
    found: dict[str, tuple[str, str]] = json.loads(manifest.facts["members"])
    return found


def readable(found: Programs, path: Path, said: tuple[str, str], manifest: Manifest) -> None:
    """All of it, and what it is of: of this database, version and time."""
    limit = timedelta(minutes=10, seconds=path.stat().st_size / SLOW)
    head = LIST.search(checked([found.path("pg_restore"), "--list", str(path)], limit))
    if head is None:
        raise Unsound(t("backup_postgres.bad_archive", member=path.name, reason="--list"))
    name, at = said
    same(path.name, "name", head["name"], name)
    same(path.name, "version", head["version"], str(int(manifest.facts["version"]) // 10000))
    apart = abs(moment(head["time"]) - moment(at))
    if apart > TIME_APART:
        same(path.name, "time", head["time"], at)
    checked([found.path("pg_restore"), "-f", "/dev/null", str(path)], limit)


def same(member: str, what: str, found: str, expected: str) -> None:
    if found != expected:
        named = t(f"backup_postgres.dump_{what}")
        said = t("backup_postgres.other_dump", member=member, what=named, found=found, expected=expected)
        raise Unsound(said)


def moment(said: str) -> datetime:
    return datetime.strptime(said, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
