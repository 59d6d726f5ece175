"""Broken YAML: random breakages of every file, and hostile text in every field."""

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from tests.bench.show import Item
from tests.bench.typed import PLACE, House, Said

Rng = random.Random
Break = Callable[[bytes, Rng], bytes]


def lines_of(text: bytes) -> list[bytes]:
    return text.splitlines(keepends=True) or [b"\n"]


def with_line(change: Callable[[list[bytes], int, Rng], None]) -> Break:
    def broken(text: bytes, rng: Rng) -> bytes:
        lines = lines_of(text)
        change(lines, rng.randrange(len(lines)), rng)
        return b"".join(lines)

    broken.__name__ = change.__name__
    return broken


def deleted_line(lines: list[bytes], at: int, rng: Rng) -> None:
    del lines[at]


def doubled_line(lines: list[bytes], at: int, rng: Rng) -> None:
    lines.insert(at, lines[at])


def indented_line(lines: list[bytes], at: int, rng: Rng) -> None:
    lines[at] = b" " * rng.randint(1, 5) + lines[at]


def outdented_line(lines: list[bytes], at: int, rng: Rng) -> None:
    lines[at] = lines[at].lstrip(b" ")


def moved_line(lines: list[bytes], at: int, rng: Rng) -> None:
    lines.insert(rng.randrange(len(lines)), lines.pop(at))


def tab(lines: list[bytes], at: int, rng: Rng) -> None:
    lines[at] = b"\t" + lines[at]


def bad_utf8(lines: list[bytes], at: int, rng: Rng) -> None:
    lines[at] = lines[at].rstrip(b"\n") + rng.choice([b"\xff\xfe", b"\xc3\x28", b"\xed\xa0\x80"]) + b"\n"


def quote(lines: list[bytes], at: int, rng: Rng) -> None:
    lines[at] = lines[at].replace(b": ", b": " + rng.choice([b'"', b"'", b"[", b"{", b"]"]), 1)


def anchor_loop(lines: list[bytes], at: int, rng: Rng) -> None:
    lines.append(rng.choice([b"x: &x [*x]\n", b"x: &x {<<: *x}\n", b"&x groups: *x\n", b"<<: *nowhere\n"]))


def tag(lines: list[bytes], at: int, rng: Rng) -> None:
    made = rng.choice([b"!!python/object/apply:os.system [id]", b"!!binary x", b"!x y", b"!!set {a}"])
    lines[at] = lines[at].split(b":")[0] + b": " + made + b"\n"


def control(lines: list[bytes], at: int, rng: Rng) -> None:
    lines[at] = lines[at].rstrip(b"\n") + rng.choice([b"\x00", b"\x07", b"\x1b[31m", b"\x7f"]) + b"\n"


def other_type(lines: list[bytes], at: int, rng: Rng) -> None:
    made = rng.choice([b"[]", b"{}", b"null", b"1e999", b"-0", b"2026-02-30", b"true", b"0x" + b"f" * 300])
    lines[at] = lines[at].split(b":")[0] + b": " + made + b"\n"


def truncated(text: bytes, rng: Rng) -> bytes:
    return text[: rng.randrange(len(text) or 1)]


def gbk(text: bytes, rng: Rng) -> bytes:
    return text.decode().encode("gbk", "replace")


def utf16(text: bytes, rng: Rng) -> bytes:
    return text.decode().encode("utf-16")


