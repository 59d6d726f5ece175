"""One deployment per active contract and routine, labelled in Chinese."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.deployments.runner import RunnerDeployment
from prefect.schedules import Cron
from prefect.types.entrypoint import EntrypointType

from flows.abort_form import abort_form
from flows.availability import availability
from flows.backup_items import backup_names
from flows.device_form import device_form
from flows.prefect_flows import backup, backup_check, backup_proof, daily, performance, plan_check
from flows.service import of_kind
from flows.service_flow import service
from tasks.clock import ZONE
from tasks.contracts.timetable import Timetable
from tasks.home import Home
from tasks.inventory import Inventory, load
from tasks.model import Database, Device, Host
from tasks.texts import listed, t

# By this tag the runner knows its own among all deployments of the server.
OURS = "opsproof"
SHOWN = 12


def inspected(home: Home, inventory: Inventory, contract: str) -> list[str]:
    targets = inventory.targets(contract=contract)
    return [target.name for target in targets if isinstance(target, Host | Database)]


def service_names(home: Home, inventory: Inventory, contract: str) -> list[str]:
    return of_kind(home, contract)


@dataclass(frozen=True, slots=True)
class Deployed:
    """A flow in the UI. `tag` sorts it there; `names`: what its field `only` may hold; `labels`: fields that
    are called otherwise than those of other flows."""

    flow: Any
    tag: str
    names: Callable[[Home, Inventory, str], list[str]] = inspected
    labels: Mapping[str, str] = field(default_factory=dict)


JOBS = {"only": t("routine.field_jobs")}
SERVICES = {name: t(f"service.field_{name}") for name in ("rehearse", "note")} | {
    "only": t("service.field_playbooks")
}
# By the code of the routine.
FLOWS = {
    "inspection": Deployed(daily, t("routine.tags_inspection")),
    "availability": Deployed(availability, t("routine.tags_availability")),
    "performance-review": Deployed(performance, t("routine.tags_performance")),
    "backup": Deployed(backup, t("routine.tags_backup"), backup_names, JOBS),
    "backup-proof": Deployed(backup_proof, t("routine.tags_backup"), backup_names, JOBS),
    "backup-check": Deployed(backup_check, t("routine.tags_backup"), backup_names, JOBS),
    "service": Deployed(service, t("service.tags"), service_names, SERVICES),
    "plan-check": Deployed(plan_check, t("routine.tags_plan")),
}
# What people enter: no schedule starts them, and no routine stands behind them.
ABORT_FORM = Deployed(
    abort_form,
    t("service.tags"),
    labels={
        "run_id": t("playbook_runs.field_run"),
        "operator": t("playbook_runs.field_operator"),
        "note": t("playbook_runs.field_reason"),
    },
)
DEVICE_FORM = Deployed(device_form, t("routine.tags_device"))


def deployments(home: Home, contract: str) -> list[RunnerDeployment]:
    inventory = load(home.inventories, contract=contract)
    targets = inventory.targets(contract=contract)
    triggers = Timetable.load(home.inventories, contract).crons()
    made = [
        deployment(
            one,
            contract,
            one.names(home, inventory, contract),
            [each.cron for each in triggers if each.routine == code],
        )
        for code, one in FLOWS.items()
    ]
    made.append(deployment(ABORT_FORM, contract, [], []))
    if devices := [one.name for one in targets if isinstance(one, Device)]:
        made.append(deployment(DEVICE_FORM, contract, devices, []))
    return made


def deployment(one: Deployed, contract: str, names: list[str], times: list[str]) -> RunnerDeployment:
    """`<contract>/<routine>`: in the UI a contract is a flow, and its routines are its deployments."""
    made: RunnerDeployment = one.flow.with_options(name=contract).to_deployment(
        name=one.flow.name,
        parameters={"contract": contract},
        schedules=[Cron(time, timezone=ZONE.key) for time in times],
        # A later run waits: cancelling it would keep the oldest, which the lateness guard then drops.
        concurrency_limit=ConcurrencyLimitConfig(
            limit=1, collision_strategy=ConcurrencyLimitStrategy.ENQUEUE
        ),
        tags=[OURS, contract, one.tag],
        description=one.flow.description,
        paused=False,
        entrypoint_type=EntrypointType.MODULE_PATH,
    )
    label(made, names, one.labels)
    return made


def label(made: Any, names: list[str], labels: Mapping[str, str]) -> None:
    """Prefect labels a field with its parameter's name; the schema may say it better.

    The contract belongs to the deployment and is no field. Targets are typed, not chosen: in Prefect
    3.8's form a drop-down that is clicked with the mouse closes at once.
    """
    fields = made._parameter_openapi_schema.properties
    fields.pop("contract")
    made._parameter_openapi_schema.required = []
    for name, entry in fields.items():
        entry["title"] = labels.get(name) or t(f"routine.field_{name}")
        entry.pop("description", None)
    if "only" in fields:
        more = t("routine.only_more", count=len(names)) if len(names) > SHOWN else ""
        fields["only"]["description"] = t("routine.only_names", names=listed(names[:SHOWN]), more=more)
