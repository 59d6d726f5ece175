"""The command `opsproof`: one module per noun in `flows/commands/`, found by folder."""

import argparse
import importlib
import os
import pkgutil
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import flows.commands
from flows.terminal import say
from tasks.errors import OpsError, Refused
from tasks.home import home
from tasks.texts import t


class Parser(argparse.ArgumentParser):
    """argparse in Chinese; bad usage exits 2 with one sentence."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{**options, "add_help": False, "allow_abbrev": False})
        self._positionals.title = t("cli.arguments")
        self._optionals.title = t("cli.options")
        self.add_argument("-h", "--help", action="help", help=t("cli.help"))

    def error(self, message: str) -> NoReturn:
        self.exit(2, t("cli.bad_usage", problem=message, program=self.prog) + "\n")

    def format_help(self) -> str:
        return super().format_help().replace("usage: ", t("cli.usage"), 1)


def parser() -> Parser:
    top = Parser(prog="opsproof", description=t("cli.description"))
    nouns = top.add_subparsers(title=t("cli.nouns"), metavar="", required=True, parser_class=Parser)
    for module in sorted(pkgutil.iter_modules(flows.commands.__path__), key=lambda found: found.name):
        importlib.import_module(f"flows.commands.{module.name}").add(nouns)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """0: fine. 1: findings, or refused. 2: could not run."""
    options = parser().parse_args(argv)
    # Whatever loads Prefect later must not leave a profile in the user's home folder.
    os.environ.setdefault("PREFECT_HOME", str(home().prefect))
    try:
        code: int = options.run(options)
        sys.stdout.flush()
        return code
    except Refused as problem:
        say(t("cli.error", problem=problem))
        return 1
    except OpsError as problem:
        say(t("cli.error", problem=problem))
        return 2
    except KeyboardInterrupt:
        say(t("cli.interrupted"))
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


if __name__ == "__main__":
    sys.exit(main())
