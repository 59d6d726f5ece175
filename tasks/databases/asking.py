"""Everything that checks want to know of a database, asked over one session for each of its members."""

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tasks import clock
from tasks.checks import Check
from tasks.checks.answers import Asked, Member, write
from tasks.databases import Endpoint, Gone, NotAnswered, Session, Surprise, no_surprises, open_session
from tasks.databases.statements import Statement, statements
from tasks.errors import OpsError
from tasks.model import Database, Host, Output
from tasks.texts import listed, t
from tasks.transports import Access

# A session that ended is opened once more; a second time there is no use in it.
TRIES = 2
# For all questions to one member: a server on which every view is slow holds up its contract no longer.
MOST_SECONDS = 120.0


@dataclass
class Open:
    """A member of the database and the session with it, or why there is none."""

    database: Database
    endpoint: Endpoint
    access: Access
    session: Session | None = None
    failure: str = ""
    tries: int = 0
    until: float = field(default_factory=lambda: time.monotonic() + MOST_SECONDS)
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def role(self) -> str:
        return self.facts.get("role") or self.endpoint.role

    @property
    def known(self) -> Mapping[str, str]:
        """What the inventory says holds where there was no session to ask, too."""
        return self.facts or inventoried(self.database, self.endpoint)

    def connect(self) -> None:
        self.tries += 1
        keyring, name = self.access.keyring, self.database.credential
        try:
            login = keyring(name) if name else None
            with no_surprises():
                self.session = open_session(self.database, self.endpoint, login, self.access)
            self.facts = {**inventoried(self.database, self.endpoint), **self.session.facts}
            self.failure = ""
        except OpsError as problem:
            self.failure = str(problem)

    def ask(self, statement: Statement, seconds: float) -> Asked:
        if self.session is None and self.tries < TRIES:
            self.connect()
        if self.session is None:
            return Asked(statement.name, failure=self.failure)
        left = self.until - time.monotonic()
        if left <= 0:
            return Asked(statement.name, failure=t("databases.no_time", seconds=round(MOST_SECONDS)))
        try:
            with no_surprises():
                table = self.session.ask(statement.sql, min(seconds, math.ceil(left)))
        except NotAnswered as problem:
            if isinstance(problem, Gone):
                self.close()
                self.failure = str(problem)
            return Asked(statement.name, failure=str(problem), code=problem.code)
        return Asked(statement.name, table.columns, table.rows)

    def close(self) -> None:
        session, self.session = self.session, None
        if session is not None:
            with suppress(Surprise), no_surprises():  # all was said before
                session.close()


def inventoried(database: Database, endpoint: Endpoint) -> dict[str, str]:
    """What it should be, for judges to hold against what it is."""
    said = {
        "form": database.form,
        "expected_role": endpoint.role or database.role,
        "expected_version": database.version,
        "log": database.log,
        "data": database.data,
    }
    return {name: value for name, value in said.items() if value}


def endpoints(database: Database, hosts: Mapping[str, Host]) -> list[Endpoint]:
    """Each member of a Data Guard set; otherwise one, with the other nodes to turn to if it is not there."""
    known = [
        Endpoint(one.name, hosts[one.host].address, one.port or database.port, one.host, one.role)
        for one in database.instances
        if one.host in hosts
    ]
    if database.form == "dataguard":
        return known
    host = known[0].host if known else ""
    port = (known[0].port if known else None) or database.port
    own = Endpoint(database.name, database.address, port, host, database.role)
    return [own, *known] if database.form == "rac" else [own]


@contextmanager
def opened(database: Database, access: Access) -> Iterator[list[Open]]:
    """The members, with a session or the reason why there is none; OpsError where there is no member."""
    found = [Open(database, endpoint, access) for endpoint in endpoints(database, access.hosts)]
    with ExitStack() as stack:
        for one in found:
            stack.callback(one.close)
            one.connect()
            if one.session and database.form == "rac":
                found = [one]
                break
        if not found:
            raise OpsError(t("databases.no_member"))
        yield found


def unreached(members: Sequence[Open]) -> str:
    """Why there is a session with none of them; empty: there is one."""
    return "" if any(one.facts for one in members) else listed(dict.fromkeys(one.failure for one in members))


def ask(members: Sequence[Open], check: Check) -> Output | None:
    """What each member that the check is about answered; None where it is about none of them."""
    started_at, wanted = clock.now(), statements(check.probe)
    answers = [answer for one in members if (answer := asked(one, check, wanted, len(members)))]
    return output(check.probe, answers, started_at) if answers else None


def asked(one: Open, check: Check, wanted: Sequence[Statement], members: int) -> Member | None:
    concerned = [statement for statement in wanted if statement.concerns(one.role, members)]
    if not one.facts:  # it was never spoken to: one reason for all
        return Member(one.endpoint.name, failure=one.failure) if concerned else None
    fitting = [statement for statement in concerned if statement.fits(one.facts)]
    if not fitting:
        return None
    return Member(
        one.endpoint.name, one.facts, tuple(one.ask(statement, check.seconds) for statement in fitting)
    )


def output(command: str, answers: Sequence[Member], started_at: datetime) -> Output:
    """It failed where no member said anything; a refusal with a code is said."""
    text = write(answers)
    heard = any(one.text or any(asked.code or not asked.failure for asked in one.asked) for one in answers)
    reasons = [why for one in answers for why in one.failures()]
    return Output(
        command=command,
        exit_code=0,
        raw=text.encode("utf-8", "surrogateescape"),
        text=text,
        stderr="",
        started_at=started_at,
        duration=max(clock.now() - started_at, timedelta(0)),
        failure="" if heard else next(iter(reasons), t("checks.no_answer")),
    )
