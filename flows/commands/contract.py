"""`opsproof contract`: which contracts there are, and what each of them owes."""

import json
from collections.abc import Mapping
from datetime import date
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.commands import noun, verb
from flows.terminal import say, show
from tasks.texts import t

if TYPE_CHECKING:
    from tasks.inventory.contract import Contract, Duty, Part
    from tasks.inventory.due import WorkingDays
    from tasks.inventory.score import ScoreItem

Row = dict[str, Any]


def add(nouns: Any) -> None:
    verbs = noun(nouns, "contract", t("contract.noun"))
    verb(verbs, "list", t("contract.verb_list"), list_contracts, table=True)
    shown = verb(verbs, "show", t("contract.verb_show"), show_contract, table=True)
    shown.add_argument("code", metavar="CODE", help=t("contract.code"))


def list_contracts(options: Any) -> int:
    from tasks.home import home
    from tasks.inventory.contract import contracts

    columns = ("code", "name", "start", "end", "hosts", "databases", "sites", "devices", "duties")
    rows = [summary(contract) for contract in contracts(home().inventories).values()]
    show(rows, {key: t(f"contract.column_{key}") for key in columns}, options.json)
    return 0


def summary(contract: "Contract") -> Row:
    parts = list(contract.parts.values())
    return {
        "code": contract.code,
        "name": contract.name,
        "start": contract.term.start if contract.term else None,
        "end": contract.term.end if contract.term else None,
        "hosts": total(part.hosts for part in parts),
        "databases": total(part.databases for part in parts),
        "sites": total(None if part.sites is None else {"": part.sites} for part in parts),
        "devices": total(part.devices for part in parts),
        "duties": len(contract.duties),
    }


def total(counts: Any) -> int | None:
    """None where the contract gives no number at all: that is not zero."""
    given = [count for count in counts if count is not None]
    return sum(sum(count.values()) for count in given) if given else None


def show_contract(options: Any) -> int:
    from tasks.home import home
    from tasks.inventory.contract import contract_named

    folder = home().inventories
    contract = contract_named(folder, options.code)
    counting = Counting(folder)
    stones = [milestone_row(contract, counting.days, number) for number in range(len(contract.milestones))]
    if options.json:
        document = contract.model_dump(mode="json", exclude_unset=True)
        print(json.dumps({**document, "milestones": stones}, ensure_ascii=False, indent=1, default=str))
    else:
        print("\n".join(header(contract)))
        if stones:
            print("\n" + t("contract.header_milestones"))
            show(stones, headings({"title": "milestone", "rule": "due", "day": "day", "note": "note"}), False)
        if contract.duties:
            print("\n" + t("contract.header_duties"))
            lines = [line for duty in contract.duties for line in duty_lines(duty)]
            show(lines, headings(DUTY_COLUMNS), False)
        if contract.score:
            print("\n" + t("contract.header_score", start=f"{contract.score.start:g}"))
            show([score_row(item) for item in contract.score.items], headings(SCORE_COLUMNS), False)
    if counting.warnings:
        say("\n".join(sorted(counting.warnings)))
    return 0


DUTY_COLUMNS = {key: key for key in ("id", "clause", "kind", "often", "threshold", "routines", "title")}
SCORE_COLUMNS = {key: key for key in ("id", "text", "by", "points")}


def headings(columns: dict[str, str]) -> dict[str, str]:
    return {key: t(f"contract.column_{name}") for key, name in columns.items()}


class Counting:
    """Working days of the calendar, and what it had to guess on the way."""

    def __init__(self, inventories: Path) -> None:
        self.inventories = inventories
        self.warnings: set[str] = set()

    @property
    def days(self) -> "WorkingDays":
        from tasks.calendar.days import Calendar

        calendar = Calendar.load(self.inventories)

        def add_working_days(day: date, number: int) -> date:
            reckoned = calendar.add_working_days(day, number)
            if reckoned.warning:
                self.warnings.add(reckoned.warning)
            return reckoned.date

        return add_working_days


def milestone_row(contract: "Contract", days: "WorkingDays", number: int) -> Row:
    stone = contract.milestones[number]
    day = contract.due(stone.due, days) if stone.due else None
    return {
        "id": stone.id,
        "title": stone.title,
        "kind": stone.kind,
        "rule": stone.due.shown if stone.due else "",
        "due": stone.due.model_dump(mode="json", exclude_none=True) if stone.due else None,
        "day": day or (t("contract.depends") if stone.due is None else None),
        "note": stone.note,
    }


def header(contract: "Contract") -> list[str]:
    lines = [f"{contract.code}  {contract.name}"]
    if contract.term:
        lines.append(t("contract.header_term", start=contract.term.start, end=contract.term.end))
    else:
        lines.append(t("contract.no_term"))
    if breach := contract.breach:
        lines.append(t("contract.header_breach", **breach.model_dump()))
    if rule := contract.confidentiality:
        lines.append(
            t(
                "contract.header_confidentiality",
                notifications=t("contract.allowed" if rule.notifications else "contract.forbidden"),
                storage=t("contract.allowed" if rule.outside_storage else "contract.forbidden"),
            )
        )
    lines.append(t("contract.header_parts"))
    for code, part in contract.parts.items():
        lines.append(f"  {code}  {part.title}  {counts(part, contract.kinds)}".rstrip())
    return lines


def counts(part: "Part", kinds: Mapping[str, str]) -> str:
    """`windows 30 · centos 2 · …`, or nothing where the contract gives no number."""
    known = {**(part.hosts or {}), **(part.databases or {})}
    known |= {kinds[kind]: number for kind, number in (part.devices or {}).items()}
    if part.sites:
        known[t("contract.column_sites")] = part.sites
    return " · ".join(f"{kind} {number}" for kind, number in known.items())


def score_row(item: "ScoreItem") -> Row:
    points = item.shown or t("contract.open_points")
    if item.most is not None:
        points += t("contract.at_most_points", most=f"{item.most:g}")
    return {"id": item.id, "text": item.text, "by": t(f"contract.by_{item.by}"), "points": points}


def duty_lines(duty: "Duty") -> list[Row]:
    """A line for each thing owed and each number; the duty itself stands on the first."""
    first = {
        "id": duty.id,
        "clause": duty.clause,
        "kind": t(f"contract.kind_{duty.kind.replace('+', '_')}"),
        "title": duty.title,
    }
    often = [owed.shown for owed in duty.owes]
    limits = [threshold.shown for threshold in duty.thresholds] + [count.shown for count in duty.counts]
    lines = zip_longest(often, limits, duty.routines, fillvalue="")
    return [
        {**(first if not number else {}), "often": owed, "threshold": limit, "routines": routine}
        for number, (owed, limit, routine) in enumerate(lines)
    ]
