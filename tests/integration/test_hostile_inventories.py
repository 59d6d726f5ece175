"""Whatever stands in a file: it is read, or refused with file and line; never a traceback."""

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from flows.cli import main
from tasks.inventory import survey
from tests.unit.inventory.sound import FILES, write

PLACE = re.compile(r"^[\w./-]+:[1-9]\d*: \S", re.DOTALL)
# Every value in the files, by file and its place in the text.
VALUES = [
    (name, match.start(1), match.end(1))
    for name, text in FILES.items()
    for match in re.finditer(r": ?([^\s{},][^\n{},]*?)(?=[\n},])", text)
]
# Text for people, at the end of what stands before its value.
FREE = re.compile(r"(owner|version|title|^name|kinds: \{camera): ?\Z", re.MULTILINE)
HOSTILE = [
    "\x1b[31m",
    "a\x00b",
    "\x07",
    "a\u202eb",
    "\u200b",
    "$(id)",
    "`id`",
    "a; id",
    "a|id",
    "a&id",
    "a>b",
    "../../etc/passwd",
    "-rf",
    "--help",
    "a b",
    "'",
    '"',
    "*",
    "a\nb",
    "",
]
quick = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def quoted(text: str) -> str:
    """As a double-quoted YAML scalar, whatever is in it."""
    return '"' + "".join(char if char.isalnum() else f"\\U{ord(char):08x}" for char in text) + '"'


def sound_or_told(folder: Path) -> list[str]:
    """The names that were read, once every problem has its place and no control character."""
    inventory, problems = survey(folder)
    for problem in problems:
        assert PLACE.match(str(problem)), str(problem)
        assert not any(ord(char) < 32 for char in str(problem)), str(problem)
    return [] if problems else [one.name for one in inventory.targets()]


@pytest.mark.parametrize("turn", range(3))
def test_hostile_text_in_every_field(tmp_path: Path, turn: int) -> None:
    """Names, addresses, codes: refused. Free text may hold anything that can be printed."""
    write(tmp_path)
    for number, (name, start, end) in enumerate(VALUES):
        text, hostile = FILES[name], HOSTILE[(turn * 7 + number) % len(HOSTILE)]
        (tmp_path / name).write_text(text[:start] + quoted(hostile) + text[end:], "utf-8")
        names = sound_or_told(tmp_path)
        assert not names or FREE.search(text[:start]), (hostile, name, text[:start][-40:])
        (tmp_path / name).write_text(text, "utf-8")


@quick
@given(st.sampled_from(VALUES), st.text(max_size=12))
def test_any_text_in_any_field(tmp_path: Path, value: tuple[str, int, int], text: str) -> None:
    name, start, end = value
    write(tmp_path)
    whole = FILES[name]
    (tmp_path / name).write_bytes((whole[:start] + quoted(text) + whole[end:]).encode())
    sound_or_told(tmp_path)


@quick
@given(st.sampled_from(sorted(FILES)), st.integers(0, 400), st.text(max_size=6), st.integers(0, 6))
@example("shop/hosts.yml", 0, "%YAML 1.1\n", 0)
@example("shop/hosts.yml", 0, "!!bool x", 9)
@example("shop/hosts.yml", 0, "!!int x\n---\n", 0)
@example("shop/hosts.yml", 0, "a: !!timestamp x\n", 0)
@example("shop/hosts.yml", 0, "a: !!float x\n", 0)
@example("shop/hosts.yml", 0, "a: !!binary é\n", 0)
@example("shop/hosts.yml", 0, "a: !!set [1]\n", 0)
@example("shop/hosts.yml", 0, "a: !!omap {a: 1}\n", 0)
@example("shop/hosts.yml", 0, "? [a, {b: c}]\n: d\n", 0)
@example("shop/hosts.yml", 0, "<<: 1\n", 0)
@example("shop/hosts.yml", 0, "<<: *x\n", 0)
@example("shop/hosts.yml", 0, "defaults: &d {<<: *d}\n", 0)
@example("shop/hosts.yml", 0, "- &a [*a]\n", 400)
@example("shop/hosts.yml", 0, "a: " + "9" * 5000 + "\n", 0)
@example("shop/hosts.yml", 0, "a: 0x\n", 0)
@example("shop/hosts.yml", 0, "a: 2026-99-99\n", 0)
@example("shop/hosts.yml", 0, "a: 1:99:99\n", 0)
@example("shop/hosts.yml", 0, 'a: "\\UFFFFFFFF"\n', 0)
@example("shop/hosts.yml", 0, "a: 0x_\n", 0)
@example("shop/hosts.yml", 0, "\ufeff", 0)
@example("shop/limits.yml", 0, "[]", 400)
@example("shop/limits.yml", 0, "disk: {warn: .nan}", 400)
@example("contracts/shop.yml", 0, "- 1", 400)
def test_broken_yaml(tmp_path: Path, name: str, at: int, text: str, removed: int) -> None:
    write(tmp_path)
    whole = FILES[name]
    (tmp_path / name).write_bytes(
        (whole[:at] + text + whole[at + removed :]).encode("utf-8", "surrogatepass")
        if removed < 400
        else text.encode()
    )
    sound_or_told(tmp_path)


def test_nesting_without_end(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "shop/hosts.yml").write_text("[" * 1000)
    sound_or_told(tmp_path)


@quick
@given(st.binary(max_size=60))
def test_any_bytes(tmp_path: Path, content: bytes) -> None:
    write(tmp_path)
    (tmp_path / "shop/devices.yml").write_bytes(content)
    sound_or_told(tmp_path)


@pytest.mark.parametrize(
    "content", [b"\x00", b"\xff\x80", b"a: [", b"groups: {g: {hosts: 3}}", b"\t", b"a: b: c"]
)
def test_the_command_refuses_in_one_pass(
    tmp_path: Path, content: bytes, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPSPROOF_INVENTORIES", str(write(tmp_path / "inventories")))
    monkeypatch.setenv("OPSPROOF_HOME", str(tmp_path / "home"))
    (tmp_path / "inventories/shop/hosts.yml").write_bytes(content)
    assert main(["inventory", "check"]) == 1
    assert "shop/hosts.yml:1: " in capsys.readouterr().out


def test_references_that_stand_for_more_than_memory_holds_are_refused_at_once(tmp_path: Path) -> None:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    for before, name in zip("abcdefghi", "bcdefghij", strict=True):
        lines.append(f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]")
    for use in ("defaults: {owner: *j}", "groups: {web: {part: front, hosts: *j}}", "groups: &k {web: *k}"):
        folder = write(tmp_path)
        (folder / "shop/hosts.yml").write_text("\n".join([*lines, use]))
        assert any("层层展开" in str(problem) for problem in survey(folder)[1])


def test_an_invisible_joiner_is_no_part_of_a_name(tmp_path: Path) -> None:
    folder = write(tmp_path)
    path = folder / "shop/hosts.yml"
    path.write_text(path.read_text().replace("credential: web-linux", 'credential: "web\\u200dlinux"'))
    assert any("U+200D" in str(problem) for problem in survey(folder)[1])
