"""`opsproof run ROUTINE --contract X`: do it now, past Prefect, with the same record."""

from typing import TYPE_CHECKING, Any

from flows.commands import verb
from tasks.texts import t

if TYPE_CHECKING:
    from collections.abc import Mapping


def add(nouns: Any) -> None:
    run = verb(nouns, "run", t("routine.run_help"), _run, table=True)
    run.add_argument("routine", help=t("routine.run_routine"))
    run.add_argument("--contract", required=True, help=t("routine.run_contract"))
    run.add_argument("--only", nargs="+", default=(), metavar="NAME", help=t("routine.run_only"))
    run.add_argument("--failed", action="store_true", help=t("routine.run_failed"))
    run.add_argument("--note", default="", help=t("routine.run_note"))


def _run(options: Any) -> int:
    return ran(options, options.routine, {}, again=options.failed)


def ran(options: Any, code: str, asked: "Mapping[str, str]", **more: Any) -> int:
    """0: nothing found. 1: findings. `more`: what else a request may say."""
    closed = closed_run(options, code, asked, **more)
    if options.json:
        from flows.terminal import as_json

        print(as_json(document(closed)))
        return code_of(closed)
    return shown(closed)


def closed_run(options: Any, code: str, asked: "Mapping[str, str]", **more: Any) -> Any:
    from flows.routine import Request, perform, user
    from flows.routines import routine
    from flows.terminal import Talking
    from tasks.home import home
    from tasks.log import log

    if not any(isinstance(one, Talking) for one in log.handlers):
        log.addHandler(Talking())
    log.propagate = False  # Prefect's own console would say it again, in English
    said = {"started_by": user(), "only": tuple(options.only), "note": options.note, **more}
    return perform(home(), routine(code), Request(contract=options.contract, asked=asked, **said))


def shown(closed: Any) -> int:
    from flows.routine import row
    from flows.terminal import say, show
    from tasks.reports.daily import worst_first

    rows = [row(found) for found in worst_first(closed.findings)]
    if rows:
        show(rows, {key: key for key in rows[0]}, False)
    say(closed.entry.record.summary)
    return code_of(closed)


def code_of(closed: Any) -> int:
    from tasks.model import Outcome

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
