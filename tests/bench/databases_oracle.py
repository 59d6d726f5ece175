"""Oracle over the wire: each seeded fault found by the unmodified driver and the product's own checks,
none on healthy databases. SYNTHETIC: every server is a stand-in.

What is asked in a shell of the database's hosts (file systems, listener, cluster) is not asked here.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta

from tasks.checks import checks_for
from tasks.checks.judging import Before, Limits
from tasks.inspection.collect import Collected, Wanted, collect
from tasks.inspection.judge import judge_target
from tasks.model import Database, Finding, Status
from tests.bench.show import Item, Show
from tests.lab.oracle.database import query
from tests.lab.oracle.standing import Standing, dataguard, standing
from tests.lab.oracle.target import access, target

VERSIONS = ("12.1", "12.2", "18c", "19c")
Made = Callable[[str], Sequence[Standing]]
FORMS: Mapping[str, Made] = {
    "single": lambda version: [standing(version)],
    "container": lambda version: [standing(version, cdb=True)],
    "rac": lambda version: [standing(version, form="rac")],
    "adg": dataguard,
    "mounted": lambda version: dataguard(version, mounted=True),
}
# True of a release that gets no patches any more, and nobody's fault here.
OLD_RELEASE = "oracle.instance"
ROUNDS, AT_ONCE = 5, 6
MIB = 1024**2


@dataclass(frozen=True)
class Fault:
    name: str
    forms: Sequence[str]
    inflict: Callable[[Sequence[Standing]], None]
    # Where it has to be seen: the end of the subject, and words of what is said of it.
    check: str
    subject: str = ""
    status: Status = Status.FAIL
    words: str = ""
    # Logs in with this, where that is the fault.
    user: str = ""


def seeding(sql: str, at: int = 0) -> Callable[[Sequence[Standing]], None]:
    return lambda standings: standings[at].seed(sql)


def stale(standings: Sequence[Standing]) -> None:
    """A lag of nothing, as of three hours ago."""
    then = datetime.now() - timedelta(hours=3)
    standings[1].seed(
        "UPDATE v$dataguard_stats SET datum_time = ? WHERE name LIKE '% lag'", f"{then:%m/%d/%Y %H:%M:%S}"
    )


def undo_full(standings: Sequence[Standing]) -> None:
    """And the view that others look at says nothing of it."""
    one = standings[0]
    one.seed("DELETE FROM dba_tablespace_usage_metrics WHERE tablespace_name LIKE 'UNDO%'")
    one.seed(
        "UPDATE dba_data_files SET autoextensible = 'NO', maxbytes = 0 WHERE tablespace_name LIKE 'UNDO%'"
    )
    one.seed("UPDATE dba_undo_extents SET bytes = ? WHERE status = 'ACTIVE'", int(3.9 * 1024 * MIB))


def autoextended(standings: Sequence[Standing]) -> None:
    """At the end of the 32 GB that one file can have, and hardly anything free in it."""
    one = standings[0]
    one.seed("UPDATE dba_data_files SET bytes = maxbytes - ? WHERE tablespace_name = 'USERS'", 64 * MIB)
    one.seed("UPDATE dba_free_space SET bytes = ? WHERE tablespace_name = 'USERS'", MIB)


def hanging(standings: Sequence[Standing]) -> None:
    standings[0].rule((r"gv\$resource_limit", query(["INST_ID"], [(1,)], delay=60)))


def cut(standings: Sequence[Standing]) -> None:
    names = ["INST_ID", "RESOURCE_NAME", "CURRENT_UTILIZATION", "LIMIT_VALUE"]
    rows = [(1, f"resource {number}", 1, "10") for number in range(3000)]
    standings[0].rule((r"gv\$resource_limit", query(names, rows, cut_after=1500)))


def locked(standings: Sequence[Standing]) -> None:
    standings[0].locked()


def starting(standings: Sequence[Standing]) -> None:
    standings[0].starting()


def nothing(standings: Sequence[Standing]) -> None:
    """The form is the fault."""


ALONE = ("single", "container", "rac")
FULL = "DELETE FROM dba_free_space WHERE tablespace_name = 'APP_DATA'"
NEGATIVE = "UPDATE v$asm_diskgroup_stat SET usable_file_mb = -10240, free_mb = 184320 WHERE name = 'DATA'"
FAULTS = (
    Fault("full tablespace without a free-space row", ALONE, seeding(FULL), "oracle.tablespaces", "APP_DATA"),
    Fault("32 GB autoextend reached", ALONE, autoextended, "oracle.tablespaces", "USERS"),
    Fault("negative ASM space", ("rac",), seeding(NEGATIVE), "oracle.asm", "DATA", Status.WARN),
    Fault("undo full, missing from usage metrics", ALONE, undo_full, "oracle.undo", "UNDOTBS1"),
    Fault("stale lag", ("adg", "mounted"), stale, "oracle.lag"),
    Fault(
        "mounted standby, ordinary account",
        ("mounted",),
        nothing,
        "oracle.instance",
        "STBY",
        Status.UNKNOWN,
        "ORA-01033",
        "OPSPROOF",
    ),
    Fault("locked account", ALONE, locked, "reach", "", Status.UNKNOWN, "ORA-28000"),
    Fault("ORA-01033", ALONE, starting, "reach", "", Status.UNKNOWN, "ORA-01033"),
    Fault("a hang in a call", ALONE, hanging, "oracle.resources", "", Status.UNKNOWN, "10 秒"),
    Fault("a cut mid-fetch", ALONE, cut, "oracle.resources", "", Status.UNKNOWN, "断开"),
)


def wanted(*databases: Database) -> Wanted:
    return Wanted({one.name: over_sessions(one.engine) for one in databases})


def over_sessions(engine: str) -> frozenset[str]:
    return frozenset(check.name for check in checks_for(engine) if not check.on_host)


def judged(collected: Collected) -> list[Finding]:
    return judge_target(collected, lambda check, _: Limits(check.limits), lambda check, _: Before())


def inspected(standings: Sequence[Standing], user: str = "") -> list[Finding]:
    database = target(*standings, **({"credential": user} if user else {}))
    return judged(collect(database, wanted(database), access(database)))


def alarms(findings: Sequence[Finding]) -> list[Finding]:
    return [
        one
        for one in findings
        if one.status is not Status.OK and not (one.check == OLD_RELEASE and one.status is Status.WARN)
    ]


def seen(fault: Fault, found: Finding) -> bool:
    told = (found.check, found.status) == (fault.check, fault.status)
    return told and found.subject.endswith(fault.subject) and fault.words in found.summary


def tried(fault: Fault, form: str, version: str) -> tuple[str, bool, list[str]]:
    """Whether it was found, and what else was: other words on the same check are the fault's, too."""
    with ExitStack() as stack:
        standings = [stack.enter_context(one) for one in FORMS[form](version)]
        fault.inflict(standings)
        found = alarms(inspected(standings, fault.user))
    others = [f"{one.check} {one.subject}: {one.summary}" for one in found if not related(fault, one)]
    return f"{version} {form}", any(seen(fault, one) for one in found), others


