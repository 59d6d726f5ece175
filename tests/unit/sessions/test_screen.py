"""What was typed is known only as far as it was shown."""

import pytest

from tasks.sessions.screen import Line, Typist

PROMPT = "[root@web-01 ~]# "


def dialogue(*turns: tuple[str, str], columns: int = 80) -> list[str]:
    """(typed, shown) each; the commands that came of it."""
    typist = Typist(columns)
    found = list(typist.shown(PROMPT))
    for typed, shown in turns:
        typist.typed(typed)
        found += typist.shown(shown)
    return found


def letters(text: str) -> list[tuple[str, str]]:
    return [(letter, letter) for letter in text]


@pytest.mark.parametrize(
    ("turns", "found"),
    [
        ([*letters("uptime"), ("\r", "\r\n 10:00 up\r\n")], ["uptime"]),
        ([("ls -l\r", "ls -l\r\ntotal 0\r\n")], ["ls -l"]),
        ([("\r", "\r\n" + PROMPT), ("id\r", "id\r\n")], ["id"]),
        # Rubbed out, completed, called back from the history.
        ([*letters("lx"), ("\x7f", "\b\x1b[K"), ("s", "s"), ("\r", "\r\n")], ["ls"]),
        ([*letters("cat /et"), ("\t", "c/"), ("\r", "\r\n")], ["cat /etc/"]),
        ([("\x1b[A", "df -h"), ("\r", "\r\n")], ["df -h"]),
        ([("\x1b[A", "df -h"), ("\x1b[A", "\b\b\b\b\buptime\x1b[K"), ("\r", "\r\n")], ["uptime"]),
        # Left, and a letter put in between.
        ([*letters("l-l"), ("\x1b[D", "\b"), ("\x1b[D", "\b"), ("s", "\x1b[@s"), ("\r", "\r\n")], ["ls-l"]),
        ([*letters("查日志"), ("\r", "\r\n")], ["查日志"]),
        # Taken back with Ctrl-C.
        ([*letters("rm -rf /"), ("\x03", "^C\r\n" + PROMPT), ("ls\r", "ls\r\n")], ["ls"]),
        # Several lines at once.
        ([("a\rb\r", "a\r\nout\r\n" + PROMPT + "b\r\n")], ["a", "b"]),
        ([("\x1b[200~id\x1b[201~", "\x1b[7mid\x1b[27m"), ("\r", "\r\n")], ["id"]),
    ],
)
def test_commands_are_read_off_the_screen(turns: list[tuple[str, str]], found: list[str]) -> None:
    assert dialogue(*turns) == found


@pytest.mark.parametrize(
    "turns",
    [
        # sudo: asked for, not shown, a line feed of its own.
        [("hunter2", ""), ("\r", "\r\nok\r\n")],
        [("hun", ""), ("\x7f", ""), ("nter2\r", "\r\nok\r\n")],
        # read -s: not even a line feed; what comes next is not what was typed.
        [("hunter2\r", ""), ("", "got it\r\n" + PROMPT)],
    ],
)
def test_what_was_not_shown_is_never_known(turns: list[tuple[str, str]]) -> None:
    asked = [*letters("su"), ("\r", "\r\nPassword: ")]
    after = [*letters("id"), ("\r", "\r\nuid=0\r\n")]
    found = dialogue(*asked, *turns, ("", PROMPT), *after)
    assert "hunter" not in "".join(found) and found[0] == "su" and found[-1] == "id"


def test_a_password_read_without_a_line_feed_does_not_hide_the_next_command() -> None:
    turns = [("read -s x\r", "read -s x\r\n"), ("hunter2\r", PROMPT), ("ls\r", "ls\r\n")]
    assert dialogue(*turns) == ["read -s x", "ls"]


def test_an_answer_that_is_a_passwords_word_is_no_command() -> None:
    turns = [("sudo id -un\r", "sudo id -un\r\nPassword: "), ("root\r", "\r\nroot\r\n" + PROMPT)]
    assert dialogue(*turns) == ["sudo id -un"]


def test_keys_of_an_editor_are_no_commands() -> None:
    turns = [
        ("vim x\r", "vim x\r\n\x1b[?1049h\x1b[H~\r\n~\r\n"),
        ("ihello\r\x1b:wq\r", "hello\r\n:wq\r\n"),
        ("", "\x1b[?1049l" + PROMPT),
        ("ls\r", "ls\r\n"),
    ]
    assert dialogue(*turns) == ["vim x", "ls"]


def test_a_long_command_runs_over_rows_of_the_screen() -> None:
    text = "echo " + "x" * 100
    shown, at = "", len(PROMPT)
    for letter in text:  # as bash does at the edge: the blank goes to the next row, the return to its start
        shown += letter
        at += 1
        if at % 40 == 0:
            shown += " \r"
    assert dialogue((text, shown), ("\r", "\r\n"), columns=40) == [text]


def test_pieces_may_be_cut_anywhere() -> None:
    typist = Typist(80)
    whole = f"\x1b]0;title\x07{PROMPT}\x1b[1mls\x1b[0m\r\n"
    typist.typed("ls\r")
    assert [found for letter in whole for found in typist.shown(letter)] == ["ls"]


def test_a_flood_without_a_line_feed_takes_no_memory() -> None:
    line = Line(80)
    for _ in range(50):
        line.put("x" * 5000)
    assert len(line.cells) <= 8192
