"""A database runs on all its hosts and lets us in, or nothing of it is left on any of them."""

from datetime import timedelta
from typing import Any

from tasks.databases.asking import opened, unreached
from tasks.model import Database, Target
from tasks.playbooks import CONDITIONS, Holds, Seen, Site
from tasks.playbooks.engine_control import Named, places, question
from tasks.playbooks.sending import run
from tasks.texts import listed, t

LIMIT = timedelta(seconds=20)


@CONDITIONS.add("engine")
class Engine:
    Settings = Named

    def shown(self, said: Any, target: Target) -> str:
        return t(f"playbooks.engine_{said.engine}", name=target.name)

    def see(self, said: Any, target: Target, site: Site) -> Seen:
        states: dict[str, str] = {}
        for instance, host in places(target, site):
            assert isinstance(target, Database)
            answer = run(question(said, target, instance, host), host, site, LIMIT)
            states[f"{instance.name}@{host.name}"] = answer.text.strip()
        blind = [name for name, state in states.items() if state not in ("running", "stopped", "between")]
        if blind or not states:
            return Seen(Holds.UNKNOWN, t("playbooks.engine_unknown", names=listed(blind) or target.name))
        wrong = [name for name, state in states.items() if state != said.engine]
        if wrong:
            return Seen(
                Holds.NO, t("playbooks.engine_wrong", names=listed(wrong), wanted=self.shown(said, target))
            )
        return (
            self._in(target, site) if said.engine == "running" else Seen(Holds.YES, self.shown(said, target))
        )

    def _in(self, target: Any, site: Site) -> Seen:
        """A process alone serves nobody. A standby that is only mounted lets no inspector in."""
        with opened(target, site.access) as members:
            if reason := unreached([one for one in members if one.role != "standby"] or members):
                return Seen(Holds.NO, reason)
        return Seen(Holds.YES, t("playbooks.engine_running", name=target.name))
