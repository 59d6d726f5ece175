"""Every statement of the Oracle checks, answered by a dictionary made up after Oracle's books: where it is
healthy nothing is found, and each fault put there is found alone. The wire is tested elsewhere."""

from collections.abc import Iterator

import pytest

from tasks.checks import Check, checks_for
from tasks.checks.answers import Asked, Member, write
from tasks.checks.judging import Before, Limits
from tasks.databases.statements import statements
from tasks.databases.values import table
from tasks.inspection.judge import judge
from tasks.model import Finding, Status
from tests.lab.oracle.database import OraError
from tests.lab.oracle.faults import FAULTS, Fault
from tests.lab.oracle.plan import Plan
from tests.lab.oracle.standing import VERSIONS, Dictionary
from tests.unit.checks.recorded import output

FORMS = {
    "single": {},
    "rac": {"form": "rac", "asm": True},
    "primary": {"form": "dataguard"},
    "mounted": {"form": "dataguard", "role": "standby", "unique": "STBY", "mounted": True},
    "active": {"form": "dataguard", "role": "standby", "unique": "STBY"},
}
# Of releases that nobody mends any more, the version check says so.
OUTDATED = ("11.2", "12.1", "12.2", "18c")


def made(version: str = "19c", form: str = "single", cdb: bool = False) -> Dictionary:
    return Dictionary(Plan(VERSIONS[version], cdb=cdb, **FORMS[form]))


def facts(plan: Plan) -> dict[str, str]:
    return {
        "version": plan.full,
        "role": plan.role,
        "form": plan.form,
        "cdb": "YES" if plan.cdb else "NO",
        "status": "MOUNTED" if plan.mounted else "OPEN",
    }


def asked(dictionary: Dictionary, name: str, sql: str) -> Asked:
    try:
        answer = dictionary({}, sql, [], [])
    except OraError as problem:
        return Asked(name, failure=problem.text, code=problem.text[:9])
    told = table([(column.name, "") for column in answer.columns], answer.rows)
    return Asked(name, told.columns, told.rows)


def findings(dictionary: Dictionary, check: Check) -> list[Finding]:
    known = facts(dictionary.plan)
    members = 2 if dictionary.plan.form == "dataguard" else 1
    fitting = [one for one in statements(check.probe) if one.concerns(known["role"], members)]
    answers = tuple(asked(dictionary, one.name, one.sql) for one in fitting if one.fits(known))
    if not answers:
        return []
    text = write([Member(dictionary.plan.unique, known, answers)])
    return judge(check, output(text), Limits(check.limits), Before())


def unsound(dictionary: Dictionary) -> Iterator[tuple[str, str, str]]:
    for check in checks_for("oracle"):
        if not check.on_host:
            for found in findings(dictionary, check):
                if found.status is not Status.OK:
                    yield check.name.removeprefix("oracle."), found.subject, str(found.status)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("version", "cdb"),
    [("11.2", False), ("12.1", True), ("12.2", False), ("12.2", True), ("18c", False), ("19c", True)],
)
def test_a_healthy_database_has_no_fault(version: str, cdb: bool, form: str) -> None:
    seen = {found[0] for found in unsound(made(version, form, cdb))}
    assert seen == ({"instance"} if version in OUTDATED else set())


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_each_fault_is_found_and_nothing_else(fault: Fault) -> None:
    dictionary = made("19c", fault.form, fault.cdb)
    for seed in fault.seeds:
        dictionary.seed(seed)
    assert set(unsound(dictionary)) == fault.found


def test_a_view_that_was_not_granted_is_an_unknown_of_its_own_check() -> None:
    dictionary = made()
    dictionary.denied |= {"dba_free_space", "v$recovery_file_dest"}
    found = {(check, status) for check, _, status in unsound(dictionary)}
    assert found == {("tablespaces", "unknown"), ("recovery_area", "unknown")}
