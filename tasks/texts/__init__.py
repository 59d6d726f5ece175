"""The catalogue of everything a user reads: one TOML file per room, one line per text.

`t("book.disk_full", path=...)` is the text `disk_full` of `book.toml`. The one exception is
a check: its file carries its own words, so that a check stays one file.
"""

import errno
import functools
import tomllib
from collections.abc import Iterable
from pathlib import Path

HERE = Path(__file__).parent


@functools.cache
def texts(room: str) -> dict[str, str]:
    return tomllib.loads((HERE / f"{room}.toml").read_text("utf-8"))


def t(key: str, /, **values: object) -> str:
    room, _, name = key.partition(".")
    return texts(room)[name].format(**values)


def why(problem: OSError) -> str:
    """What the operating system says, which itself says it in English."""
    number = problem.errno or 0
    known = texts("system").get(errno.errorcode.get(number, ""))
    return known or t("system.other", number=f"{number} {problem.strerror or problem}")


def listed(names: Iterable[str]) -> str:
    return t("cli.comma").join(names)
