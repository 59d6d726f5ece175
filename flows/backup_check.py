"""Routine: the plan of backups held against what is there, every morning."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from flows.backup_items import Ready, named, policy, ready, summary
from flows.header import header
from flows.routine import Piece, Routine, Run, Work
from tasks import clock
from tasks.backups.catalogue import Backup
from tasks.backups.chains import newest
from tasks.backups.looks import Look, look
from tasks.backups.manifest import Level
from tasks.backups.plan import Item
from tasks.backups.plan_check import COPIES, PLAN, PROOF, Facts, Ran, check
from tasks.calendar.days import Calendar
from tasks.calendar.plans import Plan
from tasks.contracts.activation import active
from tasks.contracts.timetable import Timetable
from tasks.history.decisions import with_known
from tasks.inspection.findings import title
from tasks.inventory.vocabulary import Routine as Code
from tasks.locks import is_held
from tasks.log import log
from tasks.model import Finding, Record, Status
from tasks.reports import backup_check as record_of
from tasks.reports.form import Form
from tasks.texts import t

TOPIC = "backup.plan"
COPIES_FILE = "copies.json"
DAY = timedelta(days=1)
# Nobody answers for plans older than these; a proof may be due once a month.
BACKUPS_BACK, PROOFS_BACK = 31 * DAY, 62 * DAY
WORK = (Code.BACKUP, Code.BACKUP_PROOF)


def check_backups(run: Run) -> Work:
    found = ready(run)
    now, backups = clock.now(), found.place.catalogue.all()
    log.info(t("backup_runs.looking", backups=len(backups), stores=len(found.place.stores)))
    seen = still_there(found, look(found.place, backups, found.closed))
    log.info(t("backup_runs.looked", copies=len(seen.seen), mib=seen.read / 2**20))
    plans = asked(run, now)
    judged = check(
        Facts(
            now=now,
            since=answered_for(run, now),
            items=found.items,
            plans=plans,
            backups=backups,
            look=seen,
            calendar=Calendar.load(run.home.inventories),
            ran=dict(began(run, plans)),
            running=frozenset(code for code in WORK if is_held(run.home, run.request.contract, code)),
        )
    )
    findings = with_known(judged, run.history.acknowledged(run.request.contract), now.date())
    of = {
        item.key: [one for one in findings if (one.subject, one.target) == item.key] for item in found.items
    }
    unseen = {
        "/".join(key): next(one.summary for one in its if one.status is Status.UNKNOWN)
        for key, its in of.items()
        if any(one.status is Status.UNKNOWN for one in its)
    }

    copies = listing(seen)
    sound = sum(all(one.status is Status.OK or one.known for one in its) for its in of.values())

    def form(record: Record, number: str) -> Form:
        return record_of.build(
            record_of.Facts(
                record=record,
                number=number,
                header=header(run, record, number),
                findings=findings,
                titles={one.check: title(one.check) for one in findings},
                done=sound,
                expected=len(found.items),
                attachments={COPIES_FILE: copies},
                rows=[row(item, backups, of[item.key]) for item in found.items],
            )
        )

    return Work(
        findings=findings,
        expected=len(found.items),
        topics=(TOPIC,),
        summary=summary("check", findings, sound, len(found.items)),
        not_reached=unseen,
        pieces=[Piece(name=COPIES_FILE, content=copies)],
        form=form,
    )


def still_there(found: Ready, seen: Look) -> Look:
    """What retention took away meanwhile has not vanished."""
    known = {(one.name, store) for one in found.place.catalogue.all() for store in one.stores}
    return replace(seen, seen=tuple(one for one in seen.seen if (one.backup.name, one.store) in known))


def listing(seen: Look) -> bytes:
    """Every copy that was looked at, as evidence."""
    lines = [
        {
            "backup": one.backup.name,
            "store": one.store,
            "state": one.state,
            "said": one.said,
            "read_at": one.read_at.isoformat() if one.read_at else None,
            "manifest_sha256": one.backup.digest,
        }
        for one in seen.seen
    ]
    return json.dumps(lines, ensure_ascii=False, indent=1).encode()


def answered_for(run: Run, now: datetime) -> datetime:
    """Since when backups are to be answered for: what the last check could not yet know is asked again."""
    contract = run.request.contract
    last = next(run.book.entries(contract=contract, routine=CHECK.code, newest_first=True, limit=1), None)
    since = active(run.book)[contract]
    return (
        max(since, last.record.started_at - DAY, now - BACKUPS_BACK)
        if last
        else max(since, now - BACKUPS_BACK)
    )


def asked(run: Run, now: datetime) -> list[Plan]:
    """Since the contract was activated, as far back as a proof may be due."""
    contract = run.request.contract
    since = max(active(run.book)[contract], now - PROOFS_BACK)
    due = Timetable.load(run.home.inventories, contract).plans(since, now)
    return [plan for plan in due if plan.routine in WORK]


def began(run: Run, plans: Sequence[Plan]) -> Iterator[tuple[str, Ran]]:
    for plan in plans:
        if plan.routine != Code.BACKUP:
            continue
        for entry in run.book.entries(contract=plan.contract, plan_id=plan.id):
            if entry.record.routine == plan.routine:
                made = entry.record.facts.get("backups", ())
                assert isinstance(made, Sequence)
                yield plan.id, Ran(entry.record.started_at, frozenset(map(str, made)))


def row(item: Item, backups: Sequence[Backup], findings: Sequence[Finding]) -> record_of.Row:
    mine = [one for one in backups if one.item == item.key]
    last = newest(mine)
    said: Mapping[str, str] = {one.check: one.summary for one in findings}
    return record_of.Row(
        target=item.target.name,
        policy=policy(item.job),
        plan=said.get(PLAN, "—"),
        last=t("backup_runs.last", name=last.name, count=len(mine)) if last else t("backup_runs.no_backup"),
        level=t(f"backup_runs.level_{last.level if last else Level.NONE}"),
        proof=said.get(PROOF, "—"),
        copies=said.get(COPIES, "—"),
        status=Status.worst(one.status for one in findings),
    )


CHECK = Routine(code="backup-check", work=check_backups, named=named)
