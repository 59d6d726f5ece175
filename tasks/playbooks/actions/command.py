"""A command on a host, as it is written."""

from datetime import timedelta
from typing import Any

from tasks.model import Target
from tasks.playbooks import ACTIONS, Kind, Site
from tasks.playbooks.sending import accomplished
from tasks.strict import Text


class CommandAction(Kind):
    command: Text


@ACTIONS.add("command")
class Command:
    Settings = CommandAction

    def shown(self, said: Any, target: Target) -> str:
        return str(said.command)

    def do(self, said: Any, target: Target, site: Site, limit: timedelta) -> None:
        accomplished(said.command, target, site, limit)
