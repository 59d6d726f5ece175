"""What a flow has done by a room: a Prefect task when Prefect runs the flow, and otherwise just a function.
Loading Prefect takes seconds, and the command line has no use for it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Verb:
    """`run_name` may name fields of the arguments, as in `{item.target.name}`."""

    do: Callable[..., Any]
    name: str
    run_name: str
    seconds: float | None = None

    def __call__(self, *arguments: Any) -> Any:
        return self.do(*arguments)


def verb(name: str, run_name: str, seconds: float | None = None) -> Callable[[Callable[..., Any]], Verb]:
    return lambda do: Verb(do, name, run_name, seconds)
