"""A YAML file changed in place: comments, quotes, order and everything else stay as they are."""

import io
import re
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import CommentMark
from ruamel.yaml.tokens import CommentToken

# (mapping, sequence, offset): the ways people indent; the product's own first.
INDENTS = ((2, 4, 2), (2, 2, 0), (4, 4, 2), (4, 6, 4), (4, 4, 0))
WIDTH = 4096
HEAD = re.compile(rb"(\xef\xbb\xbf)?(---\n)?")


def emitter(indent: tuple[int, int, int]) -> YAML:
    yaml = YAML(typ="rt")
    yaml.preserve_quotes = True
    yaml.width = WIDTH
    mapping, sequence, offset = indent
    yaml.indent(mapping=mapping, sequence=sequence, offset=offset)
    return yaml


class YamlFile:
    """`tree` may be changed; `content` is then the whole file again, in the way it was written."""

    def __init__(self, content: bytes) -> None:
        # Editors of Windows write a byte order mark and two characters at the end of a line.
        self.windows = b"\r\n" in content
        plain = content.replace(b"\r\n", b"\n")
        head = HEAD.match(plain)
        self.head = head[0] if head else b""
        self.yaml = emitter(INDENTS[0])
        for indent in INDENTS:
            self.yaml = emitter(indent)
            self.tree: Any = self.yaml.load(plain[len(self.head) :])
            if self.content == content:
                return
        self.yaml = emitter(INDENTS[0])
        self.tree = self.yaml.load(plain[len(self.head) :])
        if self.tree is None:
            self.tree = CommentedMap()

    @property
    def content(self) -> bytes:
        target = io.BytesIO()
        self.yaml.dump(self.tree, target)
        whole = self.head + target.getvalue()
        return whole.replace(b"\n", b"\r\n") if self.windows else whole


def end_of(node: Any, key: Any) -> tuple[Any, Any]:
    """The mapping or list, and the key in it, that is written last of `node[key]`."""
    value = node[key]
    nested = isinstance(value, CommentedMap | CommentedSeq) and value and not value.fa.flow_style()
    return end_of(value, last_key(value)) if nested else (node, key)


def last_key(node: Any) -> Any:
    return list(node)[-1] if isinstance(node, CommentedMap) else len(node) - 1


def slot(node: Any) -> int:
    """Where ruamel keeps what follows a value."""
    return 2 if isinstance(node, CommentedMap) else 0


def tail(node: Any, key: Any = None) -> str:
    """Blank lines and comments after `node` (or after what it has under `key`): they belong to
    whatever comes next.
    """
    holder, key = end_of(node, last_key(node) if key is None else key)
    found = (holder.ca.items.get(key) or [None] * 4)[slot(holder)]
    return found.value.partition("\n")[2] if found else ""


def set_tail(node: Any, text: str, key: Any = None) -> None:
    """Put `text` in place of the tail; a comment on the value's own line stays."""
    holder, key = end_of(node, last_key(node) if key is None else key)
    tokens = holder.ca.items.get(key) or [None, None, None, None]
    found = tokens[slot(holder)]
    own = found.value.partition("\n")[0] if found else ""
    column = found.start_mark.column if found else 0
    tokens[slot(holder)] = CommentToken(f"{own}\n{text}", CommentMark(column), None) if own or text else None
    if any(tokens):
        holder.ca.items[key] = tokens
    else:
        holder.ca.items.pop(key, None)


def joined(first: str, second: str) -> str:
    """Two tails as one, without the blank lines twice."""
    return first + second if first.strip() else second or first


def insert_after(entries: Any, number: int, entry: Any) -> None:
    """Put `entry` behind another; what followed that one follows the new one."""
    moved = tail(entries[number])
    set_tail(entries[number], "")
    entries.insert(number + 1, entry)
    set_tail(entry, moved)


def take_out(entries: Any, number: int) -> None:
    """Remove an entry, not the only one; what followed it follows the one before."""
    moved = tail(entries[number])
    del entries[number]
    if number > 0:
        set_tail(entries[number - 1], joined(tail(entries[number - 1]), moved))


def append(settings: Any, key: Any, value: Any, between: str = "") -> None:
    """A new last key; what followed the mapping follows it still, with `between` before it."""
    whole = settings and not settings.fa.flow_style()
    moved = tail(settings) if whole else ""
    if whole:
        set_tail(settings, between)
    settings[key] = value
    if moved:
        set_tail(settings, moved)


def drop(settings: Any, key: Any) -> None:
    """Take a key away; what followed it follows the key before."""
    keys = list(settings)
    number = keys.index(key)
    moved = "" if settings.fa.flow_style() else tail(settings, key)
    del settings[key]
    if number > 0 and moved:
        set_tail(settings, joined(tail(settings, keys[number - 1]), moved), keys[number - 1])


def put(settings: Any, key: Any, value: Any) -> None:
    """`("ledger", column)` goes into the mapping; None takes the key away."""
    if isinstance(key, tuple):
        if key[0] not in settings:
            append(settings, key[0], flow({}))
        put(settings[key[0]], key[1], value)
    elif value is None:
        if key in settings:
            drop(settings, key)
    elif key in settings:
        settings[key] = value
    else:
        append(settings, key, value)


def block(values: dict[str, Any]) -> CommentedMap:
    made = CommentedMap(values)
    made.fa.set_block_style()
    return made


def block_list(values: list[Any]) -> CommentedSeq:
    made = CommentedSeq(values)
    made.fa.set_block_style()
    return made


def flow(values: dict[str, Any]) -> CommentedMap:
    made = CommentedMap(values)
    made.fa.set_flow_style()
    return made
