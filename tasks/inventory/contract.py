"""`inventories/contracts/<code>.yml`: a contract's parts, duties, dates and consequences as data.

A sixth contract is one more file: nothing here or elsewhere knows a contract by its code.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from tasks.errors import Refused
from tasks.inventory.due import Due, Owed, WorkingDays
from tasks.inventory.score import Breach, Score
from tasks.inventory.suggest import meant
from tasks.inventory.vocabulary import (
    Anchor,
    KnownMeasure,
    KnownRoutine,
    KnownTopic,
)
from tasks.model import Mode, Tier
from tasks.strict import Document, Location, Name, Problem, Shape, Text, read
from tasks.texts import t, texts


def whole(number: int) -> int:
    if number < 0:
        raise PydanticCustomError("amount", t("contract.negative"))
    return number


Amount = Annotated[int, AfterValidator(whole)]
Basis = Literal["raw", "planned-excepted", "uncontrollable-excepted"]


class Term(Shape):
    """Both days belong to it."""

    start: date
    end: date

    def holds(self, day: date) -> bool:
        return self.start <= day <= self.end


class Part(Shape):
    """How many of what a part has. A count that is absent is one the contract does not give."""

    title: Text
    # By operating system; `any` where the contract gives the number and not the system.
    hosts: dict[Name, Amount] | None = None
    # By engine, or engine and form: `oracle`, `oracle-rac`, `oracle-dataguard`.
    databases: dict[Name, Amount] | None = None
    sites: Amount | None = None
    # By kind; the kinds' titles are in the contract's `kinds`.
    devices: dict[Name, Amount] | None = None


class Threshold(Shape):
    """The number that decides: `at_least` or `at_most`, in `unit`."""

    measure: KnownMeasure
    title: Text
    at_least: float | None = None
    at_most: float | None = None
    unit: Text = ""
    # Of availability: which stops count.
    basis: Basis | None = None
    # Incident level, line of support, and whether only core systems are meant.
    level: tuple[int, ...] = ()
    line: int | None = None
    core: bool = False
    since: Text = ""
    excepts: tuple[Text, ...] = ()

    @property
    def shown(self) -> str:
        sign, number = ("≥", self.at_least) if self.at_least is not None else ("≤", self.at_most)
        return f"{self.title} {sign} {number:g} {self.unit}".rstrip()


class Count(Shape):
    """Something people do a number of times, with the day it must be reached."""

    id: Name
    title: Text
    at_least: Amount
    unit: Text
    part: Name | None = None
    due: Due = Due(before=Anchor.TERM_END)
    # Missing it lets the client end the contract.
    ends_contract: bool = False

    @property
    def shown(self) -> str:
        return f"{self.title} ≥ {self.at_least} {self.unit}"


class Duty(Shape):
    id: Name
    clause: Text
    title: Text
    kind: Literal["auto", "manual", "auto+manual"]
    owes: tuple[Owed, ...]
    thresholds: tuple[Threshold, ...] = ()
    counts: tuple[Count, ...] = ()
    evidence: tuple[Text, ...]
    topics: tuple[KnownTopic, ...] = ()
    routines: tuple[KnownRoutine, ...] = ()
    parts: tuple[Name, ...] = ()
    note: Text = ""

    @property
    def auto(self) -> bool:
        return self.kind != "manual"


class Milestone(Shape):
    id: Name
    title: Text
    kind: Literal["payment", "application", "acceptance", "report", "handover", "purge", "task"]
    # Absent: it follows from what happens, not from the calendar.
    due: Due | None = None
    note: Text = ""


class Confidentiality(Shape):
    """What may leave the client's network. Nothing may unless the client consented in writing."""

    notifications: bool = False
    outside_storage: bool = False
    # Where something may leave, nothing more sensitive than this.
    tier: Tier = Tier.LEAST
    consent: Text = ""


class Closing(Shape):
    """What happens to the client's data when the contract ends."""

    handover: Due
    purge: bool = False
    certificate: bool = False
    medium: Text = ""
    copies: Amount = 0


class Availability(Shape):
    """How availability is counted, for what; the other bases are shown beside the one that decides."""

    scope: Name
    title: Text
    basis: Basis
    at_least: float | None = None


class Contract(Shape):
    code: Name
    name: Text
    # Work for `lab` is done on nobody's systems and meets no duty.
    mode: Literal[Mode.REAL, Mode.LAB] = Mode.REAL
    client: Text = ""
    provider: Text = ""
    term: Term | None = None
    # Counted as the first day of the term where it is not given.
    signed: date | None = None
    protection: Literal[1, 2, 3, 4, 5] | None = None
    parts: dict[Name, Part]
    kinds: dict[Name, Text] = {}
    # Forms of this contract's own, beside those the product knows.
    forms: tuple[Text, ...] = ()
    duties: tuple[Duty, ...] = ()
    milestones: tuple[Milestone, ...] = ()
    availability: tuple[Availability, ...] = ()
    breach: Breach | None = None
    score: Score | None = None
    sensitivity: dict[Tier, tuple[Text, ...]] = {}
    confidentiality: Confidentiality | None = None
    closing: Closing | None = None

    @property
    def anchors(self) -> Mapping[Anchor, date]:
        """The days that are known before anything has happened."""
        if self.term is None:
            return {}
        return {
            Anchor.TERM_START: self.term.start,
            Anchor.TERM_END: self.term.end,
            Anchor.SIGNING: self.signed or self.term.start,
        }

    def due(self, due: Due, working_days: WorkingDays | None = None) -> date | None:
        return due.day(self.anchors, working_days)

    def duty(self, duty_id: str) -> Duty | None:
        return next((duty for duty in self.duties if duty.id == duty_id), None)

    def duties_about(self, topics: set[str], routine: str) -> tuple[Duty, ...]:
        """The duties that a record of `routine` about `topics` counts towards."""
        return tuple(
            duty
            for duty in self.duties
            if (not duty.topics or topics & set(duty.topics))
            and (not duty.routines or routine in duty.routines)
            and (duty.topics or duty.routines)
        )

    def may_leave(self, tier: Tier, channel: Literal["notifications", "outside_storage"]) -> bool:
        """Whether something of `tier` may leave the client's network by `channel`."""
        rule = self.confidentiality
        if rule is None:
            return True
        order = (Tier.LEAST, Tier.FAIR, Tier.VERY)
        return bool(getattr(rule, channel)) and order.index(tier) <= order.index(rule.tier)


