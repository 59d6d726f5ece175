"""How each kind of target is asked: one file each, found by the kind's name."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol

from tasks import clock
from tasks.checks import Check
from tasks.model import Output, SecurityEvent
from tasks.registry import Registry
from tasks.transports import Access


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be known of a target; `marks` by check are what was left off at."""

    target: Any
    checks: tuple[Check, ...]
    marks: Mapping[str, Mapping[str, str]]
    access: Access


@dataclass(frozen=True, slots=True)
class Answer:
    """An output for each check. `failure`: why it counts as not reached; `outputs` are then what could be
    seen all the same. `aside`: checks that turned out not to be about this target, such as those of another
    release."""

    outputs: Mapping[str, Output] = field(default_factory=dict)
    failure: str = ""
    event: SecurityEvent | None = None
    aside: frozenset[str] = frozenset()


class Way(Protocol):
    def checks(self, target: Any) -> tuple[Check, ...]:
        """All that can be asked of it."""

    def ask(self, question: Question) -> Answer:
        """In one trip. A target that cannot be asked at all is an OpsError."""


# The type of a target → how to ask it.
WAYS: Registry[Callable[[], Way]] = Registry(__name__)


def measured(command: str, look: Callable[[], Any]) -> Output:
    """What `look` found, as an answer like any other: a JSON document with its time."""
    started_at = clock.now()
    text = json.dumps(look(), ensure_ascii=False)
    return Output(
        command=command,
        exit_code=0,
        raw=text.encode("utf-8", "surrogateescape"),
        text=text,
        stderr="",
        started_at=started_at,
        duration=max(clock.now() - started_at, timedelta(0)),
    )
