"""Routine: whether the databases and pages of a contract can be had, looked at every few minutes."""

from typing import Any

from prefect import flow
from prefect.client.schemas import State as FlowState
from prefect.states import Completed, Failed

from flows.looking import AVAILABILITY, watch
from flows.prefect_run import due, run_name, run_under_prefect, scheduled_start
from flows.routine import Request, names_in
from tasks.errors import OpsError
from tasks.home import home
from tasks.texts import t


def watch_under_prefect(contract: str) -> FlowState[Any]:
    here, scheduled = home(), scheduled_start()
    assert scheduled is not None
    try:
        planned = due(here, AVAILABILITY, contract, scheduled)
        if isinstance(planned, FlowState):
            return planned
        request = Request(contract=contract, started_by=t("routine.by_schedule"), only=planned.only)
        return Completed(name=t("availability.state_looked"), message=watch(here, request))
    except OpsError as problem:
        return Failed(name=t("routine.state_failed"), message=str(problem))


@flow(
    name=AVAILABILITY.title,
    flow_run_name=run_name(AVAILABILITY.title),
    description=t("availability.about"),
)
def availability(contract: str, only: str = "", note: str = "") -> Any:
    if scheduled_start() is not None:
        return watch_under_prefect(contract)
    return run_under_prefect(AVAILABILITY, contract, names_in(only), note)
