"""Which backups there are and how far each is proven: one small file each on this machine, made again from
storage alone when they are lost. A backup that is not complete never gets in.
"""

import fcntl
import glob
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import AwareDatetime, Field, TypeAdapter, ValidationError

from tasks.backups import manifest as manifests
from tasks.backups.manifest import FILE, Kind, Level, Manifest
from tasks.errors import OpsError, Refused
from tasks.files import write_whole
from tasks.home import Home
from tasks.storage import Missing, Store
from tasks.texts import t

PROOF = "proof-"
LOCK = ".lock"


@dataclass(frozen=True, slots=True)
class Proved:
    """How far one proof came. `failed`: what did not hold, empty if nothing; `unsure`: what could not be
    looked at. `seconds`: until the restored instance answered, the measured RTO."""

    at: AwareDatetime
    level: Level
    asked: Level
    failed: str = ""
    unsure: str = ""
    seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    compared: int = 0
    rows: int = 0
    point: Mapping[str, str] | None = None

    @property
    def holds(self) -> bool:
        return not self.failed and self.level.rank >= self.asked.rank


@dataclass(frozen=True, slots=True)
class Backup:
    """A complete backup. `digest`: of its manifest, which names the digests of all the rest."""

    manifest: Manifest
    digest: str
    stores: tuple[str, ...]
    proofs: tuple[Proved, ...] = ()

    @property
    def name(self) -> str:
        return self.manifest.name

    @property
    def item(self) -> tuple[str, str]:
        return self.manifest.job, self.manifest.target

    @property
    def proved(self) -> Proved | None:
        """The last proof, whatever it said."""
        return self.proofs[-1] if self.proofs else None

    @property
    def level(self) -> Level:
        """The highest reached since a proof last failed: one that could not look takes nothing away."""
        found = Level.NONE
        for proof in self.proofs:
            found = Level.NONE if proof.failed else max(found, proof.level, key=lambda level: level.rank)
        return found


PROVED: TypeAdapter[Any] = TypeAdapter(Proved)


class Catalogue:
    def __init__(self, home: Home, contract: str) -> None:
        self.contract = contract
        self.folder = home.backups / contract / "catalogue"
        self._home = home

    def all(self, target: str = "") -> list[Backup]:
        """By the time they were begun."""
        of_target = f"*_{glob.escape(target)}_*.json" if target else "*.json"
        found = [self._read(path) for path in self.folder.glob(of_target)] if self.folder.is_dir() else []
        return sorted(found, key=lambda one: (one.manifest.started_at, one.name))

    def of(self, item: tuple[str, str]) -> list[Backup]:
        """Only its target's files are read: one that is damaged costs no other target its backups."""
        return [one for one in self.all(item[1]) if one.item == item]

    def named(self, name: str) -> Backup:
        path = self.folder / f"{name}.json"
        if "/" in name or not path.is_file():
            raise Refused(t("backups.no_backup", name=name))
        return self._read(path)

    def chain(self, backup: Backup) -> list[Backup]:
        """From the full backup on to this one; Missing where a link is gone or is another one."""
        links = [backup]
        while parent := links[0].manifest.parent:
            try:
                found = self.named(parent.name)
            except Refused as problem:
                raise Missing(str(problem)) from problem
            if found.digest != parent.digest:
                raise Missing(t("backups.other_parent", name=links[0].name, parent=parent.name))
            links.insert(0, found)
        return links

    def add(self, backup: Backup) -> None:
        document = {
            "manifest": manifests.write(backup.manifest).decode(),
            "stores": list(backup.stores),
            "proofs": [json.loads(PROVED.dump_json(proof)) for proof in backup.proofs],
        }
        self._home.ready(self.folder)
        write_whole(self.folder / f"{backup.name}.json", json.dumps(document, indent=1).encode())

    @contextmanager
    def changing(self) -> Iterator[None]:
        """What is read and written again is nobody else's meanwhile: a proof may end while a copy arrives."""
        with (self._home.ready(self.folder) / LOCK).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def join(self, found: Backup) -> Backup:
        """What storage says of it, beside what is known of it already."""
        with self.changing():
            path = self.folder / f"{found.name}.json"
            joined = both(self._read(path), found) if path.is_file() else found
            self.add(joined)
        return joined

    def prove(self, backup: Backup, proof: Proved) -> Backup:
        with self.changing():
            known = self.named(backup.name)
            known = replace(known, proofs=(*known.proofs, proof))
            self.add(known)
        return known

    def forget(self, backup: Backup) -> None:
        (self.folder / f"{backup.name}.json").unlink(missing_ok=True)

    def _read(self, path: Path) -> Backup:
        try:
            document = json.loads(path.read_bytes())
            content = document["manifest"].encode()
            proofs = tuple(PROVED.validate_python(one) for one in document["proofs"])
            stores = tuple(map(str, document["stores"]))
        except (ValueError, KeyError, TypeError, AttributeError, ValidationError) as problem:
            raise OpsError(t("backups.bad_catalogue", path=path)) from problem
        return Backup(manifests.read(content), manifests.digest_of(content), stores, proofs)


