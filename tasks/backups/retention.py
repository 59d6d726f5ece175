"""How long backups stay: grandfather, father, son; and what is never deleted, whatever they say.

A period counts by the backups there are, not by today: where backups stop, none grows too old.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tasks.backups.catalogue import Backup
from tasks.backups.chains import by_name, failed, links, order, proven
from tasks.backups.manifest import Kind, Level
from tasks.backups.plan import Keep
from tasks.clock import ZONE
from tasks.texts import t

# A clock may be a little ahead; what lies further in the future was written by a wrong one.
AHEAD = timedelta(hours=1)
PERIODS: dict[str, Callable[[datetime], object]] = {
    "daily": lambda at: at.date(),
    "weekly": lambda at: at.isocalendar()[:2],
    "monthly": lambda at: (at.year, at.month),
    "yearly": lambda at: at.year,
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """`why`: in words. It goes where nothing speaks for it."""

    backup: Backup
    stays: bool
    why: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Retention:
    """What becomes of the backups of one item, oldest first."""

    verdicts: tuple[Verdict, ...]

    @property
    def stays(self) -> list[Backup]:
        return [one.backup for one in self.verdicts if one.stays]

    @property
    def goes(self) -> list[Backup]:
        """What depends on others before these: an interruption breaks no chain."""
        going = [one.backup for one in self.verdicts if not one.stays]
        return sorted(going, key=order, reverse=True)


def retention(backups: Sequence[Backup], keep: Keep, asked: Level, now: datetime) -> Retention:
    """`backups`: all of one item. `asked`: how far one has to be proven to stand for those before it."""
    reasons: dict[str, list[str]] = {one.name: [] for one in backups}
    for one, text in (*untouchable(backups, asked, now), *chosen(backups, keep, asked, now)):
        if text not in reasons[one.name]:
            reasons[one.name].append(text)
    depended_on(backups, reasons)
    verdicts = [
        Verdict(one, bool(reasons[one.name]), tuple(reasons[one.name]) or (t("retention.goes"),))
        for one in sorted(backups, key=lambda one: (one.manifest.started_at, one.name))
    ]
    return Retention(tuple(verdicts))


def untouchable(backups: Sequence[Backup], asked: Level, now: datetime) -> Iterable[tuple[Backup, str]]:
    """What no number in `keep` can give up."""
    known = by_name(backups)
    good = [one for one in backups if proven(one, asked) and links(one, known)]
    for one in backups:
        if not good:
            yield one, t("retention.nothing_proven")
        if future(one, now):
            yield one, t("retention.future")
        if not links(one, known):
            yield one, t("retention.broken")
    # By number and by time: a clock that jumped makes these differ.
    for by in (order, started):
        for candidates in (good, [one for one in good if not future(one, now)]):
            if not candidates:
                continue
            last = max(candidates, key=by)
            yield last, t("retention.last_proven")
            for one in backups:
                if by(one) > by(last):  # type: ignore[operator]
                    yield one, t("retention.newer")


def started(backup: Backup) -> datetime:
    return backup.manifest.started_at


def future(backup: Backup, now: datetime) -> bool:
    return started(backup) > now + AHEAD


def chosen(
    backups: Sequence[Backup], keep: Keep, asked: Level, now: datetime
) -> Iterable[tuple[Backup, str]]:
    """The newest of so many periods, a proven one before others; what failed stands for no day."""
    known = by_name(backups)
    fit = [one for one in backups if links(one, known) and not failed(one) and not future(one, now)]
    for name, period in PERIODS.items():
        best: dict[object, Backup] = {}
        for one in sorted(fit, key=lambda one: (proven(one, asked), started(one), order(one))):
            best[period(started(one).astimezone(ZONE))] = one
        newest = sorted(best.values(), key=lambda one: (started(one), order(one)), reverse=True)
        for number, one in enumerate(newest[: getattr(keep, name)], 1):
            yield one, t(f"retention.{name}", number=number)


def depended_on(backups: Sequence[Backup], reasons: dict[str, list[str]]) -> None:
    """Whatever one that stays needs; and the logs of its chain: without them no moment after it is left."""
    known = by_name(backups)
    kept = [one for one in backups if reasons[one.name]]
    begun = {found[0].name for one in kept if (found := links(one, known))}
    for one in backups:
        chain = links(one, known) if one.manifest.kind is Kind.LOG else []
        if chain and chain[0].name in begun and not reasons[one.name]:
            reasons[one.name].append(t("retention.log"))
            kept.append(one)
    while kept:
        parent = kept.pop().manifest.parent
        needed = known.get(parent.name) if parent else None
        if needed and not reasons[needed.name]:
            reasons[needed.name].append(t("retention.needed"))
            kept.append(needed)
