"""Where in its binary logs a server stands."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tasks.backups.mysql.asking import ask, is_mariadb, setting
from tasks.databases.statements import parts


@dataclass(frozen=True, slots=True)
class Point:
    """`gtid`: all transactions up to here; empty where the server counts none."""

    file: str
    position: int
    gtid: str = ""

    @property
    def said(self) -> dict[str, str]:
        """As a manifest holds it."""
        told = {"file": self.file, "position": str(self.position), "gtid": self.gtid}
        return {name: value for name, value in told.items() if value}


def point_of(said: Mapping[str, str]) -> Point | None:
    """None: a server without binary logs was backed up."""
    if "file" not in said:
        return None
    return Point(said["file"], int(said["position"]), said.get("gtid", ""))


def standing(connection: Any) -> Point | None:
    """Now; under a global read lock it stays so. None: it writes no binary logs."""
    mariadb = is_mariadb(connection)
    newer = not mariadb and parts(connection.get_server_info()) >= (8, 2)
    rows = ask(connection, "SHOW BINARY LOG STATUS" if newer else "SHOW MASTER STATUS")
    if not rows:
        return None
    file, position = str(rows[0][0]), int(rows[0][1])
    if mariadb:
        # Of this position, not of a moment later.
        gtid = ask(connection, "SELECT BINLOG_GTID_POS(%s, %s)", [file, position])[0][0]
        return Point(file, position, gtid or "")
    executed = "".join(str(rows[0][4]).split()) if setting(connection, "gtid_mode") == "ON" else ""
    return Point(file, position, executed)
