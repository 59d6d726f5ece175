"""Recordings: written as they happen, without secrets; read whatever a kill left of them."""

import json
from pathlib import Path

import pytest

from tasks.errors import Refused
from tasks.hiding import Hiding
from tasks.sessions.cast import Event, Writer, read

HEADER = {"width": 80, "height": 24}


def test_what_is_shown_is_on_disk_at_once_and_without_secrets(tmp_path: Path) -> None:
    path = tmp_path / "x.cast"
    writer = Writer(path, HEADER, Hiding(["hunter2"]))
    writer.shown("pass hun")
    writer.shown("ter2 ok hun")
    writer.command("echo hunter2")
    found = read(path.read_bytes())
    assert [event.text for event in found.events] == ["pass ", "****** ok ", "echo ******"]
    assert path.stat().st_mode & 0o077 == 0
    writer.close()
    assert read(path.read_bytes()).events[-1].text == "hun"


def test_a_line_cut_by_a_kill_costs_that_line_alone(tmp_path: Path) -> None:
    path = tmp_path / "x.cast"
    writer = Writer(path, HEADER, Hiding(()))
    writer.shown("one")
    writer.shown("two")
    found = read(path.read_bytes()[:-4])
    assert [event.text for event in found.events] == ["one"] and found.cut
    writer.close()


def test_version_1_is_read_as_well() -> None:
    old = {"version": 1, "width": 80, "height": 24, "stdout": [[0.5, "a"], [1, "b"]]}
    assert read(json.dumps(old).encode()).events == (Event(0.5, "o", "a"), Event(1.5, "o", "b"))
    assert read(json.dumps(old, indent=1).encode()).events[1].at == 1.5


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"", 1),
        (b"hello\nworld\n", 1),
        (b'{"version": 7}\n', 1),
        (b'{"version": 2}\n[0.1, "o", "x"]\nnonsense\n[0.2, "o", "y"]\n', 3),
        (b'{"version": 2}\n[0.1, "o"]\n', 2),
    ],
)
def test_anything_else_is_refused_by_line(content: bytes, line: int) -> None:
    with pytest.raises(Refused, match=f"第 {line} 行"):
        read(content)
