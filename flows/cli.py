"""The command `opsproof`: one module per noun in `flows/commands/`, found by folder."""

import argparse
import difflib
import importlib
import os
import pkgutil
import re
import sys
import traceback
from collections.abc import Sequence
from functools import cache
from typing import Any, NoReturn

import flows.commands
from flows.terminal import plain, say
from tasks.errors import OpsError, Refused
from tasks.home import home
from tasks.texts import t

# argparse's sentences, and the text that says the same in the user's language.
SENTENCES = (
    (re.compile(r"the following arguments are required: (?P<names>.*)"), "missing"),
    (re.compile(r"unrecognized arguments: (?P<names>.*)", re.DOTALL), "unrecognized"),
    (
        re.compile(r"argument (?P<names>.*?): invalid choice: (?P<value>.*) \(choose from (?P<allowed>.*)\)"),
        "choice",
    ),
    (re.compile(r"argument (?P<names>.*?): expected .*argument.*"), "needs_value"),
    (re.compile(r"argument (?P<names>.*?): invalid \w+ value: (?P<value>.*)"), "bad_value"),
    (re.compile(r"argument (?P<names>.*?): ignored explicit argument (?P<value>.*)"), "takes_no_value"),
    (re.compile(r"argument (?P<names>.*?): not allowed with argument (?P<value>.*)"), "not_together"),
)


class Help(argparse.HelpFormatter):
    """Room for the longest name, and no line that only repeats the heading."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=30)

    def add_argument(self, action: argparse.Action) -> None:
        super().add_argument(action)
        if isinstance(action, argparse._SubParsersAction):
            self._action_max_length += 2  # it forgets by how much it indents the verbs

    def _format_action(self, action: argparse.Action) -> str:
        text = super()._format_action(action)
        return text.split("\n", 1)[1] if isinstance(action, argparse._SubParsersAction) else text


class Parser(argparse.ArgumentParser):
    """argparse in Chinese; bad usage exits 2 with one sentence."""

    def __init__(self, **options: Any) -> None:
        ours = {"add_help": False, "allow_abbrev": False, "formatter_class": Help}
        super().__init__(**{**options, **ours})
        self._positionals.title = t("cli.arguments")
        self._optionals.title = t("cli.options")
        self.add_argument("-h", "--help", action="help", help=t("cli.help"))

    def error(self, message: str) -> NoReturn:
        self.exit(2, t("cli.bad_usage", problem=plain(told(message)), program=self.prog) + "\n")

    def format_help(self) -> str:
        return super().format_help().replace("usage: ", t("cli.usage"), 1)


def told(message: str) -> str:
    for sentence, key in SENTENCES:
        if match := sentence.fullmatch(message):
            said = match.groupdict()
            allowed = re.findall(r"[\w-]+", said.get("allowed") or "")
            word = re.fullmatch(r"'(.*)'", said.get("value") or "")
            close = difflib.get_close_matches(word[1], allowed, 1) if word else []
            said["allowed"] = t("strict.and").join(allowed)
            return t(f"cli.usage_{key}", **said) + (t("strict.did_you_mean", key=close[0]) if close else "")
    return message


@cache
def parser(noun: str = "") -> Parser:
    """Of one noun; of all where it is none of ours, so that they are shown."""
    top = Parser(prog="opsproof", description=t("cli.description"))
    nouns = top.add_subparsers(
        title=t("cli.nouns"), metavar=t("cli.nouns"), required=True, parser_class=Parser
    )
    ours = sorted(module.name for module in pkgutil.iter_modules(flows.commands.__path__))
    for name in [noun] if noun in ours else ours:
        importlib.import_module(f"flows.commands.{name}").add(nouns)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """0: fine. 1: findings, or refused. 2: could not run."""
    words = sys.argv[1:] if argv is None else list(argv)
    options = parser(*words[:1]).parse_args(words)
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
    except Exception:  # noqa: BLE001 - a bug, told in full; Python's own 1 would mean "findings"
        traceback.print_exc()
        return 2


if __name__ == "__main__":
    sys.exit(main())
