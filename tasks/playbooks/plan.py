"""What a playbook comes to on the targets of today: shown, approved by its digest, and run as it is."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import Any

from tasks.errors import Refused
from tasks.inventory import Inventory
from tasks.model import Database, Host, Target
from tasks.playbooks import ACTIONS, CONDITIONS
from tasks.playbooks.schema import Playbook, Step
from tasks.texts import listed, t

PLACE = frozenset(
    (
        *("address", "port", "os", "transport", "credential", "encoding", "sudo", "jump", "winrm"),
        *("engine", "form", "service", "path", "data", "instances", "url"),
    )
)


@dataclass(frozen=True, slots=True)
class Look:
    """One condition on one target."""

    target: str
    said: Any
    shown: str
    # Whether it tells of what happened since the step was sent: a line in a log.
    remembers: bool = False


@dataclass(frozen=True, slots=True)
class Move:
    """One step on one target: the smallest thing that is done, proved, undone and written down."""

    key: str
    step: Step
    target: str
    shown: str
    proof: tuple[Look, ...]
    undo_shown: str = ""
    undo_proof: tuple[Look, ...] = ()

    @property
    def limit(self) -> timedelta:
        return self.step.limit

    @property
    def blind(self) -> bool:
        """Whether nothing that is looked at tells if it was done."""
        return not (self.may_be_skipped or any(look.remembers for look in self.proof))

    @property
    def may_be_skipped(self) -> bool:
        """Whether it need not be done where its proof holds already."""
        return self.step.do is None or not (self.step.always or self.step.do.is_event)


@dataclass(frozen=True, slots=True)
class Plan:
    playbook: Playbook
    checks: tuple[tuple[str, Look], ...]
    moves: tuple[Move, ...]
    # By target: everything that decides which machine that name is.
    places: Mapping[str, str] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """Of everything that an approver was shown and everything that decides what is sent."""
        return hashlib.sha256(
            json.dumps(self.written(), ensure_ascii=False, sort_keys=True).encode()
        ).hexdigest()

    def written(self) -> dict[str, Any]:
        return {
            "playbook": self.playbook.model_dump(mode="json"),
            "targets": dict(self.places),
            "checks": [[title, look.target, look.shown] for title, look in self.checks],
            "moves": [
                [move.key, move.shown, [one.shown for one in move.proof], move.undo_shown]
                for move in self.moves
            ],
        }

    def refuse_others(self, targets: Mapping[str, Target]) -> None:
        """A name that meanwhile stands for another machine."""
        for name, where in self.places.items():
            if name not in targets or place(targets[name]) != where:
                raise Refused(t("playbooks.other_target", name=name))


def kind_of(said: Any) -> str:
    """The first key of its entry."""
    return str(next(iter(type(said).model_fields)))


def made(playbook: Playbook, inventory: Inventory) -> Plan:
    targets = {one.name: one for one in inventory.targets(contract=playbook.contract)}
    if missing := [name for name in playbook.scope if name not in targets]:
        raise Refused(t("playbooks.no_targets", names=listed(missing), contract=playbook.contract))
    named = {name for check in playbook.checks for name in check.on}
    named |= {name for step in playbook.steps for name in step.on}
    if outside := sorted(named.difference(playbook.scope)):
        raise Refused(t("playbooks.outside_scope", name=listed(outside)))
    return Plan(
        playbook,
        tuple(
            (check.title, look(said, targets[name]))
            for check in playbook.checks
            for name in check.on
            for said in check.prove
        ),
        tuple(moves(playbook.steps, targets)),
        {name: place(targets[name]) for name in reached(playbook, targets)},
    )


def reached(playbook: Playbook, targets: Mapping[str, Target]) -> list[str]:
    """What is in the scope or asked by name, the hosts of such databases, as an engine is started and stopped
    there, and the hosts on the way."""
    found: set[str] = set()
    left = {*playbook.scope, *asked(playbook)}
    while left := {name for name in left - found if name in targets}:
        found |= left
        ahead = [targets[name] for name in left]
        left = {name for one in ahead if isinstance(one, Database) for name in one.hosts}
        left |= {name for one in ahead if isinstance(one, Host) for name in one.jump}
    return sorted(found)


def asked(playbook: Playbook) -> Iterator[str]:
    """Databases that a condition names itself."""
    proofs = [one.prove for one in playbook.checks]
    proofs += [proof for step in playbook.steps for proof in (step.prove, step.undone)]
    yield from (name for proof in proofs for one in proof if (name := getattr(one, "database", None)))


def place(target: Target) -> str:
    """Not what people only write down about it."""
    said = {name: value for name, value in asdict(target).items() if name in PLACE and value}
    return json.dumps(said, ensure_ascii=False, sort_keys=True)


def moves(steps: Sequence[Step], targets: dict[str, Target]) -> Iterator[Move]:
    for step in steps:
        for name in step.on:
            target = targets[name]
            yield Move(
                key=f"{step.id}@{name}",
                step=step,
                target=name,
                shown=shown(step.do, target),
                proof=tuple(look(said, target) for said in step.prove),
                undo_shown=shown(step.undo, target),
                undo_proof=tuple(look(said, target) for said in step.undone),
            )


def shown(said: Any, target: Target) -> str:
    return str(ACTIONS.all()[kind_of(said)]().shown(said, target)) if said is not None else ""


def look(said: Any, target: Target) -> Look:
    condition = CONDITIONS.all()[kind_of(said)]()
    return Look(target.name, said, condition.shown(said, target), said.remembers)
