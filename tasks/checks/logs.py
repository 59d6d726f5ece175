"""From grouped lines of a log to findings: one for the log, and one for each rule that its lines meet."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tasks.checks.answers import Answers, Member
from tasks.checks.grouping import Group, Grouped, read_groups
from tasks.checks.judging import Before, Limits, Pair, finding, unknown
from tasks.checks.linux.positions import read_place
from tasks.checks.logrules import Rule, Rules, digest, shape
from tasks.model import Finding, Number, Status
from tasks.texts import t

# `errors`: what alarms, whatever rule it meets; `lines`: that and what is harmless, a flood of which is not.
LIMITS: Mapping[str, Pair] = {"errors": (1, 100), "lines": (1000, 10000)}
# The mark with the shapes that were seen before, for the judge alone; and how many it holds.
SEEN = "seen"
MOST_SEEN = 500
# What is asked of a Windows host instead of a log file: that it is one.
WINDOWS = "'windows'"
# How many kinds of lines that no rule knows are shown.
SHOWN = 3


@dataclass(frozen=True, slots=True)
class Lines:
    """How lines of one kind of log are read. `bad`: whether one that no rule knows is an error; `who` wrote
    it; `said`: what matters of it; `shape`: what lines of one kind have in common."""

    kind: str
    bad: Callable[[str], bool] = lambda line: True
    who: Callable[[str], str] = lambda line: ""
    said: Callable[[str], str] = lambda line: line
    shape: Callable[[str], str] = shape


@dataclass(frozen=True, slots=True)
class Log:
    """A log as it was read on; `prefix` is what the mark of its shapes begins with."""

    lines: Lines
    subject: str
    grouped: Grouped
    note: str = ""
    marks: Mapping[str, str] = field(default_factory=dict)
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class Kind:
    """Lines of one shape, what rule they meet, and whether such a line was never seen before."""

    group: Group
    rule: Rule | None
    new: bool
    alarms: bool

    @property
    def suppressed(self) -> bool:
        return self.rule is not None and self.rule.suppressed is not None


def judge_log(log: Log, limits: Limits, before: Before) -> Iterator[Finding]:
    rules = limits.rules()
    shapes = merged(log)
    seen = before.marks.get(log.prefix + SEEN)
    known = None if seen is None else seen.split()
    kinds = [made(log, rules, group, name, known) for name, group in shapes.items()]
    marks = dict(log.marks)
    if (remembered := with_new(known, map(digest, shapes))) is not None:
        marks[log.prefix + SEEN] = remembered
    yield whole(log, kinds, limits, before, marks)
    yield from of_rules(log, kinds)
    yield from of_expired(log, rules)


def judge_members(
    lines: Lines, title: str, answers: Answers, limits: Limits, before: Before
) -> Iterator[Finding]:
    """The log of each member of a database, as `opened` or `followed` began to tell of it."""
    for member in answers.members:
        if not member.failure:
            subject = f"{member.name} {title}" if len(answers.members) > 1 else title
            yield from of_member(lines, subject, member, limits, before)


def of_member(
    lines: Lines, subject: str, member: Member, limits: Limits, before: Before
) -> Iterator[Finding]:
    first, _, rest = member.text.partition("\n")
    word, _, path = first.partition(" ")
    match word:
        case "file":
            place, text = read_place(rest)
            note = place.note + t("logs.file", path=path)
            prefix = f"{member.name}."
            marks = {prefix + name: told for name, told in {"file": path, **place.marks}.items()}
            log = Log(lines, subject, read_groups(text), note, marks, prefix)
            yield from judge_log(log, limits, before)
        case "denied":
            yield unknown(subject, t("logs.denied", path=path))
        case "unset":
            yield unknown(subject, t("logs.unset"))
        case _ if member.text.startswith("{"):
            yield unknown(subject, t("logs.windows"))
        case _:
            raise ValueError(member.text)


def merged(log: Log) -> dict[str, Group]:
    """By shape; the host tells them apart more finely than need be."""
    found: dict[str, Group] = {}
    for one in log.grouped.groups:
        line = log.lines.said(one.line)
        name = log.lines.shape(line)
        known = found.get(name)
        count = one.count + (known.count if known else 0)
        found[name] = Group(count, known.first if known else one.first, one.last, line)
    return found


def made(log: Log, rules: Rules, group: Group, name: str, known: Sequence[str] | None) -> Kind:
    rule = rules.match(log.lines.kind, group.line)
    harmless = rule.suppressed or rule.severity is Status.OK if rule else not log.lines.bad(group.line)
    return Kind(group, rule, known is not None and digest(name) not in known, not harmless)


def with_new(known: Sequence[str] | None, now: Iterable[str]) -> str | None:
    """What to remember, the newest last; None where that is nothing new."""
    seen = list(dict.fromkeys(now))
    if known is not None and set(seen) <= set(known):
        return None
    return " ".join([*(one for one in known or () if one not in seen), *seen][-MOST_SEEN:])


def counted(kinds: Iterable[Kind]) -> int:
    return sum(kind.group.count for kind in kinds)


def whole(
    log: Log, kinds: Sequence[Kind], limits: Limits, before: Before, marks: Mapping[str, str]
) -> Finding:
    errors = counted(kind for kind in kinds if kind.alarms) + log.grouped.left
    lines = counted(kind for kind in kinds if not kind.suppressed) + log.grouped.left
    suppressed = counted(kind for kind in kinds if kind.suppressed)
    limit, flood = limits.of("errors", log.subject), limits.of("lines", log.subject)
    numbers = [Number("errors", errors, t("logs.unit"), limit.passed(errors))]
    if lines != errors:
        numbers.append(Number("lines", lines, t("logs.unit"), flood.passed(lines)))
    if suppressed:
        numbers.append(Number("suppressed", suppressed, t("logs.unit")))
    behind = told(log, kinds, lines - errors, suppressed)
    return finding(
        log.subject,
        Status.worst((limit.level(errors), flood.level(lines))),
        t("logs.counted", count=errors, note=log.note) + "".join(behind),
        *numbers,
        change=before.change(log.subject, "errors", errors),
        advice=t("logs.advice"),
        marks=marks,
    )


def told(log: Log, kinds: Sequence[Kind], harmless: int, suppressed: int) -> Iterator[str]:
    """What stands behind the count: who wrote the lines, and those that no rule knows, new ones first."""
    alarms = [kind for kind in kinds if kind.alarms]
    if who := writers(log, alarms):
        yield t("logs.who", who=who)
    unknown = sorted(
        (kind for kind in alarms if kind.rule is None), key=lambda one: (not one.new, -one.group.count)
    )
    for kind in unknown[:SHOWN]:
        text = "logs.new_line" if kind.new else "logs.line"
        yield t(text, count=kind.group.count, line=kind.group.line.strip()[:150])
    if len(unknown) > SHOWN:
        yield t("logs.more_kinds", count=len(unknown) - SHOWN)
    for name, count in (("harmless", harmless), ("suppressed", suppressed), ("left", log.grouped.left)):
        if count:
            yield t(f"logs.{name}", count=count)


def writers(log: Log, kinds: Iterable[Kind]) -> str:
    by: dict[str, int] = {}
    for kind in kinds:
        if name := log.lines.who(kind.group.line):
            by[name] = by.get(name, 0) + kind.group.count
    most = sorted(by.items(), key=lambda one: -one[1])[:5]
    return t("logs.comma").join(t("logs.writer", name=name, count=count) for name, count in most)


def of_rules(log: Log, kinds: Sequence[Kind]) -> Iterator[Finding]:
    """What was never seen before comes first, then what is worst."""
    met: dict[str, list[Kind]] = {}
    for kind in kinds:
        if kind.rule and (kind.alarms or kind.suppressed):
            met.setdefault(kind.rule.name, []).append(kind)
    for same in sorted(met.values(), key=urgency):
        yield of_rule(log, same)


def urgency(same: Sequence[Kind]) -> tuple[bool, bool, int]:
    rule = same[0].rule
    assert rule
    return not any(one.new for one in same), rule.severity is not Status.FAIL, -counted(same)


def of_rule(log: Log, same: Sequence[Kind]) -> Finding:
    rule, count = same[0].rule, counted(same)
    assert rule
    span = between(same[0].group.first, same[-1].group.last)
    summary = t(
        "logs.met", meaning=rule.meaning, count=count, span=span, line=same[-1].group.line.strip()[:200]
    )
    if rule.suppressed:
        until, reason = rule.suppressed.until, rule.suppressed.reason
        summary += t("logs.suppressed_until", until=until, reason=reason)
    new = any(one.new for one in same)
    return finding(
        f"{log.subject} {rule.name}",
        Status.OK if rule.suppressed else rule.severity,
        summary,
        Number("count", count, t("logs.unit")),
        change=t("logs.new") if new else "",
        advice=rule.advice,
    )


def between(first: str, last: str) -> str:
    if not first and not last:
        return ""
    return t("logs.at", at=last) if first in ("", last) else t("logs.between", first=first, last=last)


def of_expired(log: Log, rules: Rules) -> Iterator[Finding]:
    """A suppression that is over says so until somebody renews it or takes it away."""
    for rule in rules.expired(log.lines.kind):
        assert rule.expired
        yield finding(
            t("logs.expired_subject", subject=log.subject, name=rule.name),
            Status.WARN,
            t("logs.expired", name=rule.name, until=rule.expired.until, reason=rule.expired.reason),
            advice=t("logs.expired_advice"),
        )
