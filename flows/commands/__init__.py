"""One module per noun of the command line. Each has `add(nouns)`, which declares the noun's
verbs and sets `run`, a function of the parsed options that returns the exit code. Modules
import what they need inside `run`: `opsproof --help` must not load a database driver.
"""

from argparse import ArgumentParser
from collections.abc import Callable
from typing import Any

from tasks.texts import t

Run = Callable[[Any], int]


def noun(nouns: Any, name: str, help_text: str) -> Any:
    """Declare a noun; what it returns takes the verbs."""
    made = nouns.add_parser(name, help=help_text, description=help_text)
    return made.add_subparsers(
        title=t("cli.verbs"), metavar=t("cli.verbs"), required=True, parser_class=type(made)
    )


def verb(verbs: Any, name: str, help_text: str, run: Run, *, table: bool = False) -> ArgumentParser:
    """Declare a verb (or a noun that needs none); one that prints a table takes `--json`."""
    made: ArgumentParser = verbs.add_parser(name, help=help_text, description=help_text)
    if table:
        made.add_argument("--json", action="store_true", help=t("cli.json"))
    made.set_defaults(run=run)
    return made
