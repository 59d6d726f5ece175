"""The values that travel between the rooms: frozen, without input or output."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, ClassVar

Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]


class Status(StrEnum):
    """What a check found. `unknown` is "could not look", and is never ok."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    UNKNOWN = "unknown"

    @staticmethod
    def worst(statuses: Iterable["Status"]) -> "Status":
        order = (Status.OK, Status.WARN, Status.UNKNOWN, Status.FAIL)
        return max(statuses, key=order.index, default=Status.UNKNOWN)


class SecurityEvent(StrEnum):
    """Why an answer, or its absence, is a matter of security."""

    KEY_UNKNOWN = "key_unknown"
    KEY_CHANGED = "key_changed"
    NAME_DIFFERS = "name_differs"


class Outcome(StrEnum):
    """How a run ended, as its record says it."""

    OK = "ok"
    FINDINGS = "findings"
    FAILED = "failed"
    MISSED = "missed"
    LATE = "late"
    NOTED = "noted"


class Mode(StrEnum):
    """Only `real` work meets a duty."""

    REAL = "real"
    DRILL = "drill"
    REHEARSAL = "rehearsal"
    LAB = "lab"


class Tier(StrEnum):
    """How sensitive a piece of evidence is; an export respects it."""

    LEAST = "least"
    FAIR = "fair"
    VERY = "very"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    type: ClassVar[str]

    contract: str
    part: str
    name: str
    address: str = ""
    role: str = ""
    partner: str = ""
    purpose: str = ""
    owner: str = ""
    groups: tuple[str, ...] = ()
    # What only a ledger shows, as (column, text): kept beside the target, judged by nobody.
    ledger: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupFile:
    """`path` may be a pattern: the newest file that fits is meant. Age in hours, size in bytes."""

    path: str
    max_age: int = 26
    min_size: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Antivirus:
    """`processes` must run; the licence is valid until a date, or a file's `YYYY-MM-DD` says it."""

    processes: tuple[str, ...] = ()
    until: str = ""
    licence: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Winrm:
    """How a Windows host is spoken to. `pin`: SHA-256 of its certificate. `insecure`: why its certificate
    is not looked at; empty: it is. Without TLS each message is encrypted by the login itself."""

    auth: str = "negotiate"
    tls: bool = True
    ca: str = ""
    pin: str = ""
    insecure: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Middleware:
    """What has to run on a host: its kind, and where it differs from what that kind is known to be."""

    kind: str
    port: int | None = None
    log: str = ""
    certificates: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Host(Target):
    type: ClassVar[str] = "host"

    os: str
    version: str = ""
    transport: str = "ssh"
    port: int | None = None
    credential: str = ""
    encoding: str = "utf-8"
    # Probes run as root by sudo.
    sudo: bool = False
    # Names of hosts of the same contract to go through, the nearest first.
    jump: tuple[str, ...] = ()
    # What it calls itself, where that is to be held against it.
    hostname: str = ""
    # Until a connection has logged in; None: the transport's own.
    login_seconds: int | None = None
    services: tuple[str, ...] = ()
    backups: tuple[BackupFile, ...] = ()
    antivirus: Antivirus | None = None
    winrm: Winrm = Winrm()
    middleware: tuple[Middleware, ...] = ()

    @property
    def family(self) -> str:
        """Which probes fit: `windows` or `linux`."""
        return "windows" if self.os == "windows" else "linux"


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """One running instance of a database: a RAC node, a standby."""

    name: str
    host: str
    role: str = ""
    port: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Database(Target):
    type: ClassVar[str] = "database"

    engine: str
    form: str = "single"
    version: str = ""
    port: int | None = None
    service: str = ""
    path: str = ""
    credential: str = ""
    instances: tuple[Instance, ...] = ()
    # Oracle: `oracledb` or `cx_Oracle`; `thin`, or `thick` with Oracle's own client. Empty: the engine's own.
    driver: str = ""
    client: str = ""
    # Encrypted and checked against `ca`, a file beside the inventories; empty: the system's own.
    tls: bool = False
    ca: str = ""
    # Until a connection has logged in; None: the engine's own.
    login_seconds: int | None = None
    # Where its log and its data lie on its hosts, where the database itself does not say.
    log: str = ""
    data: str = ""

    @property
    def hosts(self) -> tuple[str, ...]:
        """The names of the hosts it runs on, first the one to ask."""
        return tuple(dict.fromkeys(instance.host for instance in self.instances))


@dataclass(frozen=True, slots=True, kw_only=True)
class Site(Target):
    type: ClassVar[str] = "site"

    url: str
    marker: str = ""
    method: str = "GET"
    status: int = 200
    # When to give up, for each address of the site.
    seconds: int = 20
    # Certificates to trust beside the system's own.
    ca: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Device(Target):
    type: ClassVar[str] = "device"

    kind: str
    model: str = ""
    serial: str = ""
    location: str = ""
    port: int | None = None
    credential: str = ""
    # `icmp`, `tcp`, `http`, `snmp`, or `manual`: people look, and enter what they saw.
    reach: str = "manual"


@dataclass(frozen=True, slots=True)
class Output:
    """What one command on one target answered, to the byte."""

    command: str
    exit_code: int | None
    raw: bytes
    text: str
    stderr: str
    started_at: datetime
    duration: timedelta
    failure: str = ""
    event: SecurityEvent | None = None

    @property
    def lines(self) -> list[str]:
        """Ended by a line feed and nothing else: a name may hold what Unicode takes for the end of a line."""
        text = self.text.replace("\r\n", "\n").removesuffix("\n")
        return text.split("\n") if text else []

    @property
    def rows(self) -> list[dict[str, Any]]:
        """A database's answer: its text is a JSON array with one object a row."""
        return list(json.loads(self.text))


@dataclass(frozen=True, slots=True)
class Number:
    """A measured value with its unit and, where one applies, the threshold it was held against."""

    name: str
    value: float
    unit: str = ""
    threshold: float | None = None


@dataclass(frozen=True, slots=True)
class Mark:
    """What the next run has to know: how far a log was read, which ports were open."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Finding:
    """`known`: a named person has acknowledged it, in words. It is recorded all the same."""

    check: str
    target: str
    subject: str
    status: Status
    summary: str
    numbers: tuple[Number, ...] = ()
    change: str = ""
    advice: str = ""
    marks: tuple[Mark, ...] = ()
    known: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """A piece of proof, named by the SHA-256 of its bytes."""

    digest: str
    name: str
    media_type: str
    size: int
    tier: Tier


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What one run did, as it goes into the book."""

    contract: str
    routine: str
    title: str
    started_at: datetime
    ended_at: datetime
    started_by: str
    outcome: Outcome
    mode: Mode = Mode.REAL
    topics: tuple[str, ...] = ()
    plan_id: str = ""
    planned_at: datetime | None = None
    expected: int = 0
    reached: int = 0
    not_reached: tuple[str, ...] = ()
    summary: str = ""
    facts: Mapping[str, Json] = field(default_factory=dict)
    evidence: tuple[Evidence, ...] = ()
