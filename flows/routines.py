"""Every routine there is: its work, and the flow that the Prefect server starts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from flows.abort_form import abort_form
from flows.availability import availability
from flows.backup import BACKUP, backup
from flows.backup_check import CHECK, backup_check
from flows.backup_items import backup_names
from flows.backup_proof import PROOF, backup_proof
from flows.device_form import device_form
from flows.inspection import INSPECTION, daily
from flows.looking import AVAILABILITY
from flows.performance import REVIEW, performance
from flows.plan_check import PLAN_CHECK, plan_check
from flows.routine import Routine
from flows.service import KIND, SERVICE, service
from tasks.errors import Refused
from tasks.home import Home
from tasks.inventory import Inventory
from tasks.model import Database, Host
from tasks.playbooks import library
from tasks.texts import listed, t


def inspected(home: Home, inventory: Inventory, contract: str) -> list[str]:
    targets = inventory.targets(contract=contract)
    return [target.name for target in targets if isinstance(target, Host | Database)]


def service_names(home: Home, inventory: Inventory, contract: str) -> list[str]:
    return library.names(home, contract, KIND)


@dataclass(frozen=True, slots=True)
class Flow:
    """A routine and how it is deployed. `tag` sorts it in the UI; `names`: what its field `only` may hold;
    `labels`: fields called otherwise than those of other routines."""

    routine: Routine
    flow: Any
    tag: str
    names: Callable[[Home, Inventory, str], list[str]] = inspected
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        return self.routine.title


@dataclass(frozen=True, slots=True)
class ByHand:
    """What people enter in the UI: a flow that no schedule starts and no routine stands behind."""

    flow: Any
    tag: str
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        return str(self.flow.name)


JOBS = {"only": t("routine.field_jobs")}
SERVICES = {name: t(f"service.field_{name}") for name in ("rehearse", "note")} | {
    "only": t("service.field_playbooks")
}
FLOWS = {
    one.routine.code: one
    for one in (
        Flow(INSPECTION, daily, t("routine.tags_inspection")),
        Flow(AVAILABILITY, availability, t("routine.tags_availability")),
        Flow(REVIEW, performance, t("routine.tags_performance")),
        Flow(BACKUP, backup, t("routine.tags_backup"), backup_names, JOBS),
        Flow(PROOF, backup_proof, t("routine.tags_backup"), backup_names, JOBS),
        Flow(CHECK, backup_check, t("routine.tags_backup"), backup_names, JOBS),
        Flow(SERVICE, service, t("service.tags"), service_names, SERVICES),
        Flow(PLAN_CHECK, plan_check, t("routine.tags_plan")),
    )
}

ABORT_FORM = ByHand(
    abort_form,
    t("service.tags"),
    {
        "run_id": t("playbook_runs.field_run"),
        "operator": t("playbook_runs.field_operator"),
        "note": t("playbook_runs.field_reason"),
    },
)
DEVICE_FORM = ByHand(device_form, t("routine.tags_device"))


def routine(code: str) -> Routine:
    if code not in FLOWS:
        raise Refused(t("routine.unknown_routine", routine=code, known=listed(FLOWS)))
    return FLOWS[code].routine