def read_contract(path: Path, problems: list[Problem]) -> Document[Contract] | None:
    """The contract in `path`; what is wrong with it goes to `problems`."""
    document = read(path, Contract, problems, f"{path.parent.name}/{path.name}")
    if document:
        found = list(unsound(document))
        problems.extend(found)
        return None if found else document
    return None


def contract_files(inventories: Path) -> list[Path]:
    return sorted((inventories / "contracts").glob("*.yml"))


def contracts(inventories: Path) -> dict[str, Contract]:
    """Every contract by its code, or every problem of all their files."""
    return all_sound(contract_files(inventories))


def contract_named(inventories: Path, code: str) -> Contract:
    """One contract alone: a broken neighbour does not matter to it."""
    known = {path.stem: path for path in contract_files(inventories)}
    if code not in known:
        listed = t("contract.and").join(known)
        raise Refused(t("contract.unknown", code=code, suggestion=meant(code, known), known=listed))
    return all_sound([known[code]])[code]


def all_sound(paths: Iterable[Path]) -> dict[str, Contract]:
    problems: list[Problem] = []
    documents = [read_contract(path, problems) for path in paths]
    if problems:
        raise Refused(t("contract.invalid"), sorted(problems))
    return {document.content.code: document.content for document in documents if document}


def known_forms() -> tuple[str, ...]:
    """The forms the product knows by name: the texts `form_…` of `contract.toml`."""
    return tuple(text for key, text in texts("contract").items() if key.startswith("form_"))


def unsound(document: Document[Contract]) -> Iterator[Problem]:
    yield from header(document)
    yield from twice(document, ("duties",), [duty.id for duty in document.content.duties])
    yield from twice(document, ("milestones",), [stone.id for stone in document.content.milestones])
    for number, duty in enumerate(document.content.duties):
        yield from duty_problems(document, ("duties", number), duty)
    if score := document.content.score:
        yield from twice(document, ("score", "items"), [item.id for item in score.items])
        marks = [float("-inf") if grade.at_least is None else grade.at_least for grade in score.grades]
        if not marks or marks != sorted(set(marks), reverse=True) or marks[-1] > float("-inf"):
            yield document.problem(("score", "grades"), t("contract.grades_order"))


def header(document: Document[Contract]) -> Iterator[Problem]:
    contract = document.content
    if contract.code != document.path.stem:
        text = t("contract.code_differs", code=contract.code, file=document.path.name)
        yield document.problem(("code",), text)
    if contract.term and contract.term.end < contract.term.start:
        yield document.problem(("term", "end"), t("contract.term_backwards"))
    if contract.term is None and (contract.duties or contract.milestones):
        yield document.problem(("code",), t("contract.term_missing"))
    for code, part in contract.parts.items():
        for kind in part.devices or {}:
            if kind not in contract.kinds:
                place = ("parts", code, "devices", kind)
                text = t("contract.kind_untitled", kind=kind)
                yield document.problem(place, text, meant(kind, contract.kinds))


def twice(document: Document[Contract], place: Location, ids: Iterable[str]) -> Iterator[Problem]:
    seen: set[str] = set()
    for number, name in enumerate(ids):
        if name in seen:
            yield document.problem((*place, number, "id"), t("contract.id_twice", id=name))
        seen.add(name)


def duty_problems(document: Document[Contract], place: Location, duty: Duty) -> Iterator[Problem]:
    contract = document.content
    if duty.auto and not (duty.topics or duty.routines):
        yield document.problem((*place, "kind"), t("contract.auto_unproved", id=duty.id))
    for key in ("owes", "evidence"):
        if not getattr(duty, key):
            yield document.problem((*place, key), t("contract.nothing_owed", id=duty.id, key=key))
    forms = (*known_forms(), *contract.forms)
    for number, form in enumerate(duty.evidence):
        if form not in forms:
            text = t("contract.form_unknown", form=form)
            yield document.problem((*place, "evidence", number), text, meant(form, forms))
    for number, owed in enumerate(duty.owes):
        yield from owed_problems(document, (*place, "owes", number), duty, owed)
    for number, threshold in enumerate(duty.thresholds):
        if (threshold.at_least is None) == (threshold.at_most is None):
            yield document.problem((*place, "thresholds", number), t("contract.threshold_shape"))
    yield from twice(document, (*place, "counts"), [count.id for count in duty.counts])
    parts = [("counts", number, "part", count.part) for number, count in enumerate(duty.counts) if count.part]
    parts += [("parts", number, "", part) for number, part in enumerate(duty.parts)]
    for key, number, inner, part in parts:
        if part not in contract.parts:
            text = t("contract.part_unknown", part=part)
            yield document.problem((*place, key, number, inner), text, meant(part, contract.parts))


def owed_problems(document: Document[Contract], place: Location, duty: Duty, owed: Owed) -> Iterator[Problem]:
    if owed.document and owed.document not in duty.evidence:
        text = t("contract.document_not_evidence", document=owed.document)
        yield document.problem((*place, "document"), text, meant(owed.document, duty.evidence))
