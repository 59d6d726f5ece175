"""`opsproof run ROUTINE --contract X`: do it now, past Prefect, with the same record."""

from typing import TYPE_CHECKING, Any

from flows.commands import verb
from tasks.texts import t

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tasks.calendar.plans import Plan


def add(nouns: Any) -> None:
    run = verb(nouns, "run", t("routine.run_help"), _run, table=True)
    run.add_argument("routine", help=t("routine.run_routine"))
    run.add_argument("--contract", required=True, help=t("routine.run_contract"))
    run.add_argument("--only", nargs="+", default=(), metavar="NAME", help=t("routine.run_only"))
    run.add_argument("--failed", action="store_true", help=t("routine.run_failed"))
    run.add_argument("--note", default="", help=t("routine.run_note"))


def _run(options: Any) -> int:
    return ran(options, options.routine, {}, again=options.failed)


def ran(
    options: Any,
    code: str,
    asked: "Mapping[str, str]",
    *,
    again: bool = False,
    started_by: str = "",
    plan: "Plan | None" = None,
) -> int:
    """0: nothing found. 1: findings."""
    from tasks.home import home

    here = home()
    here.ready(here.prefect)  # Prefect complains of a missing folder when it is loaded, which is now
    from flows.prefect_run import row
    from flows.routine import Request, perform, user
    from flows.routines import routine
    from flows.terminal import Talking, as_json, say, show
    from tasks.log import log
    from tasks.model import Outcome
    from tasks.reports.daily import worst_first

    log.addHandler(Talking())
    log.propagate = False  # Prefect's own console would say it again, in English
    request = Request(
        contract=options.contract,
        started_by=started_by or user(),
        only=tuple(options.only),
        note=options.note,
        again=again,
        asked=asked,
        plan=plan,
    )
    closed = perform(here, routine(code), request)
    rows = [row(found) for found in worst_first(closed.findings)]
    if options.json:
        print(as_json(document(closed)))
    else:
        if rows:
            show(rows, {key: key for key in rows[0]}, False)
        say(closed.entry.record.summary)
    return 0 if closed.entry.record.outcome is Outcome.OK else 1


def document(closed: Any) -> dict[str, Any]:
    """A run as `--json` tells it: its record, then every finding."""
    from dataclasses import asdict

    entry = closed.entry
    return {
        "contract": entry.record.contract,
        "seq": entry.seq,
        "hash": entry.hash,
        "outcome": entry.record.outcome,
        "summary": entry.record.summary,
        "expected": entry.record.expected,
        "reached": entry.record.reached,
        "not_reached": list(entry.record.not_reached),
        "started_at": entry.record.started_at.isoformat(),
        "ended_at": entry.record.ended_at.isoformat(),
        "findings": [asdict(found) for found in closed.findings],
    }
