"""A page answers as it should, from every address of its name."""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from tasks.inventory.schema import Url
from tasks.model import Site as Page
from tasks.model import Target
from tasks.playbooks import CONDITIONS, Holds, Kind, Seen, Site
from tasks.playbooks.conditions.command import pattern
from tasks.strict import Text
from tasks.texts import listed, t
from tasks.transports.web import look

SECONDS = 10


class HttpCondition(Kind):
    usable_on = ()

    http: Url
    status: Annotated[int, Field(ge=100, le=599, strict=True)] = 200
    says: Annotated[Text, AfterValidator(pattern)] = ""


@CONDITIONS.add("http")
class Http:
    Settings = HttpCondition

    def shown(self, said: Any, target: Target) -> str:
        return t("playbooks.http_wanted", url=said.http, status=said.status)

    def see(self, said: Any, target: Target, site: Site) -> Seen:
        page = Page(
            contract=site.contract,
            part=target.part,
            name=target.name,
            url=said.http,
            status=said.status,
            marker=said.says,
            seconds=SECONDS,
        )
        seen = look(page, site.access)
        wrong = [seen["failure"]] if seen["failure"] else [bad(one, said) for one in seen["visits"]]
        wrong = [one for one in wrong if one]
        told = listed(wrong) if wrong else t("playbooks.http_seen", url=said.http, status=said.status)
        return Seen(Holds.NO if wrong else Holds.YES, told)


def bad(visit: dict[str, Any], said: Any) -> str:
    """What is wrong with one address; a page that does not answer is no page that runs."""
    if visit["failure"]:
        return str(visit["failure"])
    if visit["status"] != said.status:
        return t("playbooks.http_status", status=visit["status"], wanted=said.status)
    # A plain text is looked for in the whole page, a pattern in what can be read of its beginning.
    if not (visit.get("marker") or re.search(said.says, str(visit.get("text", "")))):
        return t("playbooks.http_text", pattern=said.says)
    return ""