def proof_key(manifest: Manifest, proof: Proved) -> str:
    return f"{manifest.folder}/{PROOF}{proof.at:%Y%m%dT%H%M%S}.json"


def from_storage(
    contract: str,
    stores: Mapping[str, Store],
    within: str = "",
    problems: list[str] | None = None,
) -> Iterator[Backup]:
    """Every complete backup that the stores hold, or a folder of them: its manifest was written last. What
    cannot be read goes to `problems`; without that it is an error."""
    found: dict[str, Backup] = {}
    for store_name, store in stores.items():
        try:
            keys = [one.key for one in store.objects(within or f"{contract}/")]
        except OpsError as problem:
            amiss(problems, problem)
            continue
        proofs = [key for key in keys if key.rpartition("/")[2].startswith(PROOF)]
        for key in keys:
            if key.endswith(f"/{FILE}"):
                beside = [one for one in proofs if one.startswith(key.removesuffix(FILE))]
                try:
                    one = stored_backup(store, store_name, key, beside)
                    found[one.name] = both(found.get(one.name, one), one)
                except OpsError as problem:
                    amiss(problems, problem)
    yield from found.values()


def amiss(problems: list[str] | None, problem: OpsError) -> None:
    if problems is None:
        raise problem
    problems.append(str(problem))


def stored_backup(store: Store, store_name: str, key: str, proofs: Sequence[str]) -> Backup:
    content = b"".join(store.read(key))
    one = manifests.read(content)
    if key != f"{one.folder}/{FILE}":
        raise OpsError(t("backups.other_folder", key=key, name=one.name))
    read = sorted((proof_in(store, proof) for proof in proofs), key=lambda proof: proof.at)
    return Backup(one, manifests.digest_of(content), (store_name,), tuple(read))


def proof_in(store: Store, key: str) -> Proved:
    try:
        proof: Proved = PROVED.validate_json(b"".join(store.read(key)))
    except ValidationError as problem:
        raise OpsError(t("backups.bad_manifest", reason=key)) from problem
    return proof


def both(known: Backup, found: Backup) -> Backup:
    """One backup as two places know it: all its stores and proofs."""
    if known.digest != found.digest:
        raise OpsError(t("backups.other_manifest", name=found.name))
    proofs = {proof.at: proof for proof in (*known.proofs, *found.proofs)}
    stores = tuple(dict.fromkeys((*known.stores, *found.stores)))
    return Backup(known.manifest, known.digest, stores, tuple(proofs[at] for at in sorted(proofs)))


def next_version(before: Sequence[Backup], kind: Kind) -> tuple[int, int]:
    """Chain and number of the next: a full backup begins a chain."""
    chain = max((one.manifest.chain for one in before), default=0)
    if kind is Kind.FULL:
        return chain + 1, 0
    return chain, 1 + max(one.manifest.number for one in before if one.manifest.chain == chain)
