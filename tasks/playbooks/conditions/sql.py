"""A database answers a statement, in a session that can only read."""

import re
from typing import Annotated, Any

from pydantic import AfterValidator

from tasks.databases.asking import opened, unreached
from tasks.errors import OpsError
from tasks.model import Database, Target
from tasks.playbooks import CONDITIONS, Holds, Seen, Site
from tasks.playbooks.conditions.command import pattern
from tasks.strict import Shape, Text
from tasks.texts import t

SECONDS = 10


class SqlCondition(Shape):
    sql: Text
    says: Annotated[Text, AfterValidator(pattern)] = ""


@CONDITIONS.add("sql")
class Sql:
    Settings = SqlCondition

    def shown(self, said: Any, target: Target) -> str:
        return f"{said.sql} → {said.says}" if said.says else str(said.sql)

    def see(self, said: Any, target: Target, site: Site) -> Seen:
        if not isinstance(target, Database):
            raise OpsError(t("playbooks.not_a_database", name=target.name))
        with opened(target, site.access) as members:
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
