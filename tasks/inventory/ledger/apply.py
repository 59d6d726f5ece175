"""From a difference to files: planned on copies, proven by loading the whole inventory from them,
then put in place; otherwise the old files stay.
"""

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from tasks.errors import OpsError, Refused
from tasks.files import write_whole
from tasks.inventory.ledger.columns import LEDGERS, Ledger
from tasks.inventory.ledger.difference import Change, Difference, compare
from tasks.inventory.ledger.rows import Row, current
from tasks.inventory.ledger.table import Found
from tasks.inventory.ledger.targets import Targets
from tasks.inventory.ledger.yamlfile import YamlFile, block, block_list, drop, insert_after, put, take_out
from tasks.inventory.load import survey
from tasks.inventory.schema import FILES
from tasks.strict import Problem
from tasks.texts import t, why

# Ledger → its file and the key of its list.
REGISTERS = {"policy": ("policies.yml", "policies"), "cloud": ("cloud.yml", "cloud")}
Values = dict[Any, Any]


@dataclass(frozen=True, slots=True)
class Plan:
    """Files as they are to be, and as they were when the difference was made."""

    files: Mapping[Path, bytes]
    before: Mapping[Path, bytes]


def plan(
    inventories: Path, code: str, difference: Difference, found: Mapping[str, Found], remove: bool
) -> Plan:
    files: dict[Path, bytes] = {}
    before: dict[Path, bytes] = {}
    for kind, table in found.items():
        file = FILES[kind][0] if kind in FILES else REGISTERS[kind][0]
        path = inventories / code / file
        content = path.read_bytes() if path.exists() else b""
        made = changed(kind, table, content, difference, remove)
        if made != content:
            files[path], before[path] = made, content
    return Plan(files, before)


def changed(kind: str, table: Found, content: bytes, difference: Difference, remove: bool) -> bytes:
    changes: dict[str, Values] = {}
    for one in difference.changed:
        if one.ledger == kind:
            changes.setdefault(one.name, {}).update(fields(table.ledger, one.column, one.after))
    added = [row for ledger, row in difference.added if ledger == kind]
    removed = [name for ledger, name in difference.removed if ledger == kind and remove]
    if not (changes or added or removed):
        return content
    if kind in FILES:
        return change_targets(kind, table, content, changes, added, removed)
    return change_register(kind, table, content, changes, added, removed)


def fields(ledger: Ledger, key: str, text: str) -> Values:
    """A column's text as the file's keys and values."""
    column = ledger.column(key)
    if column.extra:
        return {("ledger", key): text}
    if column.kind in ("port", "number"):
        return {key: int(text) if text else None}
    if column.kind == "instances":
        return instances(text)
    if column.kind == "date":
        return {key: date.fromisoformat(text) if text else None}
    # What an entry alone can say is left out when blank.
    if not text and (ledger.code in REGISTERS or column.kind in ("name", "address")):
        return {key: None}
    return {key: text}


def instances(text: str) -> Values:
    members = []
    for one in text.split():
        name, _, rest = one.partition("@")
        host, _, role = rest.partition(":")
        members.append({"name": name, "host": host, **({"role": role} if role else {})})
    if len(members) == 1 and "role" not in members[0]:
        return {"host": members[0]["host"], "instances": None}
    return {"instances": block_list([block(one) for one in members]), "host": None}


def change_targets(
    kind: str,
    table: Found,
    content: bytes,
    changes: Mapping[str, Values],
    added: list[Row],
    removed: list[str],
) -> bytes:
    targets = Targets(kind, FILES[kind][1], content)
    for name, values in changes.items():
        targets.change(name, values)
    for name in removed:
        targets.remove(name)
    for row in added:
        values = given(table, row)
        values.pop("name", None)
        blank = [key for key in table.columns if not row.values.get(key) and plain(table.ledger, key)]
        targets.add(row.name, values, tuple(blank))
    return targets.file.content


def given(table: Found, row: Row) -> Values:
    """What the row says of something new, and the mapping's defaults for what it does not say."""
    values: Values = {}
    for key, text in {**table.defaults, **{key: text for key, text in row.values.items() if text}}.items():
        values |= {key: text} if key == "credential" else fields(table.ledger, key, text)
    return {key: value for key, value in values.items() if value is not None}


