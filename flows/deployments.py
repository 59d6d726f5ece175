"""One deployment per active contract and routine, labelled in Chinese."""

from collections.abc import Mapping
from typing import Any

from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.deployments.runner import RunnerDeployment
from prefect.schedules import Cron
from prefect.types.entrypoint import EntrypointType

from flows.routines import ABORT_FORM, DEVICE_FORM, FLOWS, ByHand, Flow
from tasks.clock import ZONE
from tasks.contracts.timetable import Timetable
from tasks.home import Home
from tasks.inventory import load
from tasks.model import Device
from tasks.texts import listed, t

# By this tag the runner knows its own among all deployments of the server.
OURS = "opsproof"
SHOWN = 12


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


def deployment(one: Flow | ByHand, contract: str, names: list[str], times: list[str]) -> RunnerDeployment:
    """`<contract>/<routine>`: in the UI a contract is a flow, and its routines are its deployments."""
    made: RunnerDeployment = one.flow.with_options(name=contract).to_deployment(
        name=one.title,
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
    for name, field in fields.items():
        field["title"] = labels.get(name) or t(f"routine.field_{name}")
        field.pop("description", None)
    if "only" in fields:
        more = t("routine.only_more", count=len(names)) if len(names) > SHOWN else ""
        fields["only"]["description"] = t("routine.only_names", names=listed(names[:SHOWN]), more=more)
