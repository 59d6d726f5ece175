"""What is stored beside each backup: from manifests alone the catalogue can be made again."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AwareDatetime, ConfigDict, Field, TypeAdapter, ValidationError

from tasks.backups.digests import Digest
from tasks.errors import OpsError
from tasks.storage import sound
from tasks.texts import t

FILE = "manifest.json"
FORMAT = 1


Size = Annotated[int, Field(ge=0, lt=2**63)]


class Kind(StrEnum):
    FULL = "full"
    INCREMENTAL = "incr"
    LOG = "log"


class Level(StrEnum):
    """How far a backup is proven; `NONE`: not at all."""

    NONE = "none"
    L0 = "L0"  # the bytes are those that were written
    L1 = "L1"  # the engine's own validation passes
    L2 = "L2"  # restored into a scratch instance and opened
    L3 = "L3"  # the restored rows equal the source's at one and the same point

    @property
    def rank(self) -> int:
        return list(Level).index(self)


@dataclass(frozen=True, slots=True)
class Member:
    """One stream of a backup, as it left the source and as it lies in storage."""

    name: str
    size: Size
    sha256: str
    object: str
    stored_size: Size
    stored_sha256: str


@dataclass(frozen=True, slots=True)
class Parent:
    name: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """`chain` counts the full backups of a job and target, `number` what follows one: version v0007.02."""

    contract: str
    system: str
    target: str
    engine: str
    job: str
    method: str
    kind: Kind
    chain: Size
    number: Size
    started_at: AwareDatetime
    ended_at: AwareDatetime
    point: Mapping[str, str]
    digest_point: Mapping[str, str] = field(default_factory=dict)
    members: tuple[Member, ...] = ()
    digests: tuple[Digest, ...] = ()
    not_digested: Mapping[str, str] = field(default_factory=dict)
    parent: Parent | None = None
    # Names of the keys that open it; empty: it is not encrypted.
    keys: tuple[str, ...] = ()
    sentinel: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)
    format: int = FORMAT

    __pydantic_config__ = ConfigDict(extra="forbid")

    @property
    def version(self) -> str:
        return f"v{self.chain:04}" + (f".{self.number:02}" if self.number else "")

    @property
    def name(self) -> str:
        """The naming rule: system, database, kind, time, version."""
        return f"{self.system}_{self.target}_{self.kind}_{self.started_at:%Y%m%dT%H%M%S}_{self.version}"

    @property
    def folder(self) -> str:
        """Where its objects lie in a store."""
        return f"{self.contract}/{self.target}/{self.name}"

    @property
    def size(self) -> int:
        return sum(member.size for member in self.members)

    @property
    def stored_size(self) -> int:
        return sum(member.stored_size for member in self.members)

    def key(self, member: Member) -> str:
        return f"{self.folder}/{member.object}"


ADAPTER: TypeAdapter[Any] = TypeAdapter(Manifest)


def write(manifest: Manifest) -> bytes:
    return bytes(ADAPTER.dump_json(manifest, indent=1)) + b"\n"


def read(content: bytes) -> Manifest:
    """What storage holds may be anything."""
    try:
        manifest: Manifest = ADAPTER.validate_json(content)
    except ValidationError as problem:
        raise OpsError(t("backups.bad_manifest", reason=problem.errors()[0]["msg"])) from problem
    if manifest.format != FORMAT:
        raise OpsError(t("backups.newer_manifest", format=manifest.format))
    for member in manifest.members:
        sound(member.name)
    if not is_one_folder(manifest):
        raise OpsError(t("backups.bad_manifest", reason=manifest.folder))
    return manifest


def is_one_folder(manifest: Manifest) -> bool:
    """Of a contract's target: names become paths of files here, and must not lead anywhere else."""
    parts = sound(manifest.folder).split("/")
    return parts == [manifest.contract, manifest.target, manifest.name]


def digest_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