def plain(ledger: Ledger, key: str) -> bool:
    """Whether a blank cell may stand against what a group says."""
    column = ledger.column(key)
    return column.kind in ("text", "version") and not column.needed and not column.extra


def change_register(
    kind: str,
    table: Found,
    content: bytes,
    changes: Mapping[str, Values],
    added: list[Row],
    removed: list[str],
) -> bytes:
    name = REGISTERS[kind][1]
    file = YamlFile(content or b"{}\n")
    if not content:
        file.tree = block({})
    entries = file.tree.get(name)
    if not entries:
        entries = file.tree[name] = block_list([])
    keys = ["/".join(str(entry[key]) for key in table.ledger.key) for entry in entries]
    for identity, values in changes.items():
        for key, value in values.items():
            put(entries[keys.index(identity)], key, value)
    for identity in removed:
        take_out(entries, keys.index(identity))
        keys.remove(identity)
    for row in added:
        entry = block(given(table, row))
        if entries:
            insert_after(entries, len(entries) - 1, entry)
        else:
            entries.append(entry)
    if not entries:
        drop(file.tree, name)
        file.tree[name] = []
    return file.content


def proven(
    inventories: Path,
    code: str,
    difference: Difference,
    planned: Plan,
    found: Mapping[str, Found],
    remove: bool,
) -> None:
    """Refuse what would not load, and what would not say what the workbook says."""
    with tempfile.TemporaryDirectory(prefix="opsproof-ledger-") as folder:
        copy = Path(folder) / "inventories"
        shutil.copytree(inventories, copy, ignore=lambda _, names: [n for n in names if n.startswith(".")])
        for path, content in planned.files.items():
            (copy / path.relative_to(inventories)).parent.mkdir(exist_ok=True)
            (copy / path.relative_to(inventories)).write_bytes(content)
        inventory, problems = survey(copy)
        if problems:
            # A neighbour that was broken before is not this workbook's fault.
            standing = {(one.file, one.text) for one in survey(inventories)[1]}
            problems = [one for one in problems if (one.file, one.text) not in standing]
        if problems:
            raise Refused(t("ledger.would_not_load"), problems)
        left = compare(current(copy, inventory, code), found)
        changed = [one for one in left.changed if not follows(one, difference)]
        if left.added or changed or (left.removed and remove):
            raise Refused(t("ledger.cannot_write"), leftovers(left, changed))


def follows(change: Change, difference: Difference) -> bool:
    """A database's address goes with its host's, though its own line still says the old one."""
    asked = {(one.ledger, one.name, one.column) for one in difference.changed}
    derived = (change.ledger, change.column) == ("database", "address")
    return derived and (change.ledger, change.name, change.column) not in asked


def leftovers(left: Difference, changed: list[Change]) -> list[Problem | str]:
    lines = [
        f"{one.cell or one.name}: {LEDGERS[one.ledger].heading(one.column)} {one.after}" for one in changed
    ]
    lines += [row.name for _, row in left.added]
    return [*lines, *(name for _, name in left.removed)]


def put_in_place(planned: Plan) -> None:
    """All files or none: another's change since the difference was made is never overwritten."""
    for path, content in planned.before.items():
        if (path.read_bytes() if path.exists() else b"") != content:
            raise Refused(t("ledger.changed_meanwhile", file=path.name))
    done: list[Path] = []
    try:
        for path, content in planned.files.items():
            path.parent.mkdir(exist_ok=True)
            write_whole(path, content, mode_of(path))
            done.append(path)
    except OSError as problem:
        for path in done:
            restore(path, planned.before[path])
        raise OpsError(t("ledger.not_written", reason=why(problem))) from problem


def mode_of(path: Path) -> int:
    return path.stat().st_mode & 0o777 if path.exists() else 0o644


def restore(path: Path, content: bytes) -> None:
    if content:
        write_whole(path, content, mode_of(path))
    else:
        path.unlink()
