"""Every check of Oracle over the wire, by the unmodified driver: SYNTHETIC, the server is a stand-in.

That statements are Oracle's SQL and read columns its books list is measured by parsing, for each version."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack

from tasks.checks import checks_for
from tasks.checks.judging import Before, Limits
from tasks.inspection.collect import Wanted, collect
from tasks.inspection.judge import judge
from tasks.model import Status
from tests.bench.show import Item
from tests.lab.oracle.faults import FAULTS, Fault
from tests.lab.oracle.standing import VERSIONS, Standing, dataguard, standing
from tests.lab.oracle.target import access, target
from tests.unit.checks.test_oracle_sql import ASKED, LICENSED, parsed, releases, unknown

ASKED_OVER_THE_WIRE = frozenset(check.name for check in checks_for("oracle") if not check.on_host)
Found = set[tuple[str, str, str]]
RUNS = 5


def members(form: str, version: str = "19c", cdb: bool = False) -> tuple[Standing, ...]:
    """Of a Data Guard set first the one that the form names."""
    if form in ("primary", "mounted"):
        primary, standby = dataguard(version, mounted=True)
        return (primary, standby) if form == "primary" else (standby, primary)
    return (standing(version, form=form, cdb=cdb),)


def unsound(standings: Iterable[Standing]) -> Found:
    """What the inspection says that is not ok."""
    known = list(standings)
    with ExitStack() as stack:
        for one in known:
            stack.enter_context(one)
        database = target(*known)
        wanted = Wanted({database.name: ASKED_OVER_THE_WIRE})
        collected = collect(database, wanted, access(database))
    assert not collected.failure, collected.failure
    return {
        (check.name.removeprefix("oracle."), found.subject, str(found.status))
        for check in collected.checks
        if check.name in collected.outputs
        for found in judge(check, collected.outputs[check.name], Limits(check.limits), Before())
        if found.status is not Status.OK
    }


def seeded(fault: Fault) -> Found:
    standings = members(fault.form, cdb=fault.cdb)
    for seed in fault.seeds:
        standings[0].seed(seed)
    return unsound(standings)


def faults() -> Iterator[Item]:
    wrong = [fault.name for fault in FAULTS if seeded(fault) != fault.found]
    told = f"{len(FAULTS) - len(wrong)} of {len(FAULTS)}" + (f", not: {', '.join(wrong)}" if wrong else "")
    yield Item("Oracle, seeded faults found and nothing else", told, "all", not wrong)


def healthy() -> Iterator[Item]:
    forms = ("single", "rac", "mounted")
    alarms = [unsound(members(form)) for form in forms for _ in range(RUNS)]
    count = sum(map(len, alarms))
    yield Item(
        f"Oracle, findings on {len(forms)} healthy databases in {RUNS} runs", str(count), "0", not count
    )


def versions() -> Iterator[Item]:
    """Of releases that nobody mends, that is the only finding; thin speaks to 12.1 and later."""
    others = {
        version: {found for found in unsound(members("single", version)) if found[:2] != ("instance", "版本")}
        for version in VERSIONS
        if version != "11.2"
    }
    told = ", ".join(f"{version}: {len(found)}" for version, found in others.items())
    yield Item("Oracle, findings per healthy version but its age", told, "0 each", not any(others.values()))


def statements() -> Iterator[Item]:
    for _, one in ASKED:
        parsed(one.sql)
    yield Item("Oracle statements that parse as Oracle's SQL", f"{len(ASKED)}", "all", True)
    asked = [(one, version) for _, one in ASKED for version in releases(one)]
    strange = [one.name for one, version in asked if unknown(one.sql, version)]
    told = f"{len(asked) - len(strange)} of {len(asked)}"
    yield Item("statement and version whose columns its books list", told, "all", not strange)
    paid = [one.name for _, one in ASKED if LICENSED.search(one.sql)]
    yield Item("statements that read what takes a paid licence", str(len(paid)), "0", not paid)


SHOWS: tuple[Callable[[], Iterable[Item]], ...] = (statements, healthy, versions, faults)
