"""Secrets taken out of whatever is kept, however a shell, a server or a terminal writes them down."""

import re
from collections.abc import Collection

MASK = "******"
# What may stand between two characters of a secret that was only written otherwise: a terminal's control
# sequences, the end of its line (a blank and a return, too), a backslash of a shell or of SQL.
BETWEEN = r"(?:\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b[()][0-9A-Za-z]| \r|[\x00-\x1f\x7f\\])*"
# Ways to write a quote inside of quotes.
QUOTES = {"'": r"""(?:'"'"'|'\\''|''|')""", '"': r'(?:""|")', "\\": r"\\\\?"}
# A control sequence that is still to come to its end.
BEGUN = r"(?:\x1b(?:\[[0-9;?]*[ -/]*|[()])?| )?"
# Held back at most: a secret with what may stand between its characters.
MOST = 8192


class Hiding:
    def __init__(self, secrets: Collection[str]) -> None:
        self.secrets = sorted({one for one in secrets if one}, key=len, reverse=True)
        self._whole = re.compile("|".join(map(whole, self.secrets))) if self.secrets else None
        ends = "|".join(map(begun, self.secrets))
        self._begun = re.compile(rf"(?:{ends}){BETWEEN}{BEGUN}\Z") if self.secrets else None

    def __call__(self, text: str) -> str:
        return self._whole.sub(MASK, text) if self._whole else text

    def held_from(self, text: str) -> int:
        """Where something begins at the end of `text` that may become a secret."""
        if self._begun is None:
            return len(text)
        found = self._begun.search(text, max(len(text) - MOST, 0))
        return found.start() if found else len(text)


class HidingFlow:
    """The same for what comes in pieces: a secret may be cut anywhere."""

    def __init__(self, hiding: Hiding) -> None:
        self._hiding = hiding
        self._held = ""

    def feed(self, text: str) -> str:
        """What can be kept by now."""
        clean = self._hiding(self._held + text)
        at = self._hiding.held_from(clean)
        self._held = clean[at:]
        return clean[:at]

    def rest(self) -> str:
        rest, self._held = self._held, ""
        return rest


def letters(secret: str) -> list[str]:
    return [QUOTES.get(letter, re.escape(letter)) for letter in secret]


def whole(secret: str) -> str:
    return BETWEEN.join(letters(secret))


def begun(secret: str) -> str:
    """Any beginning of it that is not all of it."""
    *before, _ = letters(secret)
    pattern = ""
    for letter in reversed(before):
        pattern = f"{letter}(?:{BETWEEN}{pattern})?" if pattern else letter
    return pattern or r"(?!)"
