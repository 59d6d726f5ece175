"""Plan held against what is there: what was not backed up, or late; what is not proven, too old, or gone.

Collect, then judge: `Facts` holds all that was looked at, `check` looks at nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import zip_longest

from tasks.backups import signs
from tasks.backups.cadence import asked_by, kind_today
from tasks.backups.catalogue import Backup
from tasks.backups.chains import by_name, failed, links, newest, proven
from tasks.backups.looks import Look, Seen
from tasks.backups.manifest import Kind
from tasks.backups.plan import Item
from tasks.backups.retention import future
from tasks.calendar.days import Calendar
from tasks.calendar.plans import Plan
from tasks.inventory.vocabulary import Routine
from tasks.model import Finding, Number, Status
from tasks.texts import listed, t

PLAN, PROOF, AGE, COPIES = "backup-check", "backup-proof", "backup-rpo", "backup-copy"
CLOCK, STRANGE = "backup-clock", "backup-strange"
HOUR = timedelta(hours=1)
NAMED = 5


@dataclass(frozen=True, slots=True)
class Ran:
    """A run of the routine `backup`, as its record has it: the names of the backups it made."""

    started_at: datetime
    made: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """`plans`: of the routines `backup` and `backup-proof`, due before `now`; backups are answered for since
    `since`, proofs as far back as plans go. `ran`: by plan. `running`: routines at work this moment."""

    now: datetime
    since: datetime
    items: Sequence[Item]
    plans: Sequence[Plan]
    backups: Sequence[Backup]
    look: Look
    calendar: Calendar
    ran: Mapping[str, Ran] = field(default_factory=dict)
    running: frozenset[str] = frozenset()


def check(facts: Facts) -> list[Finding]:
    """Of each item what is due, proven, its age and its copies; of the stores what nobody knows."""
    found = [one for item in facts.items for one in item_checked(facts, item)]
    return [*found, *strange(facts.look)]


def item_checked(facts: Facts, item: Item) -> Iterator[Finding]:
    mine = [one for one in facts.backups if one.item == item.key]
    real = [one for one in mine if not future(one, facts.now)]
    if len(real) < len(mine):
        yield clock_wrong(facts, item, mine)
    yield from not_run(facts, item, real)
    last = {kind: newest(one for one in real if one.manifest.kind is kind) for kind in Kind}
    for one in last.values():
        if one:
            yield from signs.findings(one, real)
    yield proof(facts, item, real)
    if item.job.rpo:
        yield age(facts, item, real, item.job.rpo)
    yield copies(facts, item, real)


def told(code: str, item: Item, status: Status, text: str, *numbers: Number, advice: str = "") -> Finding:
    return Finding(code, item.target.name, item.job.name, status, text, numbers, advice=advice)


def plans_of(facts: Facts, item: Item, routine: Routine) -> list[Plan]:
    found = [one for one in facts.plans if one.routine == routine and asked_by(one, item)]
    return sorted(found, key=lambda one: one.due_at)


def not_run(facts: Facts, item: Item, mine: Sequence[Backup]) -> Iterator[Finding]:
    """One finding for each plan that was not kept; one where all were."""
    asked = plans_of(facts, item, Routine.BACKUP)
    due = kept = 0
    for plan, following in zip_longest(asked, asked[1:]):
        before = [one for one in mine if one.manifest.started_at < plan.due_at]
        kind = kind_today(item.job, plan.due_at, before, facts.calendar)
        if kind is None or plan.due_at < facts.since:
            continue
        until = following.due_at if following else facts.now + HOUR
        made = [one.manifest.started_at for one in mine if plan.due_at <= one.manifest.started_at < until]
        due += 1
        kept += bool(made or cleared_away(facts, item, plan, kind))
        if found := plan_kept(facts, item, plan, made, kind):
            yield found
    if kept == due:
        yield told(PLAN, item, Status.OK, t("plan_check.kept", count=due))


def cleared_away(facts: Facts, item: Item, plan: Plan, kind: Kind) -> bool:
    """It was made, and retention has given it up since."""
    ran = facts.ran.get(plan.id)
    begins = f"{item.target.part}_{item.target.name}_{kind}_"
    return ran is not None and any(name.startswith(begins) for name in ran.made)


def plan_kept(facts: Facts, item: Item, plan: Plan, made: Sequence[datetime], kind: Kind) -> Finding | None:
    """A run works its items off one after the other: only when it began late was the backup late."""
    ran = facts.ran.get(plan.id)
    if made or cleared_away(facts, item, plan, kind):
        started = ran.started_at if ran else made[0]
        if started <= plan.late_at:
            return None
        minutes = (started - plan.due_at) / timedelta(minutes=1)
        text = t("plan_check.late", due=plan.due_at, started=started, minutes=minutes)
        number = Number("late_minutes", round(minutes), "min")
        return told(PLAN, item, Status.WARN, text, number, advice=t("plan_check.late_advice"))
    if Routine.BACKUP in facts.running and facts.now <= plan.given_up_at:
        return told(PLAN, item, Status.OK, t("plan_check.running", due=plan.due_at))
    if not ran and facts.now <= plan.late_at:
        return told(PLAN, item, Status.OK, t("plan_check.not_yet", due=plan.due_at))
    text = t("plan_check.failed" if ran else "plan_check.not_run", due=plan.due_at)
    return told(PLAN, item, Status.FAIL, text, advice=t("plan_check.not_run_advice", **who(item)))


def who(item: Item) -> dict[str, str]:
    return {"contract": item.target.contract, "job": item.job.name, "target": item.target.name}


def proof(facts: Facts, item: Item, mine: Sequence[Backup]) -> Finding:
    """Proven at all, and since the last proof that was promised."""
    known = by_name(mine)
    good = [one for one in mine if proven(one, item.job.asked) and links(one, known)]
    at = max((done.at for one in good for done in one.proofs if done.holds), default=None)
    advice = t("plan_check.proof_advice", **who(item))
    bad = [one for one in mine if failed(one) and (at is None or bad_since(one, at))]
    if bad:
        worst = bad[-1]
        assert worst.proved is not None
        text = t("plan_check.proof_failed", name=worst.name, reason=worst.proved.failed)
        return told(PROOF, item, Status.FAIL, text, advice=advice)
    if at is None:
        return never_proven(facts, item, mine, advice)
    promised = [one for one in plans_of(facts, item, Routine.BACKUP_PROOF) if one.given_up_at < facts.now]
    days = Number("proof_days", round((facts.now - at) / timedelta(days=1), 1), "d")
    if promised and at < promised[-1].due_at:
        text = t("plan_check.proof_old", at=at, due=promised[-1].due_at)
        return told(PROOF, item, Status.WARN, text, days, advice=advice)
    return told(PROOF, item, Status.OK, t("plan_check.proven", at=at, level=item.job.asked), days)


def bad_since(one: Backup, at: datetime) -> bool:
    return one.proved is not None and one.proved.at > at


def never_proven(facts: Facts, item: Item, mine: Sequence[Backup], advice: str) -> Finding:
    """What could not be looked at is unknown; what nobody looked at is not proven."""
    if not mine:
        return told(
            PROOF,
            item,
            Status.FAIL,
            t("plan_check.no_backup"),
            advice=t("plan_check.not_run_advice", **who(item)),
        )
    unsure = [one.proved.unsure for one in mine if one.proved and one.proved.unsure]
    if unsure:
        text = t("plan_check.proof_unsure", reason=unsure[-1])
        return told(PROOF, item, Status.UNKNOWN, text, advice=advice)
    return told(PROOF, item, Status.WARN, t("plan_check.never_proven", count=len(mine)), advice=advice)


def age(facts: Facts, item: Item, mine: Sequence[Backup], promised: timedelta) -> Finding:
    """How much would be lost now: since the newest that can be restored from a store that has it."""
    known = by_name(mine)
    states = seen_of(facts.look)
    able = [
        one
        for one in mine
        if (chain := links(one, known))
        and not any(failed(link) for link in chain)
        and all(
            any(seen.state != "vanished" and seen.state != "changed" for seen in states.get(link.name, ()))
            for link in chain
        )
    ]
    last = max((one.manifest.started_at for one in able), default=None)
    limit = promised / HOUR
    advice = t("plan_check.not_run_advice", **who(item))
    if last is None:
        return told(AGE, item, Status.FAIL, t("plan_check.nothing_to_restore", hours=limit), advice=advice)
    hours = (facts.now - last) / HOUR
    number = Number("age_hours", round(hours, 2), "h", limit)
    broken = hours > limit
    text = t("plan_check.rpo_broken" if broken else "plan_check.rpo_kept", at=last, hours=hours, limit=limit)
    return told(AGE, item, Status.FAIL if broken else Status.OK, text, number, advice=advice)


def seen_of(look: Look) -> dict[str, list[Seen]]:
    found: dict[str, list[Seen]] = {}
    for one in look.seen:
        found.setdefault(one.backup.name, []).append(one)
    return found


def copies(facts: Facts, item: Item, mine: Sequence[Backup]) -> Finding:
    """What the catalogue says is there, and the copies that the job promises of the newest."""
    seen = [one for one in facts.look.seen if one.backup.item == item.key]
    bad = [one for one in seen if one.state in ("vanished", "changed")]
    unsure = [one for one in seen if one.state == "unknown"]
    numbers = (Number("copies", len(seen)), Number("bad_copies", len(bad)))
    last = newest(mine)
    short = [name for name in item.job.copies if last and name not in last.stores]
    if bad:
        text = t("plan_check.copies_bad", count=len(bad), shown=shown(bad))
        return told(
            COPIES, item, Status.FAIL, text, *numbers, advice=t("plan_check.copies_advice", **who(item))
        )
    if unsure:
        text = t("plan_check.copies_unknown", count=len(unsure), shown=shown(unsure))
        return told(COPIES, item, Status.UNKNOWN, text, *numbers, advice=t("plan_check.store_advice"))
    if short and last:
        text = t("plan_check.copies_short", name=last.name, stores=listed(short))
        return told(
            COPIES, item, Status.WARN, text, *numbers, advice=t("plan_check.copy_advice", **who(item))
        )
    read = sum(one.read_at is not None for one in seen)
    return told(COPIES, item, Status.OK, t("plan_check.copies_whole", count=len(seen), read=read), *numbers)


def shown(seen: Sequence[Seen]) -> str:
    named = [
        t("plan_check.copy", name=one.backup.name, store=one.store, said=one.said) for one in seen[:NAMED]
    ]
    return t("plan_check.and").join(named)


def clock_wrong(facts: Facts, item: Item, mine: Sequence[Backup]) -> Finding:
    ahead = [one for one in mine if future(one, facts.now)]
    text = t("plan_check.future", count=len(ahead), name=ahead[-1].name, now=facts.now)
    return told(CLOCK, item, Status.WARN, text, advice=t("plan_check.future_advice"))


def strange(look: Look) -> Iterator[Finding]:
    """Folders that the catalogue does not know, and stores that did not open."""
    for store, reason in sorted(look.closed.items()):
        text = t("plan_check.closed", store=store, reason=reason)
        yield Finding(STRANGE, store, "", Status.UNKNOWN, text, advice=t("plan_check.store_advice"))
    for store in sorted({one.store for one in look.strangers}):
        mine = [one for one in look.strangers if one.store == store]
        size = sum(one.size for one in mine)
        text = t(
            "plan_check.strange",
            count=len(mine),
            whole=sum(one.whole for one in mine),
            gib=size / 2**30,
            names=listed(one.folder for one in mine[:NAMED]),
        )
        number = Number("unknown_gib", round(size / 2**30, 3), "GiB")
        yield Finding(STRANGE, store, "", Status.WARN, text, (number,), advice=t("plan_check.strange_advice"))
