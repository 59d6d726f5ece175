"""`SP-WIN-[01-30]`: one line that stands for many names or addresses."""

import re

from pydantic_core import PydanticCustomError

from tasks.texts import t

RANGE = re.compile(r"\[(\d+(?:-\d+)?(?:,\d+(?:-\d+)?)*)\]")
# A typing error such as [1-300000] must not fill the memory.
MOST = 1000


class BadRange(ValueError):
    """Carries the key of a text of `inventory.toml` and what it needs."""

    def __init__(self, key: str, /, **values: object) -> None:
        super().__init__(key)
        self.key, self.values = key, values


def expand(text: str) -> list[str]:
    """Every text that `text` stands for: itself, if it has no range in it."""
    found = list(RANGE.finditer(text))
    if not found:
        return [text]
    if len(found) > 1:
        raise BadRange("range_twice", value=text)
    before, after = text[: found[0].start()], text[found[0].end() :]
    return [before + number + after for number in numbers(found[0].group(1))]


def spelt_out(value: object) -> object:
    """For a list of names in a shape: each range in it as the names it stands for."""
    if not isinstance(value, list):
        return value
    try:
        return [name for text in value for name in (expand(text) if isinstance(text, str) else [text])]
    except BadRange as bad:
        raise PydanticCustomError("range", t(f"inventory.{bad.key}", **bad.values)) from bad


def numbers(inside: str) -> list[str]:
    """`01-03,07` → 01 02 03 07, each as wide as the first number of its part."""
    result: list[str] = []
    for part in inside.split(","):
        low, _, high = part.partition("-")
        first, last = int(low[:9]), int((high or low)[:9])
        if last < first:
            raise BadRange("range_backwards", value=part)
        if len(result) + last - first >= MOST:
            raise BadRange("range_too_long", value=inside, most=MOST)
        result.extend(str(number).zfill(len(low)) for number in range(first, last + 1))
    return result


def spread(fields: dict[str, str]) -> list[dict[str, str]]:
    """Fields with ranges, side by side: as many rows as `name` has; one without a range stays the same."""
    lists = {key: expand(text) for key, text in fields.items()}
    count = len(lists["name"])
    for key, values in lists.items():
        if len(values) not in (1, count):
            raise BadRange("range_differs", key=key, found=len(values), names=count)
    return [
        {key: values[row if len(values) == count else 0] for key, values in lists.items()}
        for row in range(count)
    ]
