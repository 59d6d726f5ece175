"""`opsproof availability`: figures of any period, planned stops announced beforehand."""

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from flows.commands import noun, verb
from tasks.texts import t

if TYPE_CHECKING:
    from tasks.availability.figures import Figure

COLUMNS = ("target", "kind", "raw", "excepted", "times", "down", "planned", "unknown", "ms")


def add(nouns: Any) -> None:
    verbs = noun(nouns, "availability", t("availability.noun"))
    shown = verb(verbs, "show", t("availability.show_help"), run_show, table=True)
    shown.add_argument("--contract", required=True, help=t("availability.arg_contract"))
    shown.add_argument("--from", dest="start", metavar="DATE", help=t("availability.arg_from"))
    shown.add_argument("--to", dest="end", metavar="DATE", help=t("availability.arg_to"))
    shown.add_argument("--outages", action="store_true", help=t("availability.arg_outages"))
    planned = verb(verbs, "stop", t("availability.stop_help"), run_stop)
    planned.add_argument("--contract", required=True, help=t("availability.arg_contract"))
    planned.add_argument(
        "--target", nargs="+", required=True, metavar="NAME", help=t("availability.arg_target")
    )
    for name in ("from", "to"):
        planned.add_argument(
            f"--{name}",
            dest=name + "_",
            required=True,
            metavar="TIME",
            help=t(f"availability.arg_stop_{name}"),
        )
    planned.add_argument("--by", required=True, metavar="NAME", help=t("history.arg_by"))
    planned.add_argument("--reason", required=True, help=t("history.arg_reason"))


def run_show(options: Any) -> int:
    from flows.statements import stated
    from flows.terminal import say, show
    from tasks.home import home

    first, last = period(options.start, options.end)
    said = stated(home(), options.contract, first, last)
    lines = [*said.parts, *said.targets]
    if not said.targets:
        say(t("availability.never", contract=options.contract, first=first, last=last))
    if options.json:
        print_json(options, said, first, last)
    elif options.outages:
        rows = [row(one) for one in said.outages]
        keys = ("target", "start", "end", "lasted", "planned", "reason")
        show(rows, {key: t(f"availability.col_{key}") for key in keys}, False)
    else:
        show([as_line(one) for one in lines], {key: t(f"availability.col_{key}") for key in COLUMNS}, False)
        for one in said.promises:
            say(promised(one))
    return 0 if all(one.status in ("ok", "warn") for one in said.promises) else 1


def print_json(options: Any, said: Any, first: date, last: date) -> None:
    from dataclasses import asdict

    from flows.terminal import as_json

    document = {
        "contract": options.contract,
        "from": first.isoformat(),
        "to": last.isoformat(),
        "promises": [asdict(one) for one in said.promises],
        "parts": [asdict(one) for one in said.parts],
        "targets": {name: figure(one) for name, one in said.figures.items()},
    }
    print(as_json(document))


def figure(one: "Figure") -> dict[str, object]:
    second = timedelta(seconds=1)
    return {
        "raw": one.raw,
        "excepted": one.excepted,
        "watched": one.watched,
        **{name: getattr(one, name) / second for name in ("up", "down", "planned", "unknown")},
        "outages": [
            {
                "start": outage.span.start.isoformat(),
                "end": outage.span.end.isoformat(),
                "seconds": outage.span.length / second,
                "planned": outage.planned / second,
                "reason": outage.span.reason,
            }
            for outage in one.outages
        ],
    }


def as_line(one: Any) -> dict[str, object]:
    from tasks.reports.availability import percent

    return {
        "target": one.name,
        "kind": one.kind,
        "raw": percent(one.raw),
        "excepted": percent(one.excepted),
        "times": one.times,
        "down": one.down,
        "planned": one.planned,
        "unknown": one.unknown,
        "ms": f"{one.ms[0]} / {one.ms[1]}" if one.ms[1] else "—",
    }


def row(one: Any) -> dict[str, object]:
    return {
        "target": one.target,
        "start": f"{one.start:%Y-%m-%d %H:%M:%S}",
        "end": f"{one.end:%Y-%m-%d %H:%M:%S}",
        "lasted": one.lasted,
        "planned": one.planned,
        "reason": one.reason,
    }


def promised(one: Any) -> str:
    from tasks.reports.availability import percent

    asked = f"≥ {one.at_least:g}%" if one.at_least is not None else ""
    kept = t(f"availability.kept_{one.status}")
    return t("availability.promised", title=one.title, value=percent(one.value), asked=asked, kept=kept)


def period(start: str | None, end: str | None) -> tuple[date, date]:
    """The current month so far, unless told."""
    from flows.commands.plan import day
    from tasks import clock
    from tasks.errors import Refused

    today = clock.now().date()
    first = day(start) if start else today.replace(day=1)
    last = day(end) if end else max(today, first)
    if last < first:
        raise Refused(t("calendar.period_reversed", first=first, last=last))
    return first, last


def run_stop(options: Any) -> int:
    from flows.terminal import say
    from tasks import clock
    from tasks.availability.stops import Stop, announced
    from tasks.errors import Refused
    from tasks.home import home
    from tasks.inventory import load
    from tasks.people.operators import Role, entitled
    from tasks.records import Book

    here, now = home(), clock.now()
    names = tuple(options.target)
    load(here.inventories, contract=options.contract).targets(contract=options.contract, names=names)
    entitled(here, options.by, options.contract, Role.APPROVER, Role.OPERATOR)
    start, end = moment(options.from_), moment(options.to_)
    if end <= start:
        raise Refused(t("availability.stop_reversed"))
    stop = Stop(names, start, end, options.reason, options.by, now)
    entry = Book(here.ready(here.book)).append(announced(options.contract, stop))
    say(t("availability.stop_noted", contract=options.contract, seq=entry.seq))
    if start < now:
        say(t("availability.stop_late"))
    return 0


def moment(text: str) -> datetime:
    from tasks import clock
    from tasks.errors import Refused

    try:
        return clock.parse(text)
    except ValueError as problem:
        raise Refused(t("availability.bad_time", text=text)) from problem