def related(fault: Fault, found: Finding) -> bool:
    """A member that cannot be spoken to is unknown to every check that is about it."""
    same = fault.status is found.status is Status.UNKNOWN and fault.words in found.summary
    return same or found.check == fault.check


def faults_are_found() -> Iterator[Item]:
    for fault in FAULTS:
        cases = [(form, version) for form in fault.forms for version in VERSIONS]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            results = list(pool.map(lambda case, fault=fault: tried(fault, *case), cases))
        missed = [where for where, found, _ in results if not found]
        others = [f"{where}: {other}" for where, _, found in results for other in found]
        measured = f"{len(results) - len(missed)} of {len(results)}, {len(others)} others"
        remark = "; ".join([*missed, *others])[:300]
        yield Item(
            f"Oracle: {fault.name}",
            f"{measured} {remark}".strip(),
            f"found on {', '.join(fault.forms)} of {len(VERSIONS)} versions, nothing else",
            not missed and not others,
        )


def healthy_ones_are_quiet() -> Iterator[Item]:
    found: list[str] = []
    count = 0
    for version in VERSIONS:
        for form, made in FORMS.items():
            with ExitStack() as stack:
                standings = [stack.enter_context(one) for one in made(version)]
                for _ in range(ROUNDS):
                    findings = inspected(standings)
                    count += len(findings)
                    found += [f"{version} {form} {one.check} {one.summary}" for one in alarms(findings)]
    kinds = f"{len(VERSIONS)} versions × {len(FORMS)} forms × {ROUNDS} runs"
    yield Item(
        f"Oracle: healthy, {kinds}",
        f"{len(found)} alarms among {count} findings {'; '.join(found)[:300]}".strip(),
        "0 (a release out of support is told, and does not count)",
        not found and count > 0,
    )


SHOWS: tuple[Show, ...] = (faults_are_found, healthy_ones_are_quiet)
