"""Which rule a line of a log meets, and which lines are the same but for their numbers."""

import functools
import hashlib
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from tasks.inventory.logrules import LONGEST, LogRule, LogRulesFile, Suppression, compiled
from tasks.model import Status

# One file for each kind of log.
SHIPPED = Path(__file__).parent / "rules"


@dataclass(frozen=True, slots=True)
class Rule:
    """`suppressed`: no alarm today, and why; `expired`: it was, until then."""

    name: str
    logs: tuple[str, ...]
    pattern: re.Pattern[str]
    severity: Status
    meaning: str
    advice: str
    suppressed: Suppression | None = None
    expired: Suppression | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    """In the order in which a line is held against them; the first that fits is meant."""

    rules: tuple[Rule, ...]

    def match(self, log: str, line: str) -> Rule | None:
        return next((one for one in self.rules if log in one.logs and one.pattern.search(line)), None)

    def expired(self, log: str) -> list[Rule]:
        return [one for one in self.rules if log in one.logs and one.expired]


@functools.cache
def shipped_entries() -> Mapping[str, LogRule]:
    """Read as strictly as what people write."""
    found: dict[str, LogRule] = {}
    for path in sorted(SHIPPED.glob("*.toml")):
        entries = tomllib.loads(path.read_text("utf-8"))
        own = {name: {"logs": [path.stem], **entry} for name, entry in entries.items()}
        found |= LogRulesFile.model_validate({"rules": own}).rules
    return found


@functools.cache
def shipped() -> Rules:
    return Rules(tuple(rule(name, entry) for name, entry in shipped_entries().items()))


def rules_for(file: LogRulesFile, target: str, today: date) -> Rules:
    """What holds for one target of a contract; where it says nothing, the shipped ones as they are."""
    if file == LogRulesFile():
        return shipped()
    entries = file.over(dict(shipped_entries()))
    return Rules(tuple(rule(name, entry, target, today) for name, entry in entries.items()))


def rule(name: str, entry: LogRule, target: str = "", today: date = date.min) -> Rule:
    said = entry.suppress if entry.suppress and entry.suppress.concerns(target) else None
    return Rule(
        name,
        entry.logs,
        compiled(entry.pattern),
        Status(entry.severity),
        entry.meaning,
        entry.advice,
        said if said and today <= said.until else None,
        said if said and today > said.until else None,
    )


STAMP = re.compile(
    r"\d+-\d+-\d+[T ]+\d+:\d+:\d+[.,\d]*(?:Z|[+-]\d\d:?\d\d)?"
    r"|(?:[A-Z][a-z]{2} )?[A-Z][a-z]{2} +\d+ \d+:\d+:\d+(?: \d{4})?"
    r"|^\d{6} +\d+:\d+:\d+",
    re.ASCII,
)
# What differs between two lines that say the same. A code is what a line says: it stays.
VARIABLE = re.compile(
    r"(?P<code>\b(?-i:[A-Z]{2,}-\d+)|\berr[a-z_]*\W{0,3}\d+)"
    r"|(?P<path>(?:\b[A-Za-z]:)?(?:[/\\][\w.+@#$%~-]+)+[/\\]?)"
    r"|(?P<address>\b[0-9a-f]{1,4}:(?:[0-9a-f]{0,4}:){1,6}[0-9a-f]{1,4}\b|\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b)"
    r"|(?P<number>(?:0x)?[0-9a-f]*\d[0-9a-f]*(?:[.:-][0-9a-f]*\d[0-9a-f]*)*)",
    re.IGNORECASE | re.ASCII,
)
MARKS = {"path": "/…", "address": "@", "number": "#"}


def shape(line: str) -> str:
    """The line without its time, and with one mark for whatever numbers, addresses and paths it has."""
    head = STAMP.sub("", line[:60], count=1) + line[60:]
    return " ".join(VARIABLE.sub(marked, head).split())


def marked(found: re.Match[str]) -> str:
    return MARKS.get(found.lastgroup or "", found[0])


def digest(text: str) -> str:
    """A shape as it is remembered."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:8]


# Kinds of lines kept apart when a whole file is held against the rules.
MOST_KINDS = 5000


@dataclass
class Met:
    """Lines that meet one rule, or none: how many, and the last of them."""

    rule: Rule | None
    count: int = 0
    line: str = ""


def meet(lines: Iterable[str], log: str, rules: Rules) -> list[Met]:
    """What a file's lines meet, the worst first; those that meet no rule last, by their shapes."""
    found: dict[str, Met] = {}
    for line in lines:
        rule = rules.match(log, line[:LONGEST])
        name = rule.name if rule else f" {shape(line[:LONGEST])}"
        if name not in found and len(found) >= MOST_KINDS:
            name, line = " ", ""
        met = found.setdefault(name, Met(rule))
        met.count, met.line = met.count + 1, line
    order = (Status.FAIL, Status.WARN, Status.OK)
    return sorted(
        found.values(),
        key=lambda one: (order.index(one.rule.severity) if one.rule else len(order), -one.count),
    )
