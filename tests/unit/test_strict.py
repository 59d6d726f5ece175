"""YAML people write: whatever is wrong is told with its line, all in one pass, never as a traceback."""

from datetime import date
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.strict import Name, Problem, Shape, Text, line_of, parsed, read


class Door(Shape):
    name: Name
    width: int | None = None


class House(Shape):
    name: Name
    about: Text = ""
    colour: Literal["red", "green", "blue"] = "red"
    doors: tuple[Door, ...] = ()
    built: date | None = None
    lit: bool = False
    height: float = 1
    rooms: dict[Name, Door] = {}


def problems(tmp_path: Path, text: str | bytes) -> list[Problem]:
    path = tmp_path / "house.yml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    found: list[Problem] = []
    document = read(path, House, found)
    assert (document is None) == bool(found)
    return found


SOUND = "name: a\ndoors:\n  - name: front\n    width: 90\n"


@pytest.mark.parametrize(
    "text, line, says",
    [
        (SOUND + "colur: red\n", 5, ("colur", "colour")),
        (SOUND.replace("width", "widht"), 4, ("widht", "width")),
        ("doors: []\n", 1, ("name", "缺少")),
        ("name: a\ndoors:\n  - name: b\n  - width: 1\n", 4, ("name", "缺少")),
        (SOUND + "colour: gren\n", 5, ("gren", "green")),
        (SOUND.replace("90", "wide"), 4, ("wide", "数字")),
        (SOUND.replace("90", "1.5"), 4, ("1.5", "数字")),
        (SOUND + "height: high\n", 5, ("high", "数字")),
        (SOUND + "lit: maybe\n", 5, ("maybe", "true")),
        (SOUND + "built: 2026-02-30\n", 5, ("2026-02-30", "日期")),
        (SOUND + "about: [1]\n", 5, ("about", "文本")),
        ("name: a\ndoors: 3\n", 2, ("doors", "列表")),
        ("name: a\ndoors:\n  - just text\n", 3, ("just text", "键值")),
        ("- a\n- b\n", 1, ("键值",)),
        ("just text\n", 1, ("键值",)),
        ("name: a; rm -rf\n", 1, ("名称", "rm -rf")),
        ("name: -rf\n", 1, ("名称",)),
        (f"name: {'a' * 65}\n", 1, ("名称",)),
        ('name: a\nabout: "b\\e[31m"\n', 2, ("U+001B",)),
        (f"name: a\nabout: {'x' * 2001}\n", 2, ("过长",)),
        ("name: a\nrooms:\n  b c: {name: d}\n", 3, ("b c", "名称")),
        ("name: a\nname: b\n", 2, ("YAML",)),
        ("name: [a\n", 2, ("YAML",)),
        ("name: a\n\tdoors: []\n", 2, ("YAML",)),
        ("name: !!python/object:os.system a\n", 1, ()),
        ("name: a\ndoors: !!python/object/apply:os.system [id]\n", 2, ()),
        (b"name: \xff\xfe\n", 1, ("YAML",)),
        ("name: 库\n".encode("gbk"), 1, ("YAML",)),
    ],
)
def test_each_mistake_at_its_line(
    tmp_path: Path, text: str | bytes, line: int, says: tuple[str, ...]
) -> None:
    found = problems(tmp_path, text)
    assert found, text
    assert found[0].line == line and found[0].file == "house.yml"
    for part in says:
        assert part in str(found[0]), str(found[0])


def test_all_mistakes_in_one_pass(tmp_path: Path) -> None:
    text = "name: 'a b'\ncolour: pink\ndoors:\n  - name: x\n    width: w\n  - nme: y\nlit: 7\n"
    assert [one.line for one in sorted(problems(tmp_path, text))] == [1, 2, 5, 6, 6, 7]


def test_a_sound_file_knows_the_lines_of_its_parts(tmp_path: Path) -> None:
    path = tmp_path / "house.yml"
    path.write_text("# 说明\n" + SOUND + "rooms:\n  kitchen: {name: k}\n", "utf-8")
    found: list[Problem] = []
    document = read(path, House, found, "x/house.yml")
    assert document and not found
    assert document.content.doors[0].width == 90
    problem = document.problem(("doors", 0, "width"), "太窄", "（加宽）")
    assert str(problem) == "x/house.yml:5: 太窄（加宽）"
    assert document.problem(("rooms", "kitchen", "name"), "").line == 7
    assert document.problem(("nothing",), "").line == 1
    assert line_of(parsed(b"a:\n- b\n"), ("a", 7)) == 1


def test_an_empty_file_lacks_what_it_must_say(tmp_path: Path) -> None:
    for text in ("", "# only a remark\n", "---\n", "null\n"):
        assert "name" in str(problems(tmp_path, text)[0])


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    found: list[Problem] = []
    assert read(tmp_path / "nowhere.yml", House, found) is None
    assert read(tmp_path, House, found) is None
    assert [one.line for one in found] == [1, 1]


@pytest.mark.parametrize(
    "text",
    [
        f"name: a\nheight: 0x{'F' * 5000}\n",
        f"name: a\ncolour: 0x{'F' * 5000}\n",
        f"name: a\nrooms: {{0x{'F' * 5000}: 1}}\n",
        f"name: a\nheight: {'9' * 5000}\n",
        "name: a\nheight: .inf\ndoors: [{name: b, width: .nan}]\n",
        "name: a\nheight: 1e999\n",
        "a: &a [*a]\n",
        "name: &n {a: *n}\n",
        "[" * 600,
        "? [a]\n: b\n",
        "? {a: b}\n: c\nname: d\n",
        "1: 2\ntrue: 3\nnull: 4\n2026-01-01: 5\n",
        "<<: [1, 2]\nname: a\n",
        "name: a\n...\n---\nname: b\n",
        "%YAML 9.9\n---\nname: a\n",
        "name: !!binary abc\n",
        "name: !!float x\n",
        "name: a\nrooms: !!set {b, c}\n",
        "name: a\ndoors: !!omap [b: c]\n",
    ],
)
def test_odd_documents_are_read_or_told(tmp_path: Path, text: str) -> None:
    for one in problems(tmp_path, text):
        assert str(one) == " ".join(str(one).split("\n")) and len(str(one)) < 600


PIECES = [
    "name",
    "colour",
    "doors",
    ":",
    ": ",
    "- ",
    "\n",
    "\n  ",
    "{",
    "}",
    "[",
    "]",
    ",",
    "&a ",
    "*a",
    "!!int ",
    "<<",
    "'",
    '"',
    "|",
    ">",
    "#",
    "?",
    "%",
    "0x1F",
    "1e9",
    "~",
    "\t",
    "库",
    "\x00",
    "\u2028",
    "@",
    "`",
    "\\",
    "=",
    "2026-13-45",
    "0o9",
    "!!timestamp ",
    "!<x> ",
]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(st.lists(st.sampled_from(PIECES), max_size=25).map("".join), st.text(max_size=60)))
def test_no_document_ends_in_a_traceback(tmp_path: Path, text: str) -> None:
    for one in problems(tmp_path, text.encode("utf-8", "surrogatepass")):
        assert one.line >= 1
        assert not any(ord(char) < 32 for char in str(one))
