"""`opsproof up` (`make up`): start everything, look at this machine once, say where things are."""

import time
from collections.abc import Callable
from typing import Any

from flows.commands import verb
from tasks.texts import t

COMPARE_EVERY = 600  # seconds; the comparison of plan with book is cheap and may be repeated


def add(nouns: Any) -> None:
    verb(nouns, "up", t("serve.help"), _up)


def _up(options: Any) -> int:
    from flows.resuming import resuming
    from flows.settings import environment_for, settings
    from flows.supervisor import (
        Stop,
        Supervisor,
        only_one,
        refuse_busy_ports,
        refuse_damaged_state,
        stoppable,
    )
    from flows.terminal import say
    from tasks import clock
    from tasks.contracts.activation import activate_first
    from tasks.home import home
    from tasks.people.logins import first_login
    from tasks.records import Book

    here, given = home(), settings()
    here.ready(here.root)
    with only_one(here, given):
        refuse_busy_ports(given)
        refuse_damaged_state(here)
        here.ready(here.logs)
        here.ready(here.prefect)
        login = first_login(here)
        if describes_itself(here):
            activate_first(Book(here.ready(here.book)), "local", by=t("routine.by_start"), at=clock.now())
        refuse_broken_first(here)
        environment = environment_for(here, given, login.auth, encryption_key(here))
        with stoppable() as heed:
            supervisor = Supervisor(here, given, environment, heed)
            try:
                say(t("serve.starting", home=here.root))
                supervisor.start_all()
                first = first_inspection(here, environment)
                tell(here, given, login, first)
                supervisor.watch(comparing(here), resuming(here, environment))
            except Stop:
                say(t("serve.stopping"))
            finally:
                supervisor.stop_all()
        say(t("serve.stopped"))
    return 0


def encryption_key(here: Any) -> str:
    """Prefect encrypts its blocks with it; kept beside the database it would protect nothing."""
    from cryptography.fernet import Fernet

    from tasks.errors import OpsError
    from tasks.files import write_whole

    path = here.ready(here.secrets) / "encryption-key"
    if not path.exists():
        write_whole(path, Fernet.generate_key(), 0o600)
    key: str = path.read_text("ascii", "replace").strip()
    try:
        Fernet(key.encode())
    except ValueError as problem:
        raise OpsError(t("serve.bad_key", path=path)) from problem
    return key


def describes_itself(here: Any) -> bool:
    """People may take `local` out of their inventories; then there is nothing of it to start with."""
    return bool((here.inventories / "contracts" / "local.yml").is_file())


def refuse_broken_first(here: Any) -> None:
    """A mistake in what is inspected first is said before anything has started. Later, a contract with one
    keeps what it had."""
    from tasks.inventory import load

    if first_owed(here):
        load(here.inventories, contract="local")


def first_inspection(here: Any, environment: Any) -> Any:
    """Through the deployment, as every later run; its record, or None where there is nothing to do."""
    from flows.start_run import start_and_wait

    if first_owed(here):
        start_and_wait("local", "inspection", environment)
    return newest_inspection(here)


def first_owed(here: Any) -> bool:
    from tasks.contracts.activation import active
    from tasks.records import Book

    owed = describes_itself(here) and "local" in active(Book(here.ready(here.book)))
    return owed and newest_inspection(here) is None


def newest_inspection(here: Any) -> Any:
    from tasks.records import Book

    entries = Book(here.ready(here.book)).entries(
        contract="local", routine="inspection", newest_first=True, limit=1
    )
    return next(entries, None)


def comparing(here: Any) -> Callable[[], None]:
    """Every so often: plan against book, for each active contract."""
    next_time = 0.0

    def compare_all() -> None:
        nonlocal next_time
        if time.monotonic() < next_time:
            return
        next_time = time.monotonic() + COMPARE_EVERY
        from flows.comparison import compare
        from flows.terminal import say
        from tasks.contracts.activation import active
        from tasks.errors import OpsError
        from tasks.records import Book

        book = Book(here.book)
        for contract in active(book):
            try:
                written, _ = compare(here, book, contract)
            except OpsError as problem:
                say(t("serve.compare_failed", contract=contract, problem=problem))
                continue
            for entry in written:
                say(entry.record.summary)

    return compare_all


def tell(here: Any, given: Any, login: Any, first: Any) -> None:
    """Addresses, the first login, and what was found: what the person at the terminal needs."""
    from tasks.records import Book

    where = here.secrets / "first-login"
    shown = login.password if login.made else t("serve.password_kept", path=where)
    print(t("serve.ready"))
    print(t("serve.ui", url=given.ui_url))
    print(t("serve.portal", url=given.portal_url))
    print(t("serve.login", user=login.user, password=shown))
    if first is not None:
        record = first.record
        print(t("serve.found", at=record.ended_at, summary=record.summary))
        print(t("serve.record", url=f"{given.portal_url}/records/local/{first.seq}"))
        for line in remarkable(Book(here.book), first):
            print(f"  {line}")
    for warning in filter(None, (given.in_the_clear, without_notice(here))):
        print(warning)
    print(t("serve.how_to_stop"), flush=True)


def without_notice(here: Any) -> str:
    """That a year's holidays should be known by now and are not, or why nobody can tell."""
    from tasks import clock
    from tasks.calendar.days import Calendar
    from tasks.calendar.imports import missing_notice
    from tasks.errors import OpsError

    try:
        return missing_notice(Calendar.load(here.inventories), clock.now().date())
    except OpsError as problem:
        return str(problem)


def remarkable(book: Any, entry: Any) -> list[str]:
    """The first few findings that are not ok, of the inspection just told about."""
    from flows.terminal import plain
    from tasks.inspection.findings import FINDINGS, read_findings
    from tasks.model import Status
    from tasks.reports.daily import worst_first

    kept = [evidence for evidence in entry.record.evidence if evidence.name == FINDINGS]
    found = [one for evidence in kept for one in read_findings(book.read(evidence))]
    return [
        plain(f"[{t(f'reports.{one.status}')}] {one.target} {one.subject}: {one.summary}")
        for one in worst_first(found)[:5]
        if one.status is not Status.OK
    ]
