"""What a workbook would change: added, removed, and changed field by field."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tasks.inventory.ledger.columns import Column
from tasks.inventory.ledger.rows import Row, Tables
from tasks.inventory.ledger.table import Found
from tasks.texts import t


@dataclass(frozen=True, slots=True)
class Change:
    ledger: str
    name: str
    column: str
    before: str
    after: str
    cell: str = ""


@dataclass(frozen=True, slots=True)
class Difference:
    added: tuple[tuple[str, Row], ...] = ()
    removed: tuple[tuple[str, str], ...] = ()
    changed: tuple[Change, ...] = ()
    # New lines that say too little, and numbers that may have lost their last zeros.
    problems: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)


def compare(now: Tables, found: Mapping[str, Found]) -> Difference:
    added: list[tuple[str, Row]] = []
    removed: list[tuple[str, str]] = []
    changed: list[Change] = []
    problems: list[str] = []
    for code, table in found.items():
        known = {row.identity: row for row in now[code]}
        seen = {row.identity for row in table.rows}
        removed += [(code, row.name) for row in now[code] if row.identity not in seen]
        for row in table.rows:
            before = known.get(row.identity)
            if before is None:
                added.append((code, row))
                problems += unsaid(table, row)
                problems += [doubt(row, key) for key in sorted(row.doubtful)]
                continue
            changes = list(changes_of(table, before, row))
            changed += changes
            problems += [doubt(row, one.column) for one in changes if one.column in row.doubtful]
    return Difference(tuple(added), tuple(removed), tuple(changed), tuple(problems))


def changes_of(table: Found, before: Row, after: Row) -> Iterator[Change]:
    for key in table.columns:
        column = table.ledger.column(key)
        old, new = before.values[key], after.values.get(key, "")
        if same(column, old, new, key in after.doubtful) or (column.needed and not new):
            continue
        yield Change(table.ledger.code, before.name, key, old, new, after.places.get(key, ""))


def same(column: Column, old: str, new: str, doubtful: bool) -> bool:
    """A line break is a blank in a workbook, and 6.10 is 6.1 once Excel took it for a number."""
    if " ".join(old.split()) == new:
        return True
    if doubtful:
        try:
            return float(old) == float(new)
        except ValueError:
            return False
    # A name that differs in case only is the same thing, said otherwise.
    return column.key in ("name", "device", "number") and old.casefold() == new.casefold()


def unsaid(table: Found, row: Row) -> list[str]:
    given = {**table.defaults, **{key: text for key, text in row.values.items() if text}}
    missing = [table.ledger.heading(key) for key in table.ledger.required if key not in given]
    if not missing:
        return []
    text = t("ledger.new_says_too_little", name=row.name, missing=t("ledger.and").join(missing))
    return [f"{row.places[table.ledger.key[0]]}: {text}"]


def doubt(row: Row, key: str) -> str:
    return f"{row.places[key]}: " + t("ledger.zeros_lost", value=row.values[key])