def alias_bomb(text: bytes, rng: Rng) -> bytes:
    made = [b"a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    made += [b"a%d: &a%d [%s]" % (n, n, b", ".join([b"*a%d" % (n - 1)] * 9)) for n in range(1, 10)]
    return b"\n".join(made) + b"\n" + text.replace(b": ", b": *a9 #", 1)


def nested(text: bytes, rng: Rng) -> bytes:
    depth = rng.choice([200, 2000, 20000])
    return text + b"x: " + rng.choice([b"[", b"{a: ", b"- "]) * depth


def nothing(text: bytes, rng: Rng) -> bytes:
    return rng.choice([b"", b"\n", b"---\n---\n", b"[]", b"- a\n", b"text\n", b"\xef\xbb\xbf"])


BREAKS: tuple[Break, ...] = (
    *map(
        with_line,
        (
            deleted_line,
            doubled_line,
            indented_line,
            outdented_line,
            moved_line,
            tab,
            bad_utf8,
            quote,
            anchor_loop,
            tag,
            control,
            other_type,
        ),
    ),
    truncated,
    gbk,
    utf16,
    alias_bomb,
    nested,
    nothing,
)


def yaml_files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.yml"))


def about(folder: Path, path: Path) -> tuple[str, ...]:
    """What to check: the file's own contract, or everything where it serves all of them."""
    name = path.stem if path.parent.name == "contracts" else path.parent.name
    shared = path.parent in (folder, folder / "holidays")
    return () if shared else ("--contract", name)


def wrong(said: Said, content: bytes) -> str:
    """What is wrong with an answer of `inventory check`; empty: nothing."""
    if said.crashed or said.code == 2:
        return f"exit {said.code}"
    if said.raw:
        return f"raw {' '.join(said.raw)}"
    if said.code == 0:
        try:
            YAML(typ="safe", pure=True).load(content)
        except (YAMLError, UnicodeError, RecursionError) as problem:
            return f"accepted what another parser does not read: {problem}"
        except ValueError:
            return ""  # 2026-02-30 is text to us, until a field wants a date; then it is refused
        return ""
    told = said.out.splitlines()
    return "" if told and all(map(PLACE.match, told)) else "a problem without file and line"


def breakages(folder: Path, count: int, through_command: int, seed: int = 1) -> Iterator[Item]:
    rng, house = Rng(seed), House(folder)
    files = yaml_files(house.inventories)
    codes: Counter[int | None] = Counter()
    failures, slowest = [], 0.0
    for number in range(count):
        path, breaking = files[number % len(files)], BREAKS[number % len(BREAKS)]
        whole = path.read_bytes()
        path.write_bytes(broken := breaking(whole, rng))
        started = time.monotonic()
        asked = ("inventory", "check", *about(house.inventories, path))
        said = house.run(*asked) if number < through_command else house.here(*asked)
        slowest = max(slowest, time.monotonic() - started)
        codes[said.code] += 1
        if fault := wrong(said, broken):
            failures.append(f"{breaking.__name__} of {path.parent.name}/{path.name}: {fault}")
        path.write_bytes(whole)
    measured = (
        f"{count} over {len(files)} files, {len(BREAKS)} kinds, {through_command} by the real command: "
        f"{codes[1]} refused, {codes[0]} still sound, slowest {slowest:.1f} s"
    )
    yield Item(
        "broken YAML", " · ".join([measured, *failures[:5]]), "file:line, never a traceback", not failures
    )


# Spelt as YAML escapes in the files; a newline is text, and a name takes none.
LINE_END = "x\ny"
CONTROLS = ("x\0y", "x\ay", "x\x1b[31my", "x\u202ey", "x\u200by", "x\u200dy")
SHELL = ("x; rm -rf y", "x$(id)", "`id`", "x|id", "x&id", "x'y", 'x"y', "../..", "-rf", "x<b>&amp;")
TEXTS = (*CONTROLS, LINE_END, *SHELL)
# What people read and nothing runs. All else refuses what is not a plain name, number, date or address.
FREE = frozenset(
    {
        *("advice", "approval", "clause", "client", "consent", "destination", "document", "location"),
        *("marker", "medium", "model", "name", "note", "owner", "ports", "provider", "purpose", "reason"),
        *("camera", "excepts", "fair", "ftp", "kinds", "least", "microphone", "period", "share", "since"),
        *("unit", "very"),  # kinds of devices and tiers of sensitivity: their titles
        *("request", "reviewed", "serial", "source", "spec", "text", "title", "version"),
    }
)


def scalars(node: Node, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Node]]:
    """Every scalar that is a value, with the keys that lead to it; a list's items are one."""
    if isinstance(node, MappingNode):
        for key, value in node.value:
            yield from scalars(value, (*path, str(key.value)))
    elif isinstance(node, SequenceNode):
        for value in node.value:
            yield from scalars(value, (*path, "*"))
    elif isinstance(node, ScalarNode) and node.end_mark.index > node.start_mark.index:
        yield path, node


def fields(folder: Path) -> Iterator[tuple[Path, str, int, int]]:
    """One place for each field of each kind of file: where its value begins and ends in the text."""
    seen: set[tuple[str, ...]] = set()
    for path in sorted(yaml_files(folder), key=lambda path: path.stat().st_size):
        kind = path.parent.name if path.parent.name in ("contracts", "holidays") else path.name
        tree = YAML(typ="rt").compose(path.read_text("utf-8"))
        for keys, node in scalars(tree) if tree else ():
            # A name that people chose is one key, whatever it is: groups, parts, targets of limits.
            known = tuple(
                key for key in keys if key.isascii() and key.islower() and key.replace("_", "").isalpha()
            )
            if (kind, *known) not in seen:
                seen.add((kind, *known))
                yield path, (known or ("*",))[-1], node.start_mark.index, node.end_mark.index


def escaped(text: str) -> str:
    return '"' + "".join(f"\\U{ord(char):08x}" for char in text) + '"'


