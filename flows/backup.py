"""Routine: take the backups of a contract, copy them, clear away what need not be kept any longer."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from datetime import timedelta

from flows.backup_attempt import Attempt, Taking, attempted
from flows.backup_form import rows
from flows.backup_items import Ready, named, ready, summary
from flows.header import header
from flows.routine import Piece, Request, Routine, Run, Work
from tasks.backups import manifest as manifests
from tasks.backups import method_named
from tasks.backups.manifest import Kind
from tasks.backups.plan import Item
from tasks.backups.taking import clear_dead
from tasks.calendar.days import Calendar
from tasks.errors import OpsError, Refused
from tasks.home import Home
from tasks.inspection.findings import title
from tasks.inventory import Inventory
from tasks.log import log
from tasks.model import Database, Finding, Record, Status, Tier
from tasks.reports import backup as record_of
from tasks.reports.form import Form
from tasks.storage import Store
from tasks.texts import listed, t

LEFT_CHECK = "backup-left"
TOPICS = ("backup",)
KEPT_TOPIC = "backup.retention"
MESSAGES = "messages.txt"
# No upload takes so long.
OLD = timedelta(days=1)


def back_up(run: Run) -> Work:
    found = ready(run)
    left = leftovers(run, found)
    taking = Taking(
        run=run,
        ready=found,
        asked=asked_kind(run.request),
        calendar=Calendar.load(run.home.inventories),
    )
    attempts = all_attempts(taking)
    findings = [*left, *(one for attempt in attempts for one in attempt.findings)]
    taken = [one for one in attempts if one.backup]
    due = sum(one.kind is not None for one in attempts)
    pieces = list(evidence(attempts))

    def form(record: Record, number: str) -> Form:
        return record_of.build(
            record_of.Facts(
                record=record,
                number=number,
                header=header(run, record, number),
                findings=findings,
                titles={one.check: title(one.check) for one in findings},
                done=len(taken),
                expected=due,
                attachments={piece.name: piece.content for piece in pieces},
                rows=rows(found.place.plan, attempts),
                removed=[said for one in attempts for said in one.removed],
            )
        )

    return Work(
        findings=findings,
        expected=len(attempts),
        topics=(*TOPICS, KEPT_TOPIC) if taken else (),
        summary=summary("taken", findings, len(taken), due),
        not_reached={one.name: one.problem for one in attempts if one.kind and not one.backup},
        pieces=pieces,
        form=form,
        facts={"backups": [one.backup.name for one in taken if one.backup]},
    )


def leftovers(run: Run, found: Ready) -> list[Finding]:
    """What dead runs left; it never was a backup, but somebody has to know that one broke off."""
    for name, store in found.place.stores.items():
        if swept := sweepings(store, f"{run.request.contract}/"):
            log.info(t("backup_runs.swept", store=name, count=len(swept)))
    cleared = clear_dead(found.place)
    if not cleared:
        return []
    names = listed(folder.rpartition("/")[2] for folder in cleared)
    text, advice = t("backup_runs.cleared", names=names), t("backup_runs.cleared_advice")
    return [Finding(LEFT_CHECK, run.request.contract, "", Status.WARN, text, advice=advice)]


def sweepings(store: Store, prefix: str) -> list[str]:
    """A store that fails here fails at the backup as well, where it is told."""
    with suppress(OpsError):
        return store.sweep(OLD, prefix)
    return []


def all_attempts(taking: Taking) -> list[Attempt]:
    """Those of one host one after the other, in the order of the file."""
    queues: dict[str, list[Item]] = {}
    for item in taking.ready.items:
        queues.setdefault(host_of(item), []).append(item)
    done: dict[tuple[str, str], Attempt] = {}

    def work_off(queue: Sequence[Item]) -> None:
        for item in queue:
            done[item.key] = attempted(taking, item)

    with ThreadPoolExecutor(taking.ready.place.plan.parallel) as pool:
        # A task of Prefect's finds its run by the context.
        running = [pool.submit(copy_context().run, work_off, queue) for queue in queues.values()]
        for one in running:
            one.result()
    return [done[item.key] for item in taking.ready.items]


def host_of(item: Item) -> str:
    target = item.target
    return target.hosts[0] if isinstance(target, Database) and target.hosts else target.name


def evidence(attempts: Sequence[Attempt]) -> Iterator[Piece]:
    for one in attempts:
        if one.backup:
            content = manifests.write(one.backup.manifest)
            yield Piece(name=f"{one.backup.name}.manifest.json", content=content)
    lines = [f"{one.name}: {said}" for one in attempts for said in one.said]
    if lines:
        content = "\n".join([*lines, ""]).encode()
        yield Piece(name=MESSAGES, content=content, media_type="text/plain", tier=Tier.VERY)


def asked_kind(request: Request) -> Kind | None:
    """What people type; None: by the plan."""
    said = request.asked.get("kind", "")
    words = {t(f"backup_runs.kind_{kind}"): kind for kind in Kind}
    words |= {str(kind): kind for kind in Kind}
    if said in ("", t("backup_runs.kind_auto")):
        return None
    if said not in words:
        raise Refused(t("backup_runs.bad_kind", kind=said))
    return words[said]


def sensible(home: Home, inventory: Inventory, request: Request) -> object:
    wanted, kind = named(home, inventory, request), asked_kind(request)
    for item in wanted:
        if kind and kind not in method_named(item.job.method).kinds:
            text = t(f"backup_runs.kind_{kind}")
            raise Refused(t("backup_runs.kind_not_here", method=item.job.method, kind=text))
    return wanted


BACKUP = Routine(code="backup", work=back_up, named=sensible)
