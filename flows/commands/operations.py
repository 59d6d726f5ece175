"""`opsproof operations`: every command that was sent to a system, session by session."""

from typing import TYPE_CHECKING, Any

from flows.commands import noun, verb
from tasks.texts import t

if TYPE_CHECKING:
    from flows.operations import Wanted
    from tasks.home import Home
    from tasks.records import Book
    from tasks.reports.operations import Session

COLUMNS = ("seq", "source", "who", "at", "target", "way", "text", "result", "seconds", "digest")


def add(nouns: Any) -> None:
    verbs = noun(nouns, "operations", t("operations.noun"))
    shown = verb(verbs, "list", t("operations.list_help"), run_list, table=True)
    made = verb(verbs, "report", t("operations.report_help"), run_report)
    for one in (shown, made):
        one.add_argument("--contract", required=True, metavar="CODE", help=t("operations.arg_contract"))
        one.add_argument("--since", metavar="DATE", help=t("operations.arg_since"))
        one.add_argument("--until", metavar="DATE", help=t("operations.arg_until"))
        one.add_argument("--host", default="", metavar="NAME", help=t("operations.arg_host"))
        one.add_argument("--run", dest="seq", type=int, metavar="SEQ", help=t("operations.arg_run"))
    made.add_argument("--by", default="", metavar="NAME", help=t("operations.arg_by"))


def run_list(options: Any) -> int:
    from dataclasses import asdict

    from flows.terminal import as_json, say, show
    from tasks.reports.operations import DIGEST, result, seconds, shown, summary

    _, _, _, found = chosen(options)
    if options.json:
        print(as_json([asdict(one) for one in found]))
        return 0
    rows = [
        {
            "seq": one.seq,
            "source": t(f"operations.source_{one.source}"),
            "who": one.who,
            "at": f"{sent.at:%m-%d %H:%M:%S}",
            "target": sent.target,
            "way": sent.way,
            "text": shown(sent.text),
            "result": result(sent),
            "seconds": seconds(sent),
            "digest": sent.digest[:DIGEST],
        }
        for one in found
        for sent in one.operations
    ]
    show(rows, {key: t(f"operations.col_{key}") for key in COLUMNS}, False)
    say(summary(found))
    return 0


def run_report(options: Any) -> int:
    from flows.operations import report
    from flows.sessions_left import said_running
    from flows.terminal import say

    home, book, wanted, found = chosen(options)
    entry = report(home, book, wanted, found, said_running(home, options.contract))
    said = entry.record.summary
    say(t("operations.written", contract=options.contract, seq=entry.seq, summary=said))
    return 0


def chosen(options: Any) -> "tuple[Home, Book, Wanted, list[Session]]":
    """The sessions that were asked for, by period or by the number of their record."""
    from dataclasses import replace

    from flows.operations import period_of
    from flows.sessions_left import take_up_all
    from tasks.errors import Refused
    from tasks.home import home
    from tasks.inventory import load
    from tasks.records import Book
    from tasks.sessions.listing import session_of, sessions

    here = home()
    load(here.inventories, contract=options.contract).contract(options.contract)
    book = Book(here.ready(here.book))
    take_up_all(here, book)
    wanted = period_of(here, options)
    if options.seq is not None:
        one = session_of(book, book.entry(options.contract, options.seq))
        if one is None:
            raise Refused(t("operations.no_sessions"))
        words = t("operations.of_run", seq=options.seq)
        return here, book, replace(wanted, period=words, first=one.started_at, last=one.ended_at), [one]
    if options.host:
        words = t("operations.only_host", period=wanted.period, host=options.host)
        wanted = replace(wanted, period=words)
    found = sessions(book, options.contract, wanted.first, wanted.last, options.host)
    return here, book, wanted, sorted(found, key=lambda one: (one.started_at, one.seq))
