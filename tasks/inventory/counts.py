"""What the files hold against what the contract says, part by part."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from tasks.inventory.contract import Contract
from tasks.model import Database, Device, Host, Target
from tasks.strict import Document, Problem
from tasks.texts import t

# Kind of target → the group of counts in a contract's part.
COUNTED = {"host": "hosts", "database": "databases", "site": "sites", "device": "devices"}
ANY = "any"


def counted_as(target: Target) -> str:
    """The word a contract counts it under: an operating system, an engine and its form, a kind."""
    match target:
        case Host():
            return target.os
        case Database():
            return target.engine if target.form == "single" else f"{target.engine}-{target.form}"
        case Device():
            return target.kind
    return ""


@dataclass(frozen=True, slots=True)
class Count:
    """One line of a comparison; `agreed` is None where the contract gives no number."""

    part: str
    type: str
    what: str
    agreed: int | None
    found: int

    @property
    def differs(self) -> bool:
        return self.agreed is not None and self.agreed != self.found


def compare(contract: Contract, targets: Iterable[Target]) -> list[Count]:
    by_place: dict[tuple[str, str], Counter[str]] = {}
    for target in targets:
        by_place.setdefault((target.part, target.type), Counter())[counted_as(target)] += 1
    return [
        Count(part, kind, what, agreed, found)
        for part in contract.parts
        for kind in COUNTED
        for what, agreed, found in lines(
            agreed_counts(contract, part, kind), by_place.get((part, kind), Counter())
        )
    ]


def lines(agreed: Mapping[str, int] | None, found: Counter[str]) -> Iterator[tuple[str, int | None, int]]:
    """`any` in the contract is for all that it does not name."""
    if agreed is None:
        yield from ((what, None, found[what]) for what in sorted(found))
        return
    rest = ANY in agreed
    for what in sorted({*agreed, *(() if rest else found)} - {ANY}):
        yield what, agreed.get(what, 0), found[what]
    if rest:
        yield ANY, agreed[ANY], sum(number for what, number in found.items() if what not in agreed)


def agreed_counts(contract: Contract, part: str, kind: str) -> Mapping[str, int] | None:
    """The contract's numbers for one kind of target in one part; None: it gives none."""
    group = getattr(contract.parts[part], COUNTED[kind])
    if group is None:
        return None
    return {"": group} if isinstance(group, int) else {str(key): number for key, number in group.items()}


def differences(
    document: Document[Contract], targets: Iterable[Target], kinds: Iterable[str]
) -> Iterator[Problem]:
    """Counts that differ, at the contract's line with the number; only of `kinds` that were read whole."""
    for count in compare(document.content, targets):
        if count.differs and count.type in kinds:
            place = [place for place in ("parts", count.part, COUNTED[count.type], count.what) if place]
            text = t(
                "inventory.count_differs",
                part=document.content.parts[count.part].title,
                what=f"{COUNTED[count.type]} {count.what}".strip(),
                agreed=count.agreed,
                found=count.found,
            )
            yield document.problem(place, text)
