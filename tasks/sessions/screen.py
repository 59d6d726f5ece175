"""The line on which somebody types, as a terminal would show it: commands are read off it, so that only what
was shown is ever known of what was typed.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field

TOKEN = re.compile(
    r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"  # a title
    r"|\x1b\[(?P<arguments>[0-9;?<=>]*)[ -/]*(?P<sequence>[@-~])"
    r"|\x1b[ -/]*[0-Z\\^-~]"
    r"|(?P<control>[\x00-\x1a\x1c-\x1f\x7f])"
    r"|(?P<text>[^\x00-\x1f\x7f\x1b]+)"
)
# A sequence that goes on in the next piece.
CUT = re.compile(r"\x1b(?:\[[0-9;?<=>]*[ -/]*|\][^\x07\x1b]{0,500}\x1b?|[ -/]*)?\Z")
FULL_SCREEN = ("?1049", "?1047", "?47")
LONGEST = 8192
# Lines that were typed ahead.
MOST_WAITING = 50


@dataclass
class Line:
    """What stands between two line feeds, over however many rows of the screen it runs."""

    columns: int
    cells: list[str] = field(default_factory=list)
    at: int = 0
    full_screen: bool = False

    @property
    def text(self) -> str:
        return "".join(self.cells).rstrip()

    def put(self, text: str) -> None:
        if text.isascii():  # ten megabytes of it must not take long
            kept = text[: max(LONGEST - self.at, 0)]
            self._reach(self.at)
            self.cells[self.at : self.at + len(kept)] = kept
            self.at += len(kept)
            return
        for char in text[:LONGEST]:
            wide = 2 if unicodedata.east_asian_width(char) in "WF" else 1
            if unicodedata.combining(char) or self.at + wide > LONGEST:
                continue
            self._reach(self.at + wide)
            self.cells[self.at] = char
            if wide == 2:
                self.cells[self.at + 1] = ""
            self.at += wide

    def control(self, char: str) -> None:
        match char:
            case "\b":
                self.at = max(self.at - 1, 0)
            case "\r":
                # At the very edge the cursor still stands on the row that was filled.
                row = (self.at - 1 if self.at and self.at % self.columns == 0 else self.at) // self.columns
                self.at = row * self.columns
            case "\t":
                self.at = min(self.at // 8 * 8 + 8, LONGEST)
                self._reach(self.at)

    def sequence(self, kind: str, arguments: str) -> None:
        if kind in "hl" and arguments in FULL_SCREEN:
            self.full_screen = kind == "h"
            return
        count = int(arguments) if arguments.isdecimal() else 0
        steps = min(max(count, 1), LONGEST)
        match kind:
            case "C":
                self.at = min(self.at + steps, LONGEST)
                self._reach(self.at)
            case "D":
                self.at = max(self.at - steps, 0)
            case "A":
                self.at = max(self.at - steps * self.columns, 0)
            case "G":
                self.at = self.at // self.columns * self.columns + steps - 1
                self._reach(self.at)
            case "K" | "J" if count == 0:
                del self.cells[self.at :]
            case "K" | "J" if count == 2:
                self.clear()
            case "P":
                del self.cells[self.at : self.at + steps]
            case "@":
                self.cells[self.at : self.at] = [" "] * steps
            case "H":
                self.clear()

    def clear(self) -> None:
        self.cells.clear()
        self.at = 0

    def _reach(self, length: int) -> None:
        self.cells += [" "] * (length - len(self.cells))


class Screen:
    """Takes what is shown, in whatever pieces; gives each line as it stood when it ended."""

    def __init__(self, columns: int) -> None:
        self.line = Line(columns)
        self._left = ""

    def feed(self, text: str) -> Iterator[str]:
        text = self._left + text
        cut = CUT.search(text)
        self._left = text[cut.start() :] if cut else ""
        for token in TOKEN.finditer(text[: cut.start()] if cut else text):
            if token["control"] == "\n":
                said = self.line.text
                self.line.clear()
                if not self.line.full_screen:
                    yield said
            elif token["text"]:
                self.line.put(token["text"])
            elif token["control"]:
                self.line.control(token["control"])
            elif token["sequence"]:
                self.line.sequence(token["sequence"], token["arguments"])


@dataclass(frozen=True, slots=True)
class Typed:
    """A line that was sent off. `prompt`: what stood before it."""

    text: str
    edited: bool
    prompt: str

    def stands_on(self, line: str) -> bool:
        """Behind its prompt, if it had one: an answer that happens to be a password's word is no command."""
        text = self.text.rstrip()
        return bool(text) and line.endswith(text) and not (self.prompt and line == text)


class Typist:
    """Puts together what was typed with what was shown. What is typed is held no longer than its line, and
    nothing of it is told that the host did not show."""

    def __init__(self, columns: int) -> None:
        self.screen = Screen(columns)
        self._prompt: str | None = None
        self._typed = ""
        # Keys other than letters: the line is then what the host made of them.
        self._edited = False
        self._waiting: list[Typed] = []

    def resize(self, columns: int) -> None:
        self.screen.line.columns = max(columns, 1)

    def typed(self, text: str) -> None:
        if self.screen.line.full_screen:  # an editor's keys are no commands
            self._forget()
            return
        for char in re.sub(r"\x1b\[20[01]~", "", text):
            if self._prompt is None and char not in "\r\n":
                self._prompt = self.screen.line.text
            if char in "\r\n":
                self._waiting.append(Typed(self._typed, self._edited, self._prompt or ""))
                del self._waiting[:-MOST_WAITING]
                self._typed, self._edited, self._prompt = "", False, None
            elif char.isprintable():
                self._typed += char
            elif char in "\x03\x04":
                self._forget()
            else:
                self._edited = True

    def shown(self, text: str) -> Iterator[str]:
        """The commands that are whole by now."""
        for line in self.screen.feed(text):
            if command := self._ended(line):
                yield command

    def _ended(self, line: str) -> str:
        """The command on a line, if it is one of those that were typed and were shown."""
        for number, one in enumerate(self._waiting):
            if one.edited or one.stands_on(line):
                del self._waiting[: number + 1]  # those before were never shown: passwords
                return (line.removeprefix(one.prompt) if one.edited else one.text).strip()
        if self._waiting and not self._waiting[0].text:
            del self._waiting[0]
        return ""

    def _forget(self) -> None:
        self._typed, self._edited, self._prompt = "", False, None
        self._waiting.clear()


# What stands before a command: a shell's, a database's, a network device's prompt.
PROMPT = re.compile(
    r"(?:\([\w.-]+\)\s*)?"
    r"(?:\[?[\w.-]+@[\w.-]+[^#$%>]{0,80}[#$%>]|mysql>|MariaDB \[[^\]]{0,80}\]>|SQL>|RMAN>|[\w-]+[=*-]*[#>]"
    r"|[A-Z]:\\[^>]{0,80}>|<[\w.-]+>|[$#])\s+(?P<command>\S.*)"
)


def prompted(line: str) -> str:
    """The command on a line of a log that does not say which lines were typed; empty: it seems to be none."""
    found = PROMPT.fullmatch(line.strip())
    return found["command"].strip() if found else ""
