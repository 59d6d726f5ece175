"""What a restore would read: which backup, by whose name or for which moment, and from which stores."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from tasks import clock
from tasks.backups import is_elsewhere, method_named
from tasks.backups.catalogue import Backup
from tasks.backups.chains import by_name, failed, links, newest
from tasks.backups.copying import whole_in
from tasks.backups.manifest import Kind
from tasks.backups.proof import ROOM
from tasks.backups.taking import Place
from tasks.errors import Refused
from tasks.texts import t

GTID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}:\S+|\d+-\d+-\d+(,\d+-\d+-\d+)*")
LSN = re.compile(r"[0-9A-Fa-f]{1,8}/[0-9A-Fa-f]{1,8}")
SCN = re.compile(r"\d{5,20}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be read, and up to where. `members`: the streams as they left the source, for what an engine
    has to be helped with by hand."""

    chain: tuple[Backup, ...]
    # Of each link the stores that have it.
    stores: tuple[tuple[str, ...], ...]
    # Which of them is read: the first, until its bytes turn out to be others.
    attempt: int = 0
    until: Mapping[str, str] = field(default_factory=dict)
    members: bool = False

    @property
    def backup(self) -> Backup:
        return self.chain[-1]

    @property
    def sources(self) -> tuple[str, ...]:
        return tuple(names[min(self.attempt, len(names) - 1)] for names in self.stores)

    @property
    def attempts(self) -> int:
        return max(len(names) for names in self.stores)

    @property
    def size(self) -> int:
        return sum(one.manifest.size for one in self.chain)

    @property
    def need(self) -> int:
        return self.size if self.members else int(self.size * ROOM)


def wanted(place: Place, name: str, at: str = "", members: bool = False) -> Wanted:
    """`name`: a backup, or an item's target or job, of which the newest that is no failure is meant."""
    backup = picked(place, name, moment(at))
    method = method_named(backup.manifest.method)
    chain = place.catalogue.chain(backup)
    until: Mapping[str, str] = moment(at)
    if until and Kind.LOG not in method.kinds:
        raise Refused(t("restore.no_point", method=backup.manifest.method))
    if not until and backup.manifest.kind is Kind.LOG:
        until = backup.manifest.point
    return Wanted(
        chain=tuple(chain),
        stores=tuple(tuple(whole_in(place, link)) for link in chain),
        until=until,
        members=members or is_elsewhere(method),
    )


def picked(place: Place, name: str, until: Mapping[str, str]) -> Backup:
    everything = place.catalogue.all()
    if named := [one for one in everything if one.name == name]:
        return named[0]
    known = by_name(everything)
    mine = [one for one in everything if name in one.item]
    if not mine:
        raise Refused(t("backups.no_backup", name=name))
    if len({one.item for one in mine}) > 1:
        raise Refused(t("restore.which_job", name=name))
    able = [one for one in mine if (chain := links(one, known)) and not any(map(failed, chain))]
    if "time" in until:
        able = reaching(able, clock.parse(until["time"]))
    best = newest(able)
    if best is None:
        raise Refused(t("restore.none_able", name=name))
    return best


def reaching(able: Sequence[Backup], at: datetime) -> list[Backup]:
    """The first log that goes as far; without logs, what was taken before."""
    logs = [one for one in able if one.manifest.kind is Kind.LOG and one.manifest.ended_at >= at]
    whole = [one for one in logs if one.manifest.started_at and chain_begins(one, able) <= at]
    if whole:
        return [min(whole, key=lambda one: one.manifest.ended_at)]
    return [one for one in able if one.manifest.ended_at <= at]


def chain_begins(one: Backup, among: Sequence[Backup]) -> datetime:
    chain = links(one, by_name(among))
    return chain[0].manifest.ended_at if chain else one.manifest.ended_at


def moment(at: str) -> dict[str, str]:
    """A time, GTIDs, an LSN or an SCN, by how it is written."""
    if not at:
        return {}
    for name, pattern in (("gtid", GTID), ("lsn", LSN), ("scn", SCN)):
        if pattern.fullmatch(at):
            return {name: at}
    try:
        return {"time": clock.parse(at).isoformat()}
    except ValueError:
        raise Refused(t("restore.bad_point", at=at)) from None


def steps(wanted: Wanted, to: str) -> list[str]:
    """What is going to happen, in words."""
    told = [
        t(
            "restore.step_read",
            name=link.name,
            store=store,
            members=len(link.manifest.members),
            stored=link.manifest.stored_size / 2**30,
        )
        for link, store in zip(wanted.chain, wanted.sources, strict=True)
    ]
    told.append(
        t(
            "restore.step_members" if wanted.members else "restore.step_unpack",
            method=wanted.backup.manifest.method,
        )
    )
    if wanted.until and not wanted.members:
        told.append(t("restore.step_until", point=point(wanted.until)))
    return [*told, t("restore.step_end", to=to)]


def point(until: Mapping[str, str]) -> str:
    return " ".join(f"{name}={value}" for name, value in until.items())
