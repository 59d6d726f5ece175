"""A database is started or stopped on its hosts: one after the other, and only where it is not so already."""

from datetime import timedelta
from typing import Any

from tasks.model import Database, Target
from tasks.playbooks import ACTIONS, Site
from tasks.playbooks.engine_control import Named, order, places, question, summary
from tasks.playbooks.sending import accomplished, run

LOOK = timedelta(seconds=20)


@ACTIONS.add("engine")
class Engine:
    Settings = Named

    def shown(self, said: Any, target: Target) -> str:
        if not isinstance(target, Database):
            return str(said.engine)
        lines = (f"{one.host}: {summary(said, target, one, said.engine)}" for one in target.instances)
        return "\n".join(lines)

    def do(self, said: Any, target: Target, site: Site, limit: timedelta) -> None:
        for instance, host in places(target, site):
            assert isinstance(target, Database)
            asked = run(question(said, target, instance, host), host, site, LOOK)
            if asked.text.strip() != said.engine:
                accomplished(order(said, target, instance, host, said.engine), host, site, limit)
