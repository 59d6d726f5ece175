"""What a written record consists of, whatever it is about and however it is rendered."""

from collections.abc import Sequence
from dataclasses import dataclass

from tasks.model import Status


@dataclass(frozen=True, slots=True)
class Cell:
    """Text, and what the eye should see first: a status colour, a bar of so many percent."""

    text: str
    status: Status | None = None
    bar: float | None = None


@dataclass(frozen=True, slots=True)
class Column:
    title: str
    weight: int = 1


@dataclass(frozen=True, slots=True)
class Table:
    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    empty: str = ""


@dataclass(frozen=True, slots=True)
class Picture:
    """SVG of our own making, all text in it escaped; pages show it, Word does not."""

    title: str
    svg: str


@dataclass(frozen=True, slots=True)
class Form:
    """`signatures` stay blank: what a machine made is not what a person confirmed."""

    title: str
    number: str
    verdict: Cell
    header: Sequence[tuple[str, str]]
    tiles: Sequence[tuple[str, Cell]]
    tables: Sequence[Table]
    signatures: Sequence[str]
    notes: Sequence[str] = ()
    synthetic: bool = False
    pictures: Sequence[Picture] = ()
