"""A service runs, or is stopped and nothing of it is left."""

from datetime import timedelta
from typing import Any, Literal

from tasks.model import Target
from tasks.playbooks import CONDITIONS, Holds, Seen, Site
from tasks.playbooks.sending import run
from tasks.playbooks.service_control import ANSWERS, Named, question
from tasks.texts import t

LIMIT = timedelta(seconds=20)


class ServiceCondition(Named):
    is_: Literal["running", "stopped"]

    model_config = {"alias_generator": lambda name: name.removesuffix("_"), "populate_by_name": False}


@CONDITIONS.add("service")
class Service:
    Settings = ServiceCondition

    def shown(self, said: Any, target: Target) -> str:
        told = t(f"playbooks.service_{said.is_}", name=said.service)
        return told + (t(f"playbooks.process_{said.is_}", process=said.process) if said.process else "")

    def see(self, said: Any, target: Target, site: Site) -> Seen:
        output = run(question(said, target), target, site, LIMIT)
        lines = output.text.split()
        if output.exit_code != 0 or not lines or lines[0] not in ANSWERS:
            told = (output.text + output.stderr).strip()[-200:]
            return Seen(Holds.UNKNOWN, t("playbooks.service_unknown", name=said.service, said=told or "—"))
        return judged(said, lines[0], int(lines[1]) if len(lines) > 1 else None)


def judged(said: Any, state: str, processes: int | None) -> Seen:
    told = t("playbooks.service_seen", name=said.service, state=t(f"playbooks.state_{state}"))
    if processes is not None:
        told += t("playbooks.processes", count=processes)
    right = state == said.is_ and (processes is None or bool(processes) == (said.is_ == "running"))
    return Seen(Holds.YES if right else Holds.NO, told)
