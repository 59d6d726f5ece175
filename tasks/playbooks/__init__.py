"""Playbooks: what is to be done step by step, how each step is proved and how it is undone.

An action changes something, a condition looks; each kind is one file in `actions/` or `conditions/`, found by
the key it has in YAML: `do: {service: nginx, to: stopped}`, `prove: [{port: 80, is: closed}]`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, ClassVar, Protocol

from tasks.errors import OpsError
from tasks.home import Home
from tasks.model import Target
from tasks.registry import Registry
from tasks.strict import Shape
from tasks.transports import Access


class Holds(StrEnum):
    """Whether a condition holds. `unknown`: it could not be looked at."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look gave, in words a manager reads."""

    holds: Holds
    text: str


@dataclass(frozen=True, slots=True)
class Sent:
    """One thing that went to a target, for the operation report. `digest`: of all it answered."""

    target: str
    command: str
    at: datetime
    seconds: float
    exit_code: int | None
    digest: str
    said: str = ""
    failure: str = ""


class NotDone(OpsError):
    """An action was refused or failed; what it left is for the proof to say."""


class Unheard(NotDone):
    """Something was sent, and no answer came: it may be under way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What actions and conditions have to hand. `sent` takes note of everything that goes out, before it is
    awaited for long; `ask` puts a question to a person and waits for the answer. `go_on`: how much of a limit
    what is sent now has left; it raises where nothing more is to be sent, as in the middle of an action that
    was aborted or has used up its time."""

    home: Home
    contract: str
    targets: Mapping[str, Target]
    access: Access
    sent: Callable[[Sent], None] = lambda _: None
    say: Callable[[str], None] = lambda _: None
    ask: Callable[[str, str], str] | None = None
    go_on: Callable[[timedelta], timedelta] = lambda limit: limit
    # Text → value for the words {so} written in playbooks.
    values: Mapping[str, str] = field(default_factory=dict)


class Kind(Shape):
    """The entry of an action or a condition in YAML; its first key is its name. `usable_on`: the types of
    targets that it can be said of; empty: all. `remembers`: a condition about what happens once its step was
    sent, which can only prove a step. `by_hand`: an action that sends nothing to anything."""

    usable_on: ClassVar[tuple[str, ...]] = ("host",)
    remembers: ClassVar[bool] = False
    by_hand: ClassVar[bool] = False

    @property
    def is_event(self) -> bool:
        """An action whose proof may hold before it is sent, as that of a restart does: how things stand says
        nothing of whether it was done."""
        return False


class Action(Protocol):
    Settings: Any  # a Kind

    def shown(self, said: Any, target: Target) -> str:
        """Exactly what would be sent, for the plan that people approve."""

    def do(self, said: Any, target: Target, site: Site, limit: timedelta) -> None:
        """NotDone where it is known not to have worked. A person's or a host's silence ends with `limit`."""


class Condition(Protocol):
    Settings: Any  # a Kind

    def shown(self, said: Any, target: Target) -> str: ...

    def see(self, said: Any, target: Target, site: Site) -> Seen:
        """One look, over within a few seconds; OpsError where it could not be looked."""


class Remembering(Condition, Protocol):
    """One about what happens once a step was sent; before that it is no question."""

    def mark(self, said: Any, target: Target, site: Site) -> str:
        """Where things stand before the step is sent; never empty."""

    def since(self, said: Any, target: Target, site: Site, mark: str) -> Seen: ...


ACTIONS: Registry[Callable[[], Action]] = Registry("tasks.playbooks.actions")
CONDITIONS: Registry[Callable[[], Condition]] = Registry("tasks.playbooks.conditions")
