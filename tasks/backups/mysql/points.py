"""Where in its binary logs a server stands."""

from collections.abc import Mapping
from dataclasses import dataclass


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
