"""What people decide about findings, each a record in the book."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from typing import Any

from tasks.checks.baselines import things
from tasks.model import Finding, Json, Outcome, Record, Status
from tasks.texts import listed, t

APPROVE = "baseline.approve"
ACKNOWLEDGE = "finding.acknowledge"
WORSE = (Status.OK, Status.WARN, Status.UNKNOWN, Status.FAIL)


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """A finding that somebody answers for until a day, as long as it is no worse than `status`."""

    target: str
    check: str
    subject: str
    status: Status
    reason: str
    until: date
    by: str

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> "Acknowledged":
        said = {**facts, "status": Status(facts["status"]), "until": date.fromisoformat(facts["until"])}
        return cls(**said)

    def covers(self, found: Finding, today: date) -> bool:
        """Never what could not be looked at: nobody knows what that is."""
        same = (found.target, found.check, found.subject) == (self.target, self.check, self.subject)
        bad = found.status not in (Status.OK, Status.UNKNOWN)
        return same and bad and today <= self.until and WORSE.index(found.status) <= WORSE.index(self.status)


def with_known(findings: Iterable[Finding], known: Sequence[Acknowledged], today: date) -> list[Finding]:
    """The same findings; those that somebody answers for say so."""
    by_place = {(one.target, one.check, one.subject): one for one in known}
    marked = []
    for found in findings:
        one = by_place.get((found.target, found.check, found.subject))
        if one and one.covers(found, today):
            words = t("history.known", reason=one.reason, until=one.until, by=one.by)
            found = replace(found, known=words)
        marked.append(found)
    return marked


def sets_of(facts: Mapping[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    """(target, check, name, text) of an approval."""
    for target, checks in facts["approved"].items():
        for check, sets in checks.items():
            for name, items in sets.items():
                yield target, check, name, "\n".join(items)


def approval(
    contract: str, sets: Mapping[str, Mapping[str, Mapping[str, str]]], by: str, reason: str, at: datetime
) -> Record:
    """Target → check → name → what is approved, a thing a line."""
    approved: dict[str, Json] = {
        target: {
            check: {name: things(text) for name, text in of_check.items()}
            for check, of_check in of_target.items()
        }
        for target, of_target in sets.items()
    }
    facts: dict[str, Json] = {"approved": approved, "by": by, "reason": reason}
    return _noted(contract, APPROVE, t("history.approved_title", targets=listed(sets)), facts, by, at)


def acknowledgement(contract: str, known: Acknowledged, at: datetime) -> Record:
    facts: dict[str, Json] = {**asdict(known), "until": known.until.isoformat(), "status": str(known.status)}
    title = t("history.known_title", target=known.target, check=known.check, subject=known.subject)
    return _noted(contract, ACKNOWLEDGE, title, facts, known.by, at)


def _noted(contract: str, routine: str, title: str, facts: dict[str, Json], by: str, at: datetime) -> Record:
    return Record(
        contract=contract,
        routine=routine,
        title=title,
        started_at=at,
        ended_at=at,
        started_by=by,
        outcome=Outcome.NOTED,
        summary=str(facts["reason"]),
        facts=facts,
    )
