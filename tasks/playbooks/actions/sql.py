"""A statement that changes something in a database, in a session that may write for this one statement."""

import re
import time
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from typing import Annotated, Any

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from tasks import clock
from tasks.databases import Gone
from tasks.databases.asking import Open, opened, unreached
from tasks.errors import OpsError
from tasks.model import Database, Target
from tasks.playbooks import ACTIONS, Kind, NotDone, Sent, Site, Unheard
from tasks.strict import Name, Text
from tasks.texts import t

SECRET = re.compile(r"\bidentified\s+(by|with|via)\b|\bpassword\b", re.I)


def no_secret(text: str) -> str:
    """What is in a playbook is in approvals, journals and records."""
    if SECRET.search(text):
        raise PydanticCustomError("secret", t("playbooks.secret_in_sql"))
    return text


class SqlAction(Kind):
    """`credential`: whose login, where the one that inspects has not the right."""

    usable_on = ("database",)

    sql: Annotated[Text, AfterValidator(no_secret)]
    credential: Name | None = None


@ACTIONS.add("sql")
class Sql:
    Settings = SqlAction

    def shown(self, said: Any, target: Target) -> str:
        return f"{said.sql}" + (t("playbooks.sql_as", credential=said.credential) if said.credential else "")

    def do(self, said: Any, target: Target, site: Site, limit: timedelta) -> None:
        if not isinstance(target, Database):
            raise OpsError(t("playbooks.not_a_database", name=target.name))
        asked = replace(target, credential=said.credential or target.credential)
        with opened(asked, site.access) as members:
            write(members, said.sql, target, site, limit)


def write(members: list[Open], sql: str, target: Database, site: Site, limit: timedelta) -> None:
    """To the member that can be written to."""
    session = next((one.session for one in members if one.session and one.role != "standby"), None)
    if session is None:
        raise NotDone(unreached(members) or t("playbooks.only_standbys", name=target.name))
    limit = site.go_on(limit)
    at, started, failure, said = clock.now(), time.monotonic(), "", ""
    kind: type[NotDone] = NotDone
    try:
        count = session.write(sql, limit.total_seconds())
        said = t("playbooks.rows", count=count) if count is not None and count >= 0 else ""
    except OpsError as problem:
        failure, kind = str(problem), Unheard if isinstance(problem, Gone) else NotDone
    took = round(time.monotonic() - started, 3)
    digest = sha256((said + failure).encode()).hexdigest()
    site.sent(Sent(target.name, sql, at, took, None, digest, said, failure))
    if failure:
        raise kind(failure)
