"""The form in which somebody enters what they saw in front of a device. The UI has one login for all, so
the entry is signed: a name on the list of operators, and a one-time code of that person's.
"""

from typing import Any

from prefect import flow
from prefect.artifacts import create_markdown_artifact
from prefect.states import Completed, Failed

from flows.device_note import entered
from flows.links import record_url
from flows.routine import names_in
from tasks.errors import OpsError
from tasks.inspection.manual import ROUTINE, Look
from tasks.texts import t


@flow(name=t("device.title"), description=t("device.form_about"))
def device_form(
    contract: str,
    only: str = "",
    sound: bool = True,
    note: str = "",
    looked_at: str = "",
    operator: str = "",
    code: str = "",
) -> Any:
    look = Look(names=names_in(only), by=operator.strip(), sound=sound, note=note, at=looked_at.strip())
    try:
        entry = entered(contract, look, code)
    except OpsError as problem:
        return Failed(name=t("routine.state_failed"), message=str(problem))
    text = t("device.form_artifact", url=record_url(contract, entry.seq), summary=entry.record.summary)
    create_markdown_artifact(
        text, key=f"{ROUTINE}-{contract}-record", description=t("routine.artifact_record")
    )
    return Completed(name=t("routine.state_ok"), message=entry.record.summary)
