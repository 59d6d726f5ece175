"""Routine: whether the databases and pages of a contract can be had, looked at every few minutes."""

from collections import Counter
from dataclasses import replace
from typing import Any

from prefect import flow
from prefect.client.schemas import State as FlowState
from prefect.states import Completed, Failed

from flows.looking import AVAILABILITY, close_days, look_round
from flows.prefect_run import due, run_name, run_under_prefect, scheduled_start
from flows.routine import Request, names_in
from tasks.availability.probe import State
from tasks.contracts.activation import active
from tasks.errors import OpsError, Refused
from tasks.home import Home, home
from tasks.inventory import load
from tasks.locks import held_beside
from tasks.records import Book
from tasks.texts import t


def watch(here: Home, request: Request) -> str:
    """By schedule: one round, a record only of what changed, and of the day when it is over."""
    book, contract = Book(here.ready(here.book)), request.contract
    inventory = load(here.inventories, contract=contract)
    if contract not in active(book):
        raise Refused(t("routine.inactive", contract=contract))
    request = replace(request, mode=inventory.contract(contract).mode)
    with held_beside(here, contract, AVAILABILITY.code, AVAILABILITY.title):
        seen = look_round(here, book, inventory, request)
        close_days(here, book, contract)
    counts = Counter(one.state for one in seen.looks.values())
    return t("availability.round", **{str(state): counts[state] for state in State})


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
