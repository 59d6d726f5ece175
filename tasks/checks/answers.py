"""What a database answered, as its judges read it; and how a check that asks one is written.

An answer comes from each member of the database that was asked: one, or the members of a Data Guard set.
What a member did not answer becomes `unknown` by itself: a judge sees only what was answered.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, TypeVar

from tasks.checks import Judge, check
from tasks.checks.judging import Before, Limits, unknown
from tasks.model import Finding, Output

Row = Mapping[str, Any]
T = TypeVar("T")


class Missing(ValueError):
    """A judge asked for what was not answered; why is told as an unknown of its own."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One statement's answer, or why there is none."""

    name: str
    columns: tuple[tuple[str, str], ...] = ()
    rows: tuple[Row, ...] = ()
    failure: str = ""
    code: str = ""


@dataclass(frozen=True, slots=True)
class Member:
    """All that one member answered to one check; `text` is what a probe on its host printed."""

    name: str
    facts: Mapping[str, str] = field(default_factory=dict)
    asked: tuple[Asked, ...] = ()
    text: str = ""
    stderr: str = ""
    failure: str = ""

    def has(self, name: str) -> bool:
        return any(one.name == name and not one.failure for one in self.asked)

    def rows(self, name: str = "rows") -> tuple[Row, ...]:
        for one in self.asked:
            if one.name == name and not one.failure:
                return one.rows
        raise Missing(name)

    def row(self, name: str = "rows") -> Row:
        return self.rows(name)[0]

    def failures(self, telling: frozenset[str] = frozenset()) -> list[str]:
        """Why something was not answered; refusals with a telling code are for the judge."""
        refused = [one.failure for one in self.asked if one.failure and one.code not in telling]
        return list(dict.fromkeys([self.failure] * bool(self.failure) + refused))


@dataclass(frozen=True, slots=True)
class Answers:
    members: tuple[Member, ...]

    def each(self, name: str = "rows") -> Iterator[tuple[Member, tuple[Row, ...]]]:
        """Every member that answered the statement."""
        return ((member, member.rows(name)) for member in self.members if member.has(name))

    def one(self, name: str = "rows") -> Member:
        """The first member that answered it."""
        for member in self.members:
            if member.has(name):
                return member
        raise Missing(name)

    def rows(self, name: str = "rows") -> tuple[Row, ...]:
        return self.one(name).rows(name)

    def row(self, name: str = "rows") -> Row:
        return self.rows(name)[0]

    def has(self, name: str) -> bool:
        return any(member.has(name) for member in self.members)

    def refusals(self, *codes: str) -> list[tuple[Member, Asked]]:
        """What the server refused with one of these codes; see `telling`."""
        return [(member, one) for member in self.members for one in member.asked if one.code in codes]

    @property
    def facts(self) -> Mapping[str, str]:
        return next((member.facts for member in self.members if member.facts), {})


def write(members: Iterable[Member]) -> str:
    return json.dumps([_written(member) for member in members], ensure_ascii=False)


def _written(member: Member) -> dict[str, Any]:
    """Without what is empty: most members have no failure, and no text."""
    whole = {name: getattr(member, name) for name in ("name", "facts", "text", "stderr", "failure")}
    asked = [{name: getattr(one, name) for name in Asked.__slots__} for one in member.asked]
    kept = [{key: value for key, value in one.items() if value or key == "rows"} for one in asked]
    return {key: value for key, value in {**whole, "asked": kept}.items() if value}


def read(text: str) -> Answers:
    return Answers(tuple(_member(one) for one in json.loads(text)))


def _member(said: Mapping[str, Any]) -> Member:
    asked = tuple(
        Asked(
            one["name"],
            tuple((name, kind) for name, kind in one.get("columns", ())),
            tuple(one["rows"]),
            one.get("failure", ""),
            one.get("code", ""),
        )
        for one in said.get("asked", ())
    )
    return Member(**{**said, "asked": asked})


AnswersJudge = Callable[[Answers, Limits, Before], Iterable[Finding]]


def query(
    name: str, *, telling: tuple[str, ...] = (), **fields: Any
) -> Callable[[AnswersJudge], AnswersJudge]:
    """Make a judge of Answers the check `kind.name`; `fields` are those of `check`. `probe` is SQL: see
    `tasks/databases/statements.py`. A refusal with a `telling` code is a finding for the judge to make, and
    no unknown."""

    def register(judge: AnswersJudge) -> AnswersJudge:
        check(name, **fields)(reading(judge, frozenset(telling)))
        return judge

    return register


def on_host(name: str, **fields: Any) -> Callable[[AnswersJudge], AnswersJudge]:
    """The same for a probe in the shell of the database's hosts. It is told what the session said of itself
    as `$db_<fact>`, and the member's own marks, named `<member>.<mark>`, as `$was_<mark>`."""
    return query(name, on_host=True, **fields)


def reading(judge: AnswersJudge, telling: frozenset[str] = frozenset()) -> Judge:
    @wraps(judge)
    def judged(output: Output, limits: Limits, before: Before) -> Iterator[Finding]:
        answers = read(output.text)
        untold = [unknown(member.name, why) for member in answers.members for why in member.failures(telling)]
        try:
            yield from judge(answers, limits, before)
        except Missing:
            if not untold:
                raise
        yield from untold

    return judged
