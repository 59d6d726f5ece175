"""What was probably meant."""

import difflib
from collections.abc import Iterable

from tasks.texts import t


def meant(name: str, known: Iterable[str], likeness: float = 0.6) -> str:
    """` (did you mean …?)`, or nothing if nothing is close."""
    folded = {candidate.casefold(): candidate for candidate in known}
    close = difflib.get_close_matches(name.casefold(), folded, 1, likeness)
    return t("strict.did_you_mean", key=folded[close[0]]) if close else ""
