"""Finished backups damaged at random, as they lie in storage, and once more with every stored digest made
anew, so that only the engine's own validation, its start or the rows can tell. Clean ones never alarm.
"""

import io
import random
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tasks.backups import manifest as manifests
from tasks.backups import road
from tasks.backups.catalogue import Backup, Proved
from tasks.backups.manifest import FILE, Kind, Level, Manifest
from tasks.backups.plan import Item
from tasks.backups.proof import prove
from tasks.backups.taking import Place, take
from tasks.transports import Access
from tests.bench.show import Item as Line

# A member's name → its bytes before zstd and age.
Members = dict[str, bytes]
Dice = random.Random

DAMAGES, CLEAN = 50, 20


@dataclass(frozen=True)
class Mutation:
    """Something done to what a backup holds; None: it cannot be done to this one."""

    name: str
    make: Callable[[Members, Dice], Members | None]


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A method with a source that can be backed up again and again. The first store of the place is a folder;
    `change` lets the source move on; `kinds` are the links of a chain; `idle`: bytes of a member that stand
    for nothing, such as padding or a comment, by the format's own definition."""

    name: str
    place: Place
    identities: Sequence[Any]
    item: Item
    access: Access
    change: Callable[[], None]
    kinds: Sequence[Kind] = (Kind.FULL,)
    idle: Callable[[str, bytes, int], bool] = lambda member, content, offset: False

    def chain(self) -> list[Backup]:
        found = []
        for kind in self.kinds:
            self.change()
            found.append(take(self.place, self.item, kind, self.access))
        return found

    def prove(self, backup: Backup) -> Proved:
        return prove(self.place, backup, Level.L3, self.identities)

    def folder(self, backup: Backup) -> Path:
        store: Any = self.place.stores[self.item.job.store]
        return Path(store.root) / backup.manifest.folder

    def plain(self, backup: Backup) -> Members:
        opened = road.Opened(backup.manifest, self.place.stores[self.item.job.store], self.identities)
        content = {}
        for member in backup.manifest.members:
            with opened.open(member.name) as stream:
                content[member.name] = b"".join(iter(lambda stream=stream: stream.read(road.CHUNK), b""))  # type: ignore[misc]
        return content


def damage(
    subject: Subject,
    mutations: Sequence[Mutation] = (),
    count: int = DAMAGES,
    clean: int = CLEAN,
    seed: int = 5,
) -> Iterator[Line]:
    old, new = subject.chain(), subject.chain()
    yield from clean_runs(subject, clean)
    yield stored_damage(subject, old, new, count, Dice(seed))
    yield recomputed_damage(subject, old, new, mutations, count, Dice(seed + 1))


def clean_runs(subject: Subject, count: int) -> Iterator[Line]:
    alarms, started = [], time.monotonic()
    for _ in range(count):
        proof = subject.prove(subject.chain()[-1])
        if not proof.holds:
            alarms.append(proof.failed or proof.unsure)
    measured = f"{len(alarms)} alarms, {(time.monotonic() - started) / count:.1f} s each {alarms[:2] or ''}"
    yield Line(f"{subject.name}: {count} clean backups proven to L3", measured, "0 alarms", not alarms)


# What happens to files.


def flip(path: Path, dice: Dice) -> None:
    content = bytearray(path.read_bytes())
    content[dice.randrange(len(content))] ^= 1 << dice.randrange(8)
    path.write_bytes(content)


def truncate(path: Path, dice: Dice) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: dice.randrange(len(content))])


def extend(path: Path, dice: Dice) -> None:
    path.write_bytes(path.read_bytes() + dice.randbytes(dice.randrange(1, 5000)))


def blank(path: Path, dice: Dice) -> None:
    content = bytearray(path.read_bytes())
    start, size = dice.randrange(len(content)), dice.randrange(1, 4096)
    zeroed = bytes(len(content[start : start + size]))
    content[start : start + size] = zeroed if content[start : start + size] != zeroed else b"\1" * len(zeroed)
    path.write_bytes(content)


