"""What rows and definitions are, in few bytes: a sum that neither order changes nor two equal rows cancel."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

MODULUS = 2**256


@dataclass(frozen=True, slots=True)
class Digest:
    """Of one thing in a source. `rows`: a table's, with their number; `definition`: how a table, view,
    routine, trigger, event or grant is made; `file`: bytes and attributes."""

    what: Literal["rows", "definition", "file"]
    name: str
    digest: str
    count: int = 0

    @property
    def key(self) -> tuple[str, str]:
        return self.what, self.name


def of_text(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


class Sum:
    """Adds up the SHA-256 of each row modulo 2^256: as a set in which equal rows count twice."""

    def __init__(self) -> None:
        self.count = self._total = 0

    def add(self, row: bytes) -> None:
        self.count += 1
        self._total = (self._total + int.from_bytes(hashlib.sha256(row).digest())) % MODULUS

    @property
    def digest(self) -> str:
        return f"{self._total:064x}"


@dataclass(frozen=True, slots=True)
class Difference:
    """`missing`, `unexpected`, `count` or `content`."""

    how: Literal["missing", "unexpected", "count", "content"]
    expected: Digest | None
    found: Digest | None

    @property
    def name(self) -> str:
        one = self.expected or self.found
        assert one is not None
        return one.name


def compare(expected: Sequence[Digest], found: Iterable[Digest]) -> list[Difference]:
    """Everything that is not the same on both sides, by name."""
    before, after = {one.key: one for one in expected}, {one.key: one for one in found}
    return [
        difference
        for key in sorted(before.keys() | after.keys())
        if (difference := different(before.get(key), after.get(key)))
    ]


def different(expected: Digest | None, found: Digest | None) -> Difference | None:
    if found is None:
        return Difference("missing", expected, None)
    if expected is None:
        return Difference("unexpected", None, found)
    if expected.count != found.count:
        return Difference("count", expected, found)
    return Difference("content", expected, found) if expected.digest != found.digest else None
