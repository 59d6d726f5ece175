"""Session logs of jump hosts, read whatever they are: each kind is one file that registers itself."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from tasks.errors import OpsError, Refused
from tasks.operations import Operation
from tasks.registry import Registry
from tasks.strict import Name, Shape, Text
from tasks.texts import t, why

# What Chinese systems write, by what most often is right.
ENCODINGS = ("utf-8-sig", "gb18030")
LARGEST = 512 * 2**20


class Columns(Shape):
    """Columns of a CSV by what they hold: `time`, `host`, `user`, `command`, `session`, `exit_code`."""

    columns: dict[Name, Text] = {}
    delimiter: Text = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """A file as it came. `timing`: of a typescript. `host`, `at`, `by`: where the log itself does not say."""

    name: str
    raw: bytes
    text: str
    encoding: str = "utf-8"
    host: str = ""
    at: datetime | None = None
    by: str = ""
    timing: str = ""
    mapping: Columns = field(default_factory=Columns)
    # What the inventory calls whom the log calls by name or address.
    names: Mapping[str, str] = field(default_factory=dict)

    def named(self, host: str) -> str:
        return self.names.get(host, host)

    def needs(self, host: bool = True, at: bool = False) -> None:
        if host and not self.host:
            raise Refused(t("sessions.needs_host", name=self.name))
        if at and self.at is None:
            raise Refused(t("sessions.needs_at", name=self.name))


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """One session of a log."""

    host: str
    by: str
    started_at: datetime
    ended_at: datetime
    operations: Sequence[Operation]


class Kind(Protocol):
    def fits(self, log: Log) -> bool: ...

    def read(self, log: Log) -> list[Imported]:
        """Refused with the numbers of the lines that are wrong."""


KINDS: Registry[Callable[[], Kind]] = Registry(__name__)
# Asked in this order: what anything could be comes last.
ORDER = ("cast", "typescript", "table", "lines")


def sessions_of(log: Log) -> list[Imported]:
    kinds = KINDS.all()
    kind = next((one for name in ORDER if (one := kinds[name]()).fits(log)), None)
    found = kind.read(log) if kind else []
    if not found:
        raise Refused(t("sessions.no_sessions", name=log.name))
    return found


def content_of(path: Path) -> bytes:
    try:
        if path.stat().st_size > LARGEST:
            raise Refused(t("sessions.too_large", name=path.name, mib=LARGEST // 2**20))
        return path.read_bytes()
    except OSError as problem:
        raise OpsError(t("sessions.unreadable", path=path, reason=why(problem))) from problem


def decoded(name: str, raw: bytes) -> tuple[str, str]:
    """The text, and the encoding that it turned out to be in."""
    for encoding in ENCODINGS:
        try:
            return raw.decode(encoding), encoding
        except UnicodeDecodeError as problem:
            line = raw.count(b"\n", 0, problem.start) + 1
    raise Refused(t("sessions.bad_encoding", name=name, line=line))
