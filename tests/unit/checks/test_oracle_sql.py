"""What is asked of Oracle, held against what Oracle is: its grammar, the columns that its books list for each
version, and what takes no paid licence. There is no Oracle here to ask."""

import re
from collections.abc import Mapping
from functools import cache

import pytest
import sqlglot
from sqlglot import exp
from sqlglot.errors import OptimizeError
from sqlglot.optimizer.qualify import qualify
from sqlglot.schema import MappingSchema

from tasks.checks import checks_for
from tasks.databases.statements import Statement, parts, statements
from tests.lab.oracle.catalogue import views
from tests.lab.oracle.standing import VERSIONS

ASKED = [
    (check.name, statement)
    for check in checks_for("oracle")
    if not check.on_host
    for statement in statements(check.probe)
]
# Diagnostics and Tuning Pack, as the licensing book lists what belongs to them.
LICENSED = re.compile(
    r"dba_hist_|cdb_hist_|awr_|active_session_history|dba_advisor|cdb_advisor|dba_addm|sql_monitor|"
    r"sql_plan_monitor|sqltune|workload_repository|workload_replay|v\$metric|sysmetric|waitclassmetric|ash_",
    re.IGNORECASE,
)
# Oracle's own words that a column might be called by; it takes none of them for a name.
RESERVED = {
    *("access", "audit", "check", "cluster", "column", "comment", "compress", "current", "date", "default"),
    *("desc", "exclusive", "file", "float", "group", "immediate", "increment", "index", "initial", "integer"),
    *("level", "lock", "long", "maxextents", "mode", "modify", "number", "offline", "online", "option"),
    *("order", "prior", "public", "raw", "resource", "row", "rowid", "rownum", "rows", "session", "share"),
    *("size", "start", "successful", "synonym", "table", "trigger", "uid", "union", "unique", "user", "view"),
}


def named(pair: tuple[str, Statement]) -> str:
    words = (pair[1].where.get("cdb", "").strip(","), pair[1].since, pair[1].before)
    return ".".join([pair[0], pair[1].name, *filter(None, words)])


def parsed(sql: str) -> exp.Expression:
    return sqlglot.parse_one(sql, read="oracle", error_level=sqlglot.ErrorLevel.RAISE)


def releases(statement: Statement) -> list[tuple[int, ...]]:
    """The versions whose sessions are asked it; the first containers came with 12.1."""
    where = statement.where
    found = []
    for version in VERSIONS.values():
        text = ".".join(map(str, version))
        facts = {"version": text, **{key: value.split(",")[0] for key, value in where.items()}}
        if statement.fits(facts) and not (where.get("cdb") == "YES" and version < (12, 1)):
            found.append(version)
    return found


@cache
def books(version: tuple[int, ...]) -> MappingSchema:
    named = {
        name: {column.name: "VARCHAR2" for column in view.columns} for name, view in views(version).items()
    }
    return MappingSchema(named, dialect="oracle")


def unknown(sql: str, version: tuple[int, ...]) -> str:
    """The first name in it that this version does not have."""
    query = parsed(sql)
    for table in query.find_all(exp.Table):
        if table.name.lower() not in views(version):
            return table.name
    # The grammar knows SYSDATE as a column of nowhere.
    for column in list(query.find_all(exp.Column)):
        if column.name.upper() == "SYSDATE" and not column.table:
            column.replace(exp.CurrentTimestamp())
    try:
        qualify(query, schema=books(version), dialect="oracle", quote_identifiers=False)
    except OptimizeError as problem:
        return str(problem)
    return ""


def test_every_version_has_its_statements() -> None:
    assert len(ASKED) > 40
    for name, statement in ASKED:
        assert releases(statement), f"{name}.{statement.name} is asked of no version"


@pytest.mark.parametrize("pair", ASKED, ids=named)
def test_every_statement_is_one_query_in_oracles_grammar(pair: tuple[str, Statement]) -> None:
    query = parsed(pair[1].sql)
    assert isinstance(query, exp.Select)
    assert not list(query.find_all(exp.Insert, exp.Update, exp.Delete, exp.Into, exp.Lock))
    assert not [star for star in query.find_all(exp.Star) if not isinstance(star.parent, exp.Count)]
    assert not list(query.find_all(exp.Placeholder, exp.Connect)) and "(+)" not in pair[1].sql


