"""The routine `service` as a Prefect flow: whoever has to approve it is asked first."""

from typing import Any

from prefect import flow

from flows.approval_form import sought
from flows.prefect_run import run_name, run_under_prefect
from flows.routine import Request, names_in
from flows.service import SERVICE, playbooks
from tasks.contracts.activation import active
from tasks.errors import Refused
from tasks.home import Home
from tasks.inventory import load
from tasks.records import Book
from tasks.texts import t


def asked_first(home: Home, request: Request) -> None:
    """Nobody is asked for a code where the run would be refused all the same."""
    if request.contract not in active(Book(home.book)):
        raise Refused(t("routine.inactive", contract=request.contract))
    playbooks(home, load(home.inventories, contract=request.contract), request)
    sought(home, request)


@flow(name=SERVICE.title, flow_run_name=run_name(SERVICE.title), description=t("service.about"))
def service(contract: str, only: str = "", rehearse: bool = False, note: str = "") -> Any:
    return run_under_prefect(SERVICE, contract, names_in(only), note, before=asked_first, rehearse=rehearse)