def lose(path: Path, dice: Dice) -> None:
    path.unlink()


FILE_DAMAGES: Sequence[Callable[[Path, Dice], None]] = (flip, flip, truncate, extend, blank, lose)


def stored_damage(
    subject: Subject, old: Sequence[Backup], new: Sequence[Backup], count: int, dice: Dice
) -> Line:
    """Objects and manifests of any link of the chain, members swapped, an old backup under a new name."""
    caught: Counter[str] = Counter()
    missed = []
    for number in range(count):
        link = dice.randrange(len(new))
        folder = subject.folder(new[link])
        with kept(folder):
            what = one_stored_damage(folder, subject.folder(old[link]), number, dice)
            proof = subject.prove(new[-1])
        if proof.failed and caught_by(proof) == Level.L0:
            caught["L0"] += 1
        else:
            missed.append(f"{what}: {proof.level} {proof.failed or proof.unsure or 'passed'}")
    proof = subject.prove(new[-1])
    assert proof.holds, proof  # what was damaged has been put back
    measured = f"{sum(caught.values())} of {count} caught {dict(caught)} {missed[:3] or ''}"
    return Line(f"{subject.name}: damaged as stored", measured, f"{count} of {count}, by L0", not missed)


def one_stored_damage(folder: Path, old: Path, number: int, dice: Dice) -> str:
    files = sorted(path for path in folder.iterdir() if not path.name.startswith("proof-"))
    if number % 10 == 8:
        shutil.rmtree(folder)
        shutil.copytree(old, folder)
        return "old backup renamed"
    if number % 10 == 9 and len(files) > 2:
        one, other = dice.sample([path for path in files if path.name != FILE], 2)
        first, second = one.read_bytes(), other.read_bytes()
        one.write_bytes(second)
        other.write_bytes(first)
        return f"swapped {one.name} {other.name}"
    path, how = dice.choice(files), dice.choice(FILE_DAMAGES)
    how(path, dice)
    return f"{how.__name__} {path.name}"


