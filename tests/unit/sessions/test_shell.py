"""What leaves a host that hangs, and what does not."""

import pytest

from tasks.sessions.shell import Escape


@pytest.mark.parametrize(
    ("typed", "passed", "left"),
    [
        ("~.", "", True),
        ("ls\r~.", "ls\r", True),
        ("cd ~.", "cd ~.", False),
        ("~/bin/x\r", "~/bin/x\r", False),
        ("~~.\r", "~.\r", False),
        ("a~\r", "a~\r", False),
    ],
)
@pytest.mark.parametrize("step", [1, 99])
def test_tilde_and_dot_at_the_beginning_of_a_line(typed: str, passed: str, left: bool, step: int) -> None:
    escape = Escape()
    out = "".join(escape.passed(typed[at : at + step]) for at in range(0, len(typed), step))
    assert (out, escape.left) == (passed, left)
