"""A database answers a statement, in a session that can only read."""

import re
from typing import Annotated, Any

from pydantic import AfterValidator

from tasks.databases.asking import opened, unreached
from tasks.errors import OpsError
from tasks.model import Database, Target
from tasks.playbooks import CONDITIONS, Holds, Kind, Seen, Site
from tasks.playbooks.conditions.command import pattern
from tasks.strict import Name, Text
from tasks.texts import t

SECONDS = 10


class SqlCondition(Kind):
    usable_on = ("host", "database")

    sql: Text
    says: Annotated[Text, AfterValidator(pattern)] = ""
    # Which one to ask, where the step is about something else, such as the database's host.
    database: Name | None = None


@CONDITIONS.add("sql")
class Sql:
    Settings = SqlCondition

    def shown(self, said: Any, target: Target) -> str:
        asked = f"{said.database}: {said.sql}" if said.database else str(said.sql)
        return f"{asked} → {said.says}" if said.says else asked

    def see(self, said: Any, target: Target, site: Site) -> Seen:
        asked = site.targets.get(said.database) if said.database else target
        if asked is None:
            raise OpsError(t("playbooks.no_database", name=said.database))
        if not isinstance(asked, Database):
            raise OpsError(t("playbooks.not_a_database", name=asked.name))
        with opened(asked, site.access) as members:
            session = next((one.session for one in members if one.session), None)
            if session is None:
                return Seen(Holds.NO, unreached(members))
            try:
                rows = session.ask(said.sql, SECONDS).rows
            except OpsError as problem:
                return Seen(Holds.NO, str(problem))
        answer = " ".join(str(value) for row in rows for value in row.values())
        fits = not said.says or re.search(said.says, answer) is not None
        return Seen(Holds.YES if fits else Holds.NO, t("playbooks.sql_seen", answer=answer[:200] or "—"))
