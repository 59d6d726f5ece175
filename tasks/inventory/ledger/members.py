"""Members of ranges: which one is meant, and the range without it."""

from tasks.inventory.ranges import RANGE, expand


def member(text: str, index: int) -> str:
    """The text that one member has: of a range its own part, else the text as it is."""
    found = expand(text)
    return found[index] if len(found) > 1 else text


def without(text: str, index: int) -> str:
    """`SP-WIN-[01-05]` without number 2 → `SP-WIN-[01-02,04-05]`."""
    match = RANGE.search(text)
    if not match:
        return text
    left = [one for number, one in enumerate(expand(text)) if number != index]
    before, after = text[: match.start()], text[match.end() :]
    numbers = [one[len(before) : len(one) - len(after)] for one in left]
    return before + compressed(numbers) + after


def compressed(numbers: list[str]) -> str:
    """01 02 04 05 → `[01-02,04-05]`; a single one stands without brackets."""
    if len(numbers) == 1:
        return numbers[0]
    runs: list[list[str]] = []
    for number in numbers:
        if runs and follows(runs[-1], number):
            runs[-1].append(number)
        else:
            runs.append([number])
    parts = [run[0] if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs]
    return f"[{','.join(parts)}]"


def follows(run: list[str], number: str) -> bool:
    """Whether a range from the run's first to `number` would spread to the same texts."""
    return number == str(int(run[-1]) + 1).zfill(len(run[0]))
