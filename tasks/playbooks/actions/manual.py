"""Something a person does and then says that it is done; who, is written down."""

from datetime import timedelta
from typing import Any

from tasks import clock
from tasks.model import Target
from tasks.playbooks import ACTIONS, Kind, NotDone, Sent, Site
from tasks.strict import Text
from tasks.texts import t


class ManualAction(Kind):
    usable_on = ()
    by_hand = True

    manual: Text


@ACTIONS.add("manual")
class Manual:
    Settings = ManualAction

    def shown(self, said: Any, target: Target) -> str:
        return t("playbooks.by_hand", instruction=said.manual)

    def do(self, said: Any, target: Target, site: Site, limit: timedelta) -> None:
        if site.ask is None:
            raise NotDone(t("playbooks.nobody_to_ask"))
        at = clock.now()
        answer = site.ask(target.name, said.manual)
        seconds = (clock.now() - at).total_seconds()
        site.sent(Sent(target.name, self.shown(said, target), at, seconds, None, "", answer))