class kept:
    """The folder as it was, afterwards."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.copy = folder, folder.parent / f".{folder.name}.copy"

    def __enter__(self) -> None:
        shutil.copytree(self.folder, self.copy)

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.copy.rename(self.folder)


# What happens to content, behind digests that fit it.


def recomputed_damage(
    subject: Subject,
    old: Sequence[Backup],
    new: Sequence[Backup],
    mutations: Sequence[Mutation],
    count: int,
    dice: Dice,
) -> Line:
    caught: Counter[str] = Counter()
    missed: list[str] = []
    plain = [subject.plain(link) for link in new]
    before = [subject.plain(link) for link in old]
    done = tried = 0
    while done < max(count, len(mutations)) and tried < 10 * count:
        link = dice.randrange(len(new))
        every = [*mutations, *generic(subject, before[link])]
        mutation = every[tried] if tried < len(every) else dice.choice(every)
        tried += 1
        changed = mutation.make(dict(plain[link]), dice)
        if changed is None or changed == plain[link]:
            continue
        done += 1
        with kept(subject.folder(new[link])), as_catalogued(subject, new[link:]):
            proof = subject.prove(forged(subject, new, link, changed))
        if proof.failed:
            caught[caught_by(proof)] += 1
        else:
            place = where(plain[link], changed)
            missed.append(f"{mutation.name} {place}: {proof.level} {proof.unsure or 'passed'}")
    proof = subject.prove(new[-1])
    assert proof.holds, proof
    measured = f"{sum(caught.values())} of {done} caught {dict(sorted(caught.items()))} {missed[:3] or ''}"
    target = f"{done} of {done}, by L1 to L3"
    return Line(f"{subject.name}: all digests recomputed", measured, target, not missed and done >= count)


def where(before: Members, after: Members) -> str:
    """The first byte that differs, with what is around it: whoever reads of a miss has to see what it was."""
    for name, content in before.items():
        changed = after.get(name, b"")
        if changed != content:
            ends = zip(content, changed, strict=False)
            at = next((i for i, (one, other) in enumerate(ends) if one != other), len(changed))
            return f"{name}@{at} {content[max(at - 12, 0) : at + 12]!r}"
    return "—"


def caught_by(proof: Proved) -> str:
    """The level that did not hold: the one behind the last that was reached."""
    return str(list(Level)[proof.level.rank + 1])


def generic(subject: Subject, before: Members) -> list[Mutation]:
    """Done to any method: bits, blocks, lengths, members swapped or lost, yesterday's content as today's."""

    def bit(members: Members, dice: Dice) -> Members | None:
        name = weighted(members, dice)
        offset = dice.randrange(len(members[name]))
        if subject.idle(name, members[name], offset):
            return None
        content = bytearray(members[name])
        content[offset] ^= 1 << dice.randrange(8)
        return {**members, name: bytes(content)}

    def cut(members: Members, dice: Dice) -> Members | None:
        name = weighted(members, dice)
        end = dice.randrange(len(members[name]))
        if all(
            subject.idle(name, members[name], at) for at in range(end, min(end + 4096, len(members[name])))
        ):
            return None
        return {**members, name: members[name][:end]}

    def swap(members: Members, dice: Dice) -> Members | None:
        if len(members) < 2:
            return None
        one, other = dice.sample(sorted(members), 2)
        return {**members, one: members[other], other: members[one]}

    def lost(members: Members, dice: Dice) -> Members | None:
        gone = dice.choice(sorted(members))
        return {name: content for name, content in members.items() if name != gone}

    def yesterday(members: Members, dice: Dice) -> Members | None:
        return dict(before)

    return [
        Mutation("one bit", bit),
        Mutation("cut off", cut),
        Mutation("members swapped", swap),
        Mutation("member missing", lost),
        Mutation("another chain's, renamed as this one", yesterday),
        Mutation("one bit", bit),
        Mutation("one bit", bit),
    ]


def weighted(members: Members, dice: Dice) -> str:
    """Mostly the large ones, for that is where a bit is hit."""
    names = [name for name in sorted(members) if members[name]]
    return dice.choices(names, [len(members[name]) ** 0.5 for name in names])[0]


class as_catalogued:
    """These backups as the catalogue has them, afterwards."""

    def __init__(self, subject: Subject, backups: Sequence[Backup]) -> None:
        self.subject, self.backups = subject, backups

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        for backup in self.backups:
            self.subject.place.catalogue.add(backup)
            path = self.subject.folder(backup) / FILE
            path.write_bytes(manifests.write(backup.manifest))


def forged(subject: Subject, chain: Sequence[Backup], link: int, content: Members) -> Backup:
    """The chain with one link's content replaced and every digest that is stored anywhere made to fit."""
    made = rewritten(subject, chain[link].manifest, content)
    for child in chain[link + 1 :]:
        parent = manifests.Parent(made.name, made.digest)
        made = registered(subject, replace(child.manifest, parent=parent))
    return made


def rewritten(subject: Subject, manifest: Manifest, content: Members) -> Backup:
    store = subject.place.stores[subject.item.job.store]
    recipients = list(subject.place.plan.keys.values())
    for stored in list(store.objects(f"{manifest.folder}/")):
        store.delete(stored.key)
    members = [
        road.send(store, manifest.folder, name, io.BytesIO(data), recipients=recipients)
        for name, data in content.items()
    ]
    return registered(subject, replace(manifest, members=tuple(members)))


def registered(subject: Subject, manifest: Manifest) -> Backup:
    store = subject.place.stores[subject.item.job.store]
    data = manifests.write(manifest)
    store.put(f"{manifest.folder}/{FILE}", [data])
    backup = Backup(manifest, manifests.digest_of(data), (subject.item.job.store,))
    subject.place.catalogue.add(backup)
    return backup
