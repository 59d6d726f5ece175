"""`opsproof record`: what is in the book, and whether it is still what was written."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.commands import noun, verb
from flows.terminal import plain, say, show
from tasks.errors import OpsError, Refused
from tasks.model import Outcome
from tasks.texts import t, why

if TYPE_CHECKING:
    from tasks.records import Book, Entry, Head, Verification

LIMIT = 50
PROBLEMS_SHOWN = 100
QUIET_SECONDS = 2.0


def add(nouns: Any) -> None:
    verbs = noun(nouns, "record", t("records.record_help"))
    listed = verb(verbs, "list", t("records.list_help"), run_list, table=True)
    listed.add_argument("--contract", help=t("records.arg_contract"))
    listed.add_argument("--routine", help=t("records.arg_routine"))
    listed.add_argument("--since", help=t("records.arg_since"))
    listed.add_argument("--until", help=t("records.arg_until"))
    choices = [outcome.value for outcome in Outcome]
    listed.add_argument(
        "--outcome", choices=choices, help=t("records.arg_outcome", choices=" ".join(choices)), metavar="X"
    )
    listed.add_argument("--limit", type=int, default=LIMIT, help=t("records.arg_limit", default=LIMIT))
    shown = verb(verbs, "show", t("records.show_help"), run_show, table=True)
    shown.add_argument("contract", help=t("records.arg_contract"))
    shown.add_argument("seq", type=int, help=t("records.arg_seq"))
    shown.add_argument("--evidence", type=int, help=t("records.arg_evidence"))
    shown.add_argument("--output", type=Path, help=t("records.arg_output"))
    verified = verb(verbs, "verify", t("records.verify_help"), run_verify, table=True)
    verified.add_argument("--contract", help=t("records.arg_contract"))
    verified.add_argument("--head", action="append", default=[], help=t("records.arg_head"))
    headed = verb(verbs, "head", t("records.head_help"), run_head, table=True)
    headed.add_argument("--contract", help=t("records.arg_contract"))


def open_book() -> "Book":
    from tasks.home import home
    from tasks.records import Book

    return Book(home().book)


def run_list(options: Any) -> int:
    entries = open_book().entries(
        contract=options.contract,
        routine=options.routine,
        since=moment(options.since) if options.since else None,
        until=moment(options.until, end=True) if options.until else None,
        outcome=Outcome(options.outcome) if options.outcome else None,
        newest_first=True,
        limit=options.limit or None,
    )
    rows = [_listed(entry, raw=options.json) for entry in entries]
    names = {"contract": "contract", "seq": "seq", "started_at": "started", "recorded_at": "recorded"}
    names |= {"routine": "routine", "outcome": "outcome", "title": "title"}
    show(rows, {key: t(f"records.col_{name}") for key, name in names.items()}, options.json)
    return 0


def moment(text: str, end: bool = False) -> datetime:
    """A time that somebody typed; a bare date as an end includes that day."""
    from tasks.clock import parse

    try:
        when = parse(text)
        return when + timedelta(days=1) if end and len(text) <= len("2026-03-01") else when
    except (ValueError, OverflowError) as problem:
        raise Refused(t("records.bad_time", text=plain(text))) from problem


def _listed(entry: "Entry", raw: bool) -> dict[str, object]:
    record = entry.record
    if not raw:
        return {
            "contract": record.contract,
            "seq": entry.seq,
            "started_at": f"{record.started_at:%Y-%m-%d %H:%M:%S}",
            "recorded_at": f"{entry.recorded_at:%Y-%m-%d %H:%M:%S}",
            "routine": record.routine,
            "outcome": t(f"records.outcome_{record.outcome}"),
            "title": record.title,
        }
    names = ("routine", "title", "plan_id", "started_by", "expected", "reached", "summary", "outcome", "mode")
    times = {"started_at": record.started_at, "ended_at": record.ended_at, "recorded_at": entry.recorded_at}
    return {
        "contract": record.contract,
        "seq": entry.seq,
        **{name: getattr(record, name) for name in names},
        "planned_at": record.planned_at.isoformat() if record.planned_at else None,
        **{name: value.isoformat() for name, value in times.items()},
        "evidence": len(record.evidence),
        "hash": entry.hash,
    }


def run_show(options: Any) -> int:
    if (options.evidence is None) != (options.output is None):
        raise Refused(t("records.output_needed"))
    book = open_book()
    entry = book.entry(options.contract, options.seq)
    if options.output is not None:
        return _extract(book, entry, options.evidence, options.output)
    if options.json:
        print(json.dumps(entry.document, ensure_ascii=False, indent=1))
        return 0
    rows = [{"field": name, "value": value} for name, value in _shown(entry)]
    show(rows, {"field": t("records.col_field"), "value": t("records.col_value")}, False)
    return 0


def _shown(entry: "Entry") -> Iterator[tuple[str, object]]:
    document = entry.document
    for name in ("contract", "seq", "recorded_at", "prev", "hash"):
        yield t(f"records.field_{name}"), document[name]
    for name in (slot.name for slot in fields(entry.record) if slot.name in document["fields"]):
        yield t(f"records.field_{name}"), _in_words(name, document["fields"][name]["value"])
    for name, value in sorted(entry.record.facts.items()):
        yield t("records.field_fact", name=name), json.dumps(value, ensure_ascii=False)
    for number, item in enumerate(entry.record.evidence, 1):
        line = t(
            "records.evidence_line",
            name=item.name,
            media_type=item.media_type,
            size=item.size,
            tier=t(f"records.tier_{item.tier}"),
            digest=item.digest,
        )
        yield t("records.field_evidence", number=number), line


def _in_words(name: str, value: object) -> object:
    if name in ("outcome", "mode"):
        return t(f"records.{name}_{value}")
    return ", ".join(map(str, value)) if isinstance(value, list) else value


def _extract(book: "Book", entry: "Entry", number: int, output: Path) -> int:
    evidence = entry.record.evidence
    if not 1 <= number <= len(evidence):
        raise Refused(t("records.no_such_evidence", number=number, count=len(evidence)))
    item = evidence[number - 1]
    try:
        with output.open("xb") as file:
            try:
                for piece in book.chunks(item):
                    file.write(piece)
            except BaseException:
                output.unlink()
                raise
    except FileExistsError as problem:
        raise Refused(t("records.target_exists", path=output)) from problem
    except OSError as problem:
        raise OpsError(t("records.output_failed", path=output, reason=why(problem))) from problem
    say(t("records.extracted", name=plain(item.name), path=output, size=item.size))
    return 0


def run_verify(options: Any) -> int:
    heads = _heads(options.head, options.contract)
    report = ticker()
    book = open_book()
    verification = book.verify(
        options.contract, heads, progress=lambda done, total: report("verify", done, total)
    )
    rows = _verified(verification)
    names = ("contract", "records", "blobs", "bytes", "head", "problems")
    columns = {name: t(f"records.col_{name}") for name in names}
    if options.json:
        show(rows, columns, True)
    else:
        show([{**row, "problems": len(_sized(row["problems"]))} for row in rows], columns, False)
        _told(verification)
    if not verification.heads_checked:
        say(t("records.no_head_given"))
    return 0 if verification.ok else 1


def _sized(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _verified(verification: "Verification") -> list[dict[str, object]]:
    rows: list[dict[str, object]] = [
        {
            "contract": chain.contract,
            "records": chain.records,
            "blobs": chain.blobs,
            "bytes": chain.bytes,
            "head": str(chain.head),
        }
        for chain in verification.chains
    ]
    known = {row["contract"] for row in rows}
    rows += [{"contract": name} for name in sorted({p.contract for p in verification.problems} - known)]
    for row in rows:
        row["problems"] = [
            {"what": p.what, "seq": p.seq, "subject": p.subject, "detail": p.detail, "text": str(p)}
            for p in verification.problems
            if p.contract == row["contract"]
        ]
    return rows


def _told(verification: "Verification") -> None:
    if verification.ok:
        counts = {"records": sum(chain.records for chain in verification.chains)}
        counts["blobs"] = sum(chain.blobs for chain in verification.chains)
        say(t("records.verified", **counts))
        return
    print(t("records.found_problems", count=len(verification.problems)))
    for problem in verification.problems[:PROBLEMS_SHOWN]:
        print(plain(problem))
    if (more := len(verification.problems) - PROBLEMS_SHOWN) > 0:
        print(t("records.more_problems", count=more))


def _heads(texts: list[str], contract: str | None) -> Mapping[str, "Head"]:
    from tasks.records import Head

    heads = {}
    for text in texts:
        parts = text.strip().split(":")
        name = parts[0] if len(parts) == 3 else contract
        seq, digest = parts[-2:] if len(parts) in (2, 3) else ("", "")
        if not name or not (seq.isascii() and seq.isdigit()) or len(digest) != 64:
            raise Refused(t("records.bad_head", text=plain(text)))
        heads[name] = Head(int(seq), digest.lower())
    return heads


def run_head(options: Any) -> int:
    book = open_book()
    contracts = [options.contract] if options.contract else book.contracts()
    heads = {name: book.head(name) for name in contracts}
    rows = [
        {"contract": name, "seq": head.seq, "hash": head.hash, "head": f"{name}:{head}"}
        for name, head in heads.items()
        if head
    ]
    show(rows, {"head": t("records.col_head")}, options.json)
    if rows:
        say(t("records.keep_head"))
    return 0


def ticker() -> Callable[[str, int, int], None]:
    """Progress for people: nothing for what is quick, then a line every two seconds."""
    last = time.monotonic()

    def report(stage: str, done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last >= QUIET_SECONDS:
            last = time.monotonic()
            key = stage if total else f"{stage}ing"
            say(t(f"records.progress_{key}", done=done, total=total))

    return report