def hostile_fields(folder: Path, most: int | None = None) -> Iterator[Item]:
    """Each field with each hostile text: refused at its line, or free text that stays harmless."""
    house = House(folder)
    told = Counter[str]()
    failures: list[str] = []
    kept: dict[Path, list[tuple[int, int, str]]] = {}
    places = list(fields(house.inventories))
    chosen = places if most is None else Rng(2).sample(places, min(most, len(places)))
    for path, field, start, end in chosen:
        whole = path.read_text("utf-8")
        line = whole.count("\n", 0, start) + 1
        for text in TEXTS:
            path.write_text(whole[:start] + escaped(text) + whole[end:], "utf-8")
            said = house.here("inventory", "check", *about(house.inventories, path))
            fault = wrong(said, path.read_bytes())
            where = f"{path.parent.name}/{path.name}:{line}"
            if not fault and said.code == 1 and f"{path.name}:" not in said.out:
                fault = "refused elsewhere"
            if not fault and said.code == 0 and (text in CONTROLS or field not in FREE):
                fault = "accepted"
            if fault:
                failures.append(f"{where} {field} {text!r}: {fault}")
            elif said.code == 0:
                kept.setdefault(path, []).append((start, end, text))
            told["refused" if said.code == 1 else "accepted as text"] += 1
        path.write_text(whole, "utf-8")
    measured = f"{len(chosen)} fields × {len(TEXTS)} texts: " + ", ".join(
        f"{count} {what}" for what, count in sorted(told.items())
    )
    target = "refused with file:line, or free text"
    yield Item("hostile text in every field", " · ".join([measured, *failures[:5]]), target, not failures)
    yield from harmless(house, kept)


SHOWN = (
    ("inventory", "check"),
    ("inventory", "list"),
    ("inventory", "list", "--json"),
    ("contract", "list"),
    ("operator", "list"),
    ("calendar", "show", "2026"),
)
SHOWN_OF_CONTRACT = (
    ("contract", "show", "{}"),
    ("contract", "show", "{}", "--json"),
    ("inventory", "show", "{}"),
    ("plan", "list", "--contract", "{}"),
)


def harmless(house: House, kept: dict[Path, list[tuple[int, int, str]]]) -> Iterator[Item]:
    """All accepted texts at once, one kind after the other, through every command that shows them."""
    known = {path.stem for path in (house.inventories / "contracts").glob("*.yml")}
    touched = {path.stem if path.parent.name == "contracts" else path.parent.name for path in kept}
    contracts = sorted(known & touched)
    asked = [*SHOWN, *(tuple(w.format(c) for w in words) for words in SHOWN_OF_CONTRACT for c in contracts)]
    failures: list[str] = []
    for text in sorted({text for places in kept.values() for _, _, text in places}):
        before = {path: path.read_text("utf-8") for path in kept}
        for path, places in kept.items():
            whole = before[path]
            for start, end, _ in sorted((one for one in places if one[2] == text), reverse=True):
                whole = whole[:start] + escaped(text) + whole[end:]
            path.write_text(whole, "utf-8")
        for words in asked:
            said = house.here(*words)
            if said.crashed or said.raw:
                failures.append(f"{' '.join(words)} with {text!r}: exit {said.code} {' '.join(said.raw)}")
        for path, whole in before.items():
            path.write_text(whole, "utf-8")
    measured = f"{sum(map(len, kept.values()))} accepted texts, {len(asked)} commands each time"
    target = "no raw control character, no traceback"
    yield Item("what is accepted is shown", " · ".join([measured, *failures[:5]]), target, not failures)


def nothing_runs(folder: Path) -> Iterator[Item]:
    """A hostile but legal purpose, owner and note through a real inspection of this machine."""
    house = House(folder)
    mark = folder / "ran"
    hostile = f"$(touch {mark}); touch {mark} | touch {mark} && `touch {mark}` '\" <script>alert(1)</script>"
    hosts = house.inventories / "local" / "hosts.yml"
    made = f"        purpose: {escaped(hostile)}\n        owner: {escaped(hostile)}\n"
    hosts.write_text(
        hosts.read_text("utf-8").rstrip("\n").replace("        purpose: 运行本平台的机器", made), "utf-8"
    )
    assert house.run("inventory", "activate", "local", "--yes").code == 0
    said = house.run("run", "inspection", "--contract", "local", "--note", hostile)
    form = folder / "form.html"
    taken = house.run("record", "show", "local", "2", "--evidence", "1", "--output", str(form))
    shown = house.run("record", "show", "local", "2")
    page = form.read_text("utf-8") if form.exists() else "<script>"
    fine = said.code in (0, 1) and taken.code == 0 and shown.code == 0 and not (said.raw + shown.raw)
    measured = (
        f"inspection exit {said.code}, side effects {int(mark.exists())}, script in form {'<script>' in page}"
    )
    ok = fine and not mark.exists() and "<script>" not in page
    yield Item("shell metacharacters in a real inspection", measured, "nothing of it runs", ok)
