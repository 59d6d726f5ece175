"""The deployment by which a run is aborted: the same as `opsproof abort`, from the UI."""

from typing import Any

from prefect import flow
from prefect.states import Completed, Failed

from flows.aborting import aborted
from tasks.errors import OpsError
from tasks.texts import t


@flow(name=t("playbook_runs.abort_title"), description=t("playbook_runs.abort_about"))
def abort_form(contract: str, run_id: str = "", operator: str = "", note: str = "") -> Any:
    try:
        said = aborted(run_id.strip(), contract, operator.strip(), note)
    except OpsError as problem:
        return Failed(name=t("routine.state_failed"), message=str(problem))
    return Completed(name=t("playbook_runs.state_asked"), message=" ".join(said))
