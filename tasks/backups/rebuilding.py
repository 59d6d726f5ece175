"""The catalogue made again from storage alone, and first how it differs from the one there is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from tasks.backups.catalogue import Backup, Catalogue, Proved, both, from_storage
from tasks.backups.taking import Place
from tasks.errors import OpsError
from tasks.texts import t


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of one backup's entry; `backup` is how it will be, or was where it goes."""

    what: Literal["new", "gone", "changed"]
    backup: Backup


@dataclass(frozen=True, slots=True)
class Difference:
    """`problems`: what could not be read, in storage or in the catalogue; of the latter, `spoilt` entries."""

    changes: tuple[Change, ...]
    problems: tuple[str, ...]
    spoilt: tuple[Path, ...] = ()


def difference(place: Place, closed: Sequence[str], believed: Callable[[Backup, Proved], bool]) -> Difference:
    """An entry goes only where every store it names was looked through. A proof in storage that is not
    `believed` counts for nothing: the backup has to be proven again."""
    problems: list[str] = []
    known, spoilt = readable(place.catalogue, problems)
    found: dict[str, Backup] = {}
    looked: set[str] = set()
    for name, store in place.stores.items():
        trouble: list[str] = []
        for stored in from_storage(place.contract, {name: store}, problems=trouble):
            sound = tuple(proof for proof in stored.proofs if believed(stored, proof))
            one = replace(stored, proofs=sound)
            if left := len(stored.proofs) - len(sound):
                problems.append(t("backups.proofs_unknown", name=one.name, count=left))
            try:
                found[one.name] = both(found.get(one.name, one), one)
            except OpsError as problem:
                trouble.append(str(problem))
        problems += trouble
        if not trouble:
            looked.add(name)
    changes = [
        change
        for name in sorted(known.keys() | found.keys())
        if (change := changed(known.get(name), found.get(name), looked))
    ]
    return Difference(tuple(changes), (*problems, *closed), tuple(spoilt))


def readable(catalogue: Catalogue, problems: list[str]) -> tuple[dict[str, Backup], list[Path]]:
    known, spoilt = {}, []
    for path in sorted(catalogue.folder.glob("*.json")) if catalogue.folder.is_dir() else []:
        try:
            known[path.stem] = catalogue.named(path.stem)
        except OpsError as problem:
            problems.append(str(problem))
            spoilt.append(path)
    return known, spoilt


def changed(known: Backup | None, found: Backup | None, looked: set[str]) -> Change | None:
    if known is None:
        assert found is not None
        return Change("new", found)
    unseen = tuple(store for store in known.stores if store not in looked)
    if found is None:
        return None if unseen else Change("gone", known)
    stores = tuple(dict.fromkeys((*unseen, *found.stores)))
    if known.digest != found.digest:
        return Change("changed", Backup(found.manifest, found.digest, stores, found.proofs))
    proofs = {proof.at: proof for proof in (*found.proofs, *known.proofs)}
    joined = Backup(known.manifest, known.digest, stores, tuple(proofs[at] for at in sorted(proofs)))
    same = set(joined.stores) == set(known.stores) and joined.proofs == known.proofs
    return None if same else Change("changed", joined)


def rebuild(catalogue: Catalogue, found: Difference) -> None:
    """What cannot be read is put aside first; storage may well have its backup."""
    for path in found.spoilt:
        path.rename(path.with_suffix(".spoilt"))
    for one in found.changes:
        if one.what == "gone":
            catalogue.forget(one.backup)
        else:
            catalogue.add(one.backup)