@pytest.mark.parametrize("pair", ASKED, ids=named)
def test_every_column_is_in_the_books_of_every_version_that_is_asked(pair: tuple[str, Statement]) -> None:
    for version in releases(pair[1]):
        assert not unknown(pair[1].sql, version), version


def test_what_is_not_in_the_books_is_noticed() -> None:
    eleven, nineteen = VERSIONS["11.2"], VERSIONS["19c"]
    assert not unknown("SELECT cdb FROM v$database", nineteen) and unknown(
        "SELECT cdb FROM v$database", eleven
    )
    assert unknown("SELECT d.nonsense FROM v$database d", nineteen)
    assert unknown("SELECT d.name FROM v$datafile d JOIN gv$session s ON s.nonsense = d.file#", nineteen)
    assert unknown("SELECT name FROM v$dataguard_process", eleven)
    assert unknown("SELECT bytes FROM (SELECT name FROM v$datafile) f", nineteen)


@pytest.mark.parametrize("pair", ASKED, ids=named)
def test_nothing_is_read_that_takes_a_paid_licence(pair: tuple[str, Statement]) -> None:
    assert not LICENSED.search(pair[1].sql)


def test_the_licensed_views_are_recognised() -> None:
    for view in (
        "dba_hist_snapshot",
        "gv$active_session_history",
        "cdb_hist_sqlstat",
        "dba_advisor_findings",
        "v$sql_monitor",
        "v$sysmetric_history",
        "awr_pdb_snapshot",
    ):
        assert LICENSED.search(f"SELECT 1 FROM {view}"), view


@pytest.mark.parametrize("pair", ASKED, ids=named)
def test_no_name_that_is_given_is_one_of_oracles_words(pair: tuple[str, Statement]) -> None:
    given = {alias.alias.lower() for alias in parsed(pair[1].sql).find_all(exp.Alias, exp.Subquery)}
    assert not given & RESERVED


def test_a_dictionary_that_may_not_be_there_is_asked_of_open_databases_only() -> None:
    """dba_ views need an open database: a mounted standby is not asked for them."""
    for name, statement in ASKED:
        if re.search(r"\b(?:dba|cdb|user)_\w+", statement.sql):
            mounted = {
                "role": "standby",
                "status": "MOUNTED",
                "cdb": statement.where.get("cdb", "").strip(","),
            }
            asked = not statement.fits({"version": "19.21", **mounted})
            assert asked, f"{name}.{statement.name}"


def test_a_session_that_may_not_see_what_it_is_is_asked_as_a_primary() -> None:
    """A missing grant must not pass for nothing to look at."""
    seen = {"version": "19.21", "role": "primary", "cdb": "NO", "status": "OPEN"}
    for _, statement in ASKED:
        assert not statement.fits(seen) or statement.fits({"version": "19.21"})


def test_all_of_it_is_few_questions() -> None:
    """A round trip each: for a single database, and for the two members of a Data Guard set."""
    single = {"version": "19.21.0.0.0", "role": "primary", "cdb": "NO", "status": "OPEN", "form": "single"}
    standby = {**single, "role": "standby", "status": "MOUNTED", "form": "dataguard"}

    def count(facts: Mapping[str, str], members: int) -> int:
        return sum(one.concerns(facts["role"], members) and one.fits(facts) for _, one in ASKED)

    assert count(single, 1) < 50 and count(standby, 2) < 25
    assert parts(single["version"]) == (19, 21, 0, 0, 0)


def test_a_standby_whose_role_may_not_be_looked_up_is_asked_as_one() -> None:
    """It is left out where its session says that it is something else, and nowhere else."""
    asked = {check: one for check, one in ASKED if one.on == "standby" and one.fits({"version": "19.21"})}
    assert {"oracle.lag", "oracle.apply", "oracle.gap"} <= set(asked)
    assert not any(one.fits({"version": "19.21", "role": "primary"}) for one in asked.values())
