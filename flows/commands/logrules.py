"""`opsproof logrules`: which rules there are for lines of logs, whether a contract's own are sound, and what
they make of a file.
"""

import sys
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from flows.commands import noun, verb
from tasks.texts import listed, t

if TYPE_CHECKING:
    from tasks.checks.logrules import Met, Rules
    from tasks.inventory import Inventory
    from tasks.strict import Problem

LOGS = ("linux", "windows", "oracle", "mysql", "postgres")
SOON = timedelta(days=30)


def add(nouns: Any) -> None:
    verbs = noun(nouns, "logrules", t("logs.noun"))
    made = verb(verbs, "check", t("logs.check_help"), check, table=True)
    made.add_argument("--contract", metavar="CODE", help=t("logs.contract_help"))
    made = verb(verbs, "list", t("logs.list_help"), run_list, table=True)
    made.add_argument("--contract", metavar="CODE", help=t("logs.contract_help"))
    made.add_argument("--log", choices=LOGS, help=t("logs.log_help"))
    made = verb(verbs, "try", t("logs.try_help"), run_try, table=True)
    made.add_argument("file", metavar="FILE", help=t("logs.file_help"))
    made.add_argument("--log", choices=LOGS, required=True, help=t("logs.log_help"))
    made.add_argument("--contract", metavar="CODE", help=t("logs.contract_help"))
    made.add_argument("--unknown", type=int, default=20, metavar="COUNT", help=t("logs.unknown_help"))


def check(options: Any) -> int:
    from dataclasses import asdict

    from flows.terminal import as_json, say, show
    from tasks import clock
    from tasks.checks.logrules import shipped_entries
    from tasks.home import home
    from tasks.inventory import survey

    inventory, problems = survey(home().inventories, options.contract)
    wrong = about_rules(inventory, problems)
    rows = list(suppressions(inventory, clock.now().date()))
    if options.json:
        print(as_json({"problems": [asdict(one) for one in wrong], "suppressions": rows}))
    else:
        for problem in wrong:
            print(problem)
        shown = [{**one, "state": t(f"logs.state_{one['state']}"), "targets": named(one)} for one in rows]
        keys = ("contract", "name", "until", "state", "targets", "reason")
        show(shown, {key: t(f"logs.col_{key}") for key in keys}, False)
    if not wrong:
        files = [one.file for one in inventory.logrules.values()]
        own, changed = (sum(len(getattr(one, part)) for one in files) for part in ("rules", "overrides"))
        say(t("logs.sound", shipped=len(shipped_entries()), own=own, changed=changed, suppressed=len(rows)))
    return 1 if wrong or any(one["state"] == "expired" for one in rows) else 0


def about_rules(inventory: "Inventory", problems: "list[Problem]") -> "list[Problem]":
    from tasks.checks.logrules import shipped_entries
    from tasks.inventory.logrules import FILE

    own = [one for one in problems if one.file.endswith(f"/{FILE}")]
    for rules in inventory.logrules.values():
        own += rules.unknown_rules(shipped_entries())
    return sorted(set(own))


def suppressions(inventory: "Inventory", today: date) -> Iterator[dict[str, Any]]:
    for code, rules in inventory.logrules.items():
        for part in (rules.file.rules, rules.file.overrides):
            for name, rule in part.items():
                if said := rule.suppress:
                    left = said.until - today
                    state = "expired" if said.until < today else "soon" if left <= SOON else "holds"
                    row = {"contract": code, "name": name, "until": said.until.isoformat(), "state": state}
                    yield {**row, "targets": said.targets, "reason": said.reason}


def named(row: dict[str, Any]) -> str:
    return listed(row["targets"]) or t("logs.all_targets")


def rules_of(options: Any) -> "Rules":
    """The shipped ones, or a contract's."""
    from tasks import clock
    from tasks.checks.logrules import rules_for, shipped
    from tasks.home import home
    from tasks.inventory import load

    if not options.contract:
        return shipped()
    rules = load(home().inventories, options.contract).logrules[options.contract]
    return rules_for(rules.file, "", clock.now().date())


def run_list(options: Any) -> int:
    from flows.terminal import show

    rows = [
        {
            "name": one.name,
            "logs": one.logs if options.json else listed(one.logs),
            "severity": one.severity if options.json else t(f"reports.{one.severity}"),
            "until": one.suppressed.until.isoformat() if one.suppressed else "",
            "meaning": one.meaning,
            "advice": one.advice,
            "pattern": one.pattern.pattern,
        }
        for one in rules_of(options).rules
        if options.log in (None, *one.logs)
    ]
    keys = ("name", "logs", "severity", "until", "meaning", "pattern")
    show(rows, {key: t(f"logs.col_{key}") for key in keys}, options.json)
    return 0


def run_try(options: Any) -> int:
    from flows.terminal import say, show
    from tasks.checks.logrules import meet

    found = meet(lines_of(options.file), options.log, rules_of(options))
    met = [one for one in found if one.rule]
    rest = [one for one in found if not one.rule]
    show(
        [row(one, options.json) for one in (*met, *rest[: max(options.unknown, 0)])],
        {key: t(f"logs.col_{key}") for key in ("count", "severity", "name", "meaning", "line")},
        options.json,
    )
    counts = [sum(one.count for one in part) for part in (met, rest)]
    say(t("logs.tried", lines=sum(counts), met=counts[0], rest=counts[1]))
    return 1 if any(one.rule and one.rule.severity in ("fail", "warn") for one in met) else 0


def row(one: "Met", whole: bool) -> dict[str, Any]:
    rule = one.rule
    said = {"count": one.count, "line": one.line if whole else one.line[:160]}
    if rule is None:
        return {**said, "severity": "", "name": "" if whole else t("logs.no_rule_met"), "meaning": ""}
    severity = rule.severity if whole else t(f"reports.{rule.severity}")
    return {**said, "severity": severity, "name": rule.name, "meaning": rule.meaning, "advice": rule.advice}


def lines_of(path: str) -> Iterator[str]:
    """Empty lines are none; each line in the encoding it is in."""
    from tasks.errors import OpsError
    from tasks.texts import why

    try:
        if path == "-":
            yield from decoded(sys.stdin.buffer)
            return
        with Path(path).open("rb") as file:
            yield from decoded(file)
    except OSError as problem:
        raise OpsError(t("logs.unreadable", path=path, reason=why(problem))) from problem


def decoded(file: BinaryIO) -> Iterator[str]:
    for raw in file:
        line = raw.rstrip(b"\r\n")
        try:
            text = line.decode("utf-8")
        except UnicodeDecodeError:
            text = line.decode("gb18030", "replace")
        if text.strip():
            yield text
