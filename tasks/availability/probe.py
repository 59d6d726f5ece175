"""The lightest look there is: connect, one trivial statement or one page, timed."""

import errno
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from tasks.checks.judging import plain
from tasks.checks.web.page import wrong
from tasks.databases import ENGINES, Endpoint, Surprise, engine_of, no_surprises, open_session
from tasks.databases.asking import endpoints
from tasks.errors import OpsError
from tasks.inventory.credentials import Credential
from tasks.model import Database, Target
from tasks.texts import t
from tasks.transports import Access, web

AT_ONCE = 64
# Of the trivial statement; the login has the database's own limit.
SECONDS = 5.0
LONGEST_REASON = 200


class State(StrEnum):
    UP = "up"
    DOWN = "down"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Look:
    """What came of one look. `ms`: how long a good one took."""

    state: State
    ms: int = 0
    reason: str = ""


class Ours(OpsError):
    """What kept us from looking is our own: a missing password, a network that is not there."""


# No way out of this machine, or no room in it.
OUR_ERRNOS = {
    errno.ENETUNREACH,
    errno.ENETDOWN,
    errno.EADDRNOTAVAIL,
    errno.EMFILE,
    errno.ENFILE,
    errno.ENOMEM,
}


def look_at_all(targets: Sequence[Target], access: Access) -> dict[str, Look]:
    """All at once, each within its own limit."""
    ENGINES.all()  # loading drivers takes longer than an answer, and is none of its time
    with ThreadPoolExecutor(min(AT_ONCE, max(len(targets), 1))) as pool:
        return dict(
            zip(
                (target.name for target in targets),
                pool.map(lambda target: look_at(target, access), targets),
                strict=True,
            )
        )


def look_at(target: Target, access: Access) -> Look:
    """One lost packet is no outage: what seems down is looked at a second time."""
    found = once(target, access)
    return once(target, access) if found.state is State.DOWN else found


def once(target: Target, access: Access) -> Look:
    probe = PROBES.get(target.type)
    if probe is None:
        return Look(State.UNKNOWN, reason=t("availability.no_probe", type=target.type))
    started = time.monotonic()
    try:
        probe(target, access)
    except Ours as problem:
        return Look(State.UNKNOWN, reason=said(problem))
    except OpsError as problem:
        state = State.UNKNOWN if is_ours(problem) else State.DOWN
        return Look(state, reason=said(problem))
    return Look(State.UP, max(round(1000 * (time.monotonic() - started)), 1))


def said(problem: OpsError) -> str:
    return plain(str(problem))[:LONGEST_REASON]


def is_ours(problem: BaseException) -> bool:
    """A login that is refused tells of our account, not of the service; and whoever has no network sees
    nobody; nor does a driver that stumbles."""
    if isinstance(problem, Surprise) or re.search(t("availability.ours"), str(problem)):
        return True
    return any(isinstance(one, OSError) and one.errno in OUR_ERRNOS for one in causes(problem))


def causes(problem: BaseException) -> Iterator[BaseException]:
    one: BaseException | None = problem
    while one is not None:
        yield one
        one = one.__cause__ or one.__context__


def database(target: Any, access: Access) -> None:
    """It is up if one member that may be written to answers; OpsError if none does."""
    try:
        login = access.keyring(target.credential) if target.credential else None
        engine_of(target)
    except OpsError as problem:
        raise Ours(str(problem)) from problem
    members = sorted(endpoints(target, access.hosts), key=lambda one: one.role == "standby")
    reasons = []
    for member in members:
        try:
            ask(target, member, login, access)
            return
        except OpsError as problem:
            if is_ours(problem):
                raise Ours(str(problem)) from problem
            reasons.append(str(problem))
    raise OpsError(reasons[0] if reasons else t("databases.no_member"))


def ask(target: Database, member: Endpoint, login: Credential | None, access: Access) -> None:
    with no_surprises(), closing(open_session(target, member, login, access)) as session:
        session.ask(engine_of(target).trivial, SECONDS)
        if target.form == "dataguard" and session.facts.get("role") == "standby":
            raise OpsError(t("availability.only_standby", name=member.name))


def site(target: Any, access: Access) -> None:
    """The page as a visitor gets it from the first address of its name that shows it."""
    reasons = []
    try:
        addresses = web.resolved(urlsplit(target.url), target.seconds)
    except web.Failed as problem:
        raise OpsError(str(problem)) from problem
    for address in addresses:
        with access.noting(target.name, "http", f"{target.method} {target.url} ({address})") as answer:
            fault = answer.failure = wrong(web.Visit(target, address).document(), web.wanted(target))
        if not fault:
            return
        reasons.append(fault)
    raise OpsError(reasons[0])


# The type of a target → how it is looked at; OpsError says why it cannot be had.
PROBES: Mapping[str, Callable[[Any, Access], None]] = {"database": database, "site": site}
