"""What the last inspection of a contract could not look at, to be looked at again."""

from collections.abc import Mapping
from dataclasses import dataclass

from tasks.checks import CHECKS
from tasks.errors import Refused
from tasks.inspection.findings import FINDINGS, read_findings
from tasks.model import Finding, Json, Status
from tasks.records import Book, Entry
from tasks.texts import t

INSPECTION = "inspection"
AGAIN_OF = "again_of"


@dataclass(frozen=True, slots=True)
class Missed:
    """By target the checks to ask again."""

    seq: int
    checks: Mapping[str, frozenset[str]]

    @property
    def facts(self) -> dict[str, Json]:
        return {AGAIN_OF: self.seq, "again": {name: sorted(checks) for name, checks in self.checks.items()}}


def last_missed(book: Book, contract: str) -> Missed:
    """Of the last run of everything, or of the re-inspection after it; a run of chosen targets says
    nothing of the others."""
    for entry in book.entries(contract=contract, routine=INSPECTION, newest_first=True):
        if AGAIN_OF in entry.record.facts or "only" not in entry.record.facts:
            return of_entry(book, entry)
    raise Refused(t("history.never_inspected", contract=contract))


def of_entry(book: Book, entry: Entry) -> Missed:
    kept = [evidence for evidence in entry.record.evidence if evidence.name == FINDINGS]
    if not kept:
        raise Refused(t("history.last_failed", contract=entry.contract, seq=entry.seq))
    unseen: dict[str, set[str]] = {}
    everything = frozenset(CHECKS.all())
    for found in (one for evidence in kept for one in read_findings(book.read(evidence))):
        if found.status is Status.UNKNOWN:
            unseen.setdefault(found.target, set()).update(names(found, everything))
    if not unseen:
        raise Refused(t("history.nothing_missed", contract=entry.contract, seq=entry.seq))
    return Missed(entry.seq, {target: frozenset(checks) for target, checks in unseen.items()})


def names(found: Finding, everything: frozenset[str]) -> frozenset[str]:
    """A target that was not reached at all is asked everything; its finding is no check's."""
    return frozenset({found.check}) if found.check in everything else everything
