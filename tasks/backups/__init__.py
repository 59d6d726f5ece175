"""Backups that are proven: how each kind of source is taken and opened again."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import BinaryIO, Protocol

from tasks.backups.digests import Digest
from tasks.backups.manifest import Kind, Manifest
from tasks.backups.plan import Job
from tasks.backups.scratch import Scratch
from tasks.errors import OpsError
from tasks.model import Target
from tasks.registry import Registry
from tasks.texts import t
from tasks.transports import Access


class Unsound(OpsError):
    """The engine's own validation, or its start, refused what came back: the backup is no good."""


class ChainBroken(OpsError):
    """What should follow the last backup no longer does: a log that was purged, a timeline that was left.
    Only a full one helps."""


class Disturbed(OpsError):
    """The source was changed under the backup in a way that spoils it: another try may do."""


class CouldNotLook(OpsError):
    """Proof could not be tried: it tells nothing of the backup."""


class Source(Protocol):
    """Bytes as they come; empty at their end. What goes wrong in the middle is raised, never an end."""

    def read(self, size: int = -1, /) -> bytes: ...


class Sink(Protocol):
    def send(self, name: str, source: Source) -> None:
        """Take all of `source` to storage as the member `name`; returns when it is there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be taken."""

    job: Job
    target: Target
    kind: Kind
    access: Access
    # From the full one on, the last is the parent; empty for a full backup.
    chain: Sequence[Manifest] = ()
    # What the source has to look like at one point: wanted where proof goes up to L3.
    digests: bool = True
    # The known value to plant in the source before anything is read; empty: none.
    sentinel: str = ""
    say: Callable[[str], None] = lambda _: None

    @property
    def parent(self) -> Manifest:
        return self.chain[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What a method says of what it took. `point`: up to where it goes, in the engine's own terms (gtid, lsn,
    scn, time). `digests` are of the source at `digest_point`, to which a restore is rolled forward."""

    point: Mapping[str, str]
    digest_point: Mapping[str, str] = field(default_factory=dict)
    digests: tuple[Digest, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    # Why something cannot be compared: table or whole source → reason.
    not_digested: Mapping[str, str] = field(default_factory=dict)


class Fetched(Protocol):
    """One stored backup, its members opened as they were before zstd and encryption."""

    manifest: Manifest

    def open(self, member: str) -> AbstractContextManager[BinaryIO]:
        """All of it has to be read: only then its bytes are compared with those that were written."""

    def compare_rest(self) -> None:
        """L0 of the members that were not opened."""


class Instance(Protocol):
    """A restored backup, opened."""

    def digests(self, expected: Sequence[Digest]) -> tuple[Digest, ...]:
        """What is there now; `expected` says what to look for, and more than that is told as well."""

    def sentinel(self) -> str:
        """The planted value; empty: none."""


class Method(Protocol):
    """How one kind of source is backed up and opened again: one file in `methods/`."""

    kinds: frozenset[Kind]
    # Types of targets and engines it is for: ("database", "mysql").
    serves: tuple[str, str]

    def take(self, order: Order, sink: Sink) -> Taken: ...

    def unpack(self, chain: Sequence[Fetched], scratch: Scratch) -> None:
        """L1: the bytes into `scratch`, and the engine's own validation; Unsound."""

    def opened(
        self, chain: Sequence[Fetched], scratch: Scratch, until: Mapping[str, str]
    ) -> AbstractContextManager[Instance]:
        """L2: started on what was unpacked, rolled forward to exactly `until`; Unsound."""


# The `method` that backups.yml uses → how it is done.
METHODS: Registry[Callable[[], Method]] = Registry("tasks.backups.methods")
START_LIMIT = timedelta(minutes=10)


def is_elsewhere(method: Method) -> bool:
    """Whether it is proven on the verification host, where its room is as well."""
    return bool(getattr(method, "elsewhere", False))


def method_named(name: str) -> Method:
    method = METHODS.get(name)
    if method is None:
        raise OpsError(t("backups.no_method", name=name))
    return method()
