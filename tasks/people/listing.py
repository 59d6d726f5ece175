"""Adding and removing one entry in the text of `operators.yml`: every other line stays as people
wrote it. A round trip through a YAML library loses the remarks around a removed entry.
"""

from collections.abc import Sequence
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from tasks.errors import Refused
from tasks.texts import t

KEY = "operators"


def with_entry(text: str, name: str, roles: Sequence[str], contracts: Sequence[str] | str) -> str:
    """`text` with one more entry at the end of the list, indented like those before it."""
    lines, listed, key_line = located(text)
    if listed:
        at = lines_of(lines, listed, len(listed) - 1).stop
        indent = len(lines[at_line(listed, 0)].partition("-")[0])
    else:
        if key_line is None:
            lines.append(f"{KEY}:\n")
            key_line = len(lines) - 1
        lines[key_line] = lines[key_line].replace("[]", "", 1).rstrip() + "\n"
        at, indent = key_line + 1, 2
    if at and not lines[at - 1].endswith("\n"):
        lines[at - 1] += "\n"
    shown = contracts if isinstance(contracts, str) else f"[{', '.join(map(scalar, contracts))}]"
    new = (f"- name: {scalar(name)}", f"  roles: [{', '.join(roles)}]", f"  contracts: {shown}")
    lines[at:at] = [f"{' ' * indent}{line}\n" for line in new]
    return "".join(lines)


def without_entry(text: str, index: int) -> str:
    """`text` without the entry at `index`; remarks before and after it stay."""
    lines, listed, key_line = located(text)
    if len(listed) == 1 and key_line is not None:
        lines[key_line] = lines[key_line].rstrip().replace(f"{KEY}:", f"{KEY}: []", 1) + "\n"
    taken = lines_of(lines, listed, index)
    del lines[taken.start : taken.stop]
    return "".join(lines)


def located(text: str) -> tuple[list[str], Any, int | None]:
    """The lines of `text`, the list in it, and the line of its key. Entries whose dash does not
    begin their first line are rare, and better not guessed at.
    """
    tree = YAML(typ="rt").load(text) or CommentedMap()
    key_line = tree.lc.key(KEY)[0] if KEY in tree else None
    lines, listed = text.splitlines(keepends=True), tree.get(KEY) or CommentedSeq()
    if any(not lines[at_line(listed, at)].lstrip().startswith("- ") for at in range(len(listed))):
        raise Refused(t("people.edit_by_hand"))
    return lines, listed, key_line


def at_line(listed: Any, index: int) -> int:
    line: int = listed.lc.item(index)[0]
    return line


def lines_of(lines: Sequence[str], listed: Any, index: int) -> range:
    """The lines of one entry, without the blank lines and remarks after it."""
    start = at_line(listed, index)
    stop = at_line(listed, index + 1) if index + 1 < len(listed) else len(lines)
    while stop > start + 1 and (not lines[stop - 1].strip() or lines[stop - 1].lstrip().startswith("#")):
        stop -= 1
    return range(start, stop)


def scalar(name: str) -> str:
    """A name as YAML reads it back: `null` and `007` are names too."""
    return name if YAML(typ="safe").load(name) == name else f'"{name}"'
