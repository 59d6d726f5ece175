"""A service is started, stopped or started anew."""

from datetime import timedelta
from typing import Any, Literal

from tasks.model import Target
from tasks.playbooks import ACTIONS, Site
from tasks.playbooks.sending import accomplished
from tasks.playbooks.service_control import Named, order
from tasks.strict import Text


class ServiceAction(Named):
    """`drain`: sent first, so that what is under way comes to its end."""

    to: Literal["running", "stopped", "restarted"]
    drain: Text = ""

    @property
    def is_event(self) -> bool:
        return self.to == "restarted"


@ACTIONS.add("service")
class Service:
    Settings = ServiceAction

    def shown(self, said: Any, target: Target) -> str:
        return "\n".join(filter(None, (said.drain, order(said, target, said.to))))

    def do(self, said: Any, target: Target, site: Site, limit: timedelta) -> None:
        if said.drain:
            accomplished(said.drain, target, site, limit)
        accomplished(order(said, target, said.to), target, site, limit)
