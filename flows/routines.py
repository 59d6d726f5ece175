"""Every routine there is: its work, and the flow that the Prefect server starts."""

from dataclasses import dataclass
from typing import Any

from flows.availability import availability
from flows.backup import BACKUP, backup
from flows.backup_check import CHECK, backup_check
from flows.backup_proof import PROOF, backup_proof
from flows.device_form import device_form
from flows.inspection import INSPECTION, daily
from flows.looking import AVAILABILITY
from flows.performance import REVIEW, performance
from flows.plan_check import PLAN_CHECK, plan_check
from flows.routine import Routine
from tasks.errors import Refused
from tasks.texts import listed, t


@dataclass(frozen=True, slots=True)
class Flow:
    """A routine and how it is deployed. `tag` sorts it in the UI."""

    routine: Routine
    flow: Any
    tag: str

    @property
    def title(self) -> str:
        return self.routine.title


@dataclass(frozen=True, slots=True)
class ByHand:
    """What people enter in the UI: a flow that no schedule starts and no routine stands behind."""

    flow: Any
    tag: str

    @property
    def title(self) -> str:
        return str(self.flow.name)


FLOWS = {
    one.routine.code: one
    for one in (
        Flow(INSPECTION, daily, t("routine.tags_inspection")),
        Flow(AVAILABILITY, availability, t("routine.tags_availability")),
        Flow(REVIEW, performance, t("routine.tags_performance")),
        Flow(BACKUP, backup, t("routine.tags_backup")),
        Flow(PROOF, backup_proof, t("routine.tags_backup")),
        Flow(CHECK, backup_check, t("routine.tags_backup")),
        Flow(PLAN_CHECK, plan_check, t("routine.tags_plan")),
    )
}

DEVICE_FORM = ByHand(device_form, t("routine.tags_device"))


def routine(code: str) -> Routine:
    if code not in FLOWS:
        raise Refused(t("routine.unknown_routine", routine=code, known=listed(FLOWS)))
    return FLOWS[code].routine
