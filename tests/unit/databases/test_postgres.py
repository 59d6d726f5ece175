"""What can be said of the engine without a server; the rest is in tests/integration/test_postgres.py."""

import gettext
from collections.abc import Mapping
from pathlib import Path

import psycopg.conninfo
import pytest
import sqlglot

from tasks.checks import checks_for
from tasks.databases import Endpoint, NotAnswered, Table, engine_of
from tasks.databases.postgres import conninfo, not_in
from tasks.databases.postgres_facts import facts, log, version_of
from tasks.databases.statements import Statement, statements
from tasks.databases.values import table
from tasks.errors import OpsError
from tasks.inventory.credentials import Credential
from tasks.model import Database
from tasks.texts import t

CATALOGUE = Path("/usr/share/locale/zh_CN/LC_MESSAGES/postgres-15.mo")
# What a server says, as its source has it → why, in our words.
REFUSALS = {
    'password authentication failed for user "%s"': "password",
    'no pg_hba.conf entry for host "%s", user "%s", database "%s", %s': "no_hba",
    'pg_hba.conf rejects connection for host "%s", user "%s", database "%s", %s': "no_hba",
    "sorry, too many clients already": "full",
    "remaining connection slots are reserved for non-replication superuser connections": "full",
    'too many connections for role "%s"': "full",
    'too many connections for database "%s"': "full",
    "the database system is starting up": "starting",
    "the database system is in recovery mode": "starting",
    "the database system is not accepting connections": "standby_closed",
    "the database system is shutting down": "stopping",
    'database "%s" does not exist': "no_database",
    'role "%s" does not exist': "no_role",
    'role "%s" is not permitted to log in': "not_permitted",
    'permission denied for database "%s"': "not_permitted",
}


@pytest.mark.parametrize(("said", "why"), REFUSALS.items())
def test_why_a_login_was_refused(said: str, why: str) -> None:
    told = not_in(
        "192.0.2.1:5432", f'connection to server at "192.0.2.1", port 5432 failed: FATAL:  {said}\n'
    )
    assert (
        told.startswith(f"192.0.2.1:5432 {t(f'postgres.login_{why}')}：")
        and "connection to server" not in told
    )


@pytest.mark.skipif(not CATALOGUE.is_file(), reason="postgresql-15 is not installed")
@pytest.mark.parametrize(("said", "why"), REFUSALS.items())
def test_why_in_the_words_of_a_chinese_server(said: str, why: str) -> None:
    with CATALOGUE.open("rb") as file:
        chinese = gettext.GNUTranslations(file).gettext(said)
    assert t(f"postgres.login_{why}") in not_in("192.0.2.1:5432", f"FATAL:  {chinese}")


# Debian's 15.18 and 15.20 differ in almost every one of them.
@pytest.mark.parametrize(
    ("chinese", "why"),
    [
        ('用户 "甲" Password 认证失败', "password"),
        ('用户 "甲" 的密码认证失败', "password"),
        ('没有适用于主机 "h", 用户 "甲", 数据库 "d", 无加密 的 pg_hba.conf 条目', "no_hba"),
        ("客户端连接过多", "full"),
        ("剩余连接槽位保留给超级用户的非复制连接", "full"),
        ("数据库系统启动中", "starting"),
        ("数据库系统正在启动", "starting"),
        ("数据库系统不接受连接", "standby_closed"),
        ("数据库系统正在关闭", "stopping"),
        ('访问数据库 "d" 的权限不足', "not_permitted"),
    ],
)
def test_why_in_the_words_of_two_catalogues(chinese: str, why: str) -> None:
    assert t(f"postgres.login_{why}") in not_in("192.0.2.1:5432", f"FATAL:  {chinese}")


@pytest.mark.parametrize(
    ("number", "said", "version"),
    [
        ("150018", "15.18 (Debian 15.18-0+deb12u1)", "15.18"),
        ("170002", "17.2", "17.2"),
        ("90624", "9.6.24", "9.6.24"),
        ("90204", "9.2.4", "9.2.4"),
        ("", "12.1", "12.1"),
        ("V008R006", "KingbaseES V008R006C007B0012, based on 12.1", "12.1"),
    ],
)
def test_the_version_by_its_number_or_by_what_is_said(number: str, said: str, version: str) -> None:
    assert version_of(number, said) == version


def test_a_version_nobody_can_read_is_refused() -> None:
    with pytest.raises(ValueError, match="unheard"):
        version_of("", "unheard of")


class Saying:
    """Synthetic: what such a server would say, by what is asked."""

    facts: Mapping[str, str] = {}

    def __init__(self, product: str, reads: int = 0, role: Mapping[str, object] | None = None) -> None:
        settings = {"server_version_num": "90204", "data_directory": "/data", "log_directory": "pg_log"}
        settings |= {"logging_collector": "on", "server_version": "9.2.4"}
        self.answers = {
            "AS product": [{"product": product, "standby": False, "database": "oa", "reads": reads}],
            "FROM pg_settings": [{"name": name, "setting": value} for name, value in settings.items()],
            "FROM pg_roles WHERE rolname = current_user": [role or {"rolsuper": False}],
            "FROM pg_tablespace": [{"name": "small", "place": "/small"}, {"name": "default", "place": ""}],
        }

    def ask(self, sql: str, seconds: float) -> Table:
        for part, rows in self.answers.items():
            if part in sql:
                columns = [(name, "") for name in rows[0]]
                return table(columns, [list(row.values()) for row in rows])
        raise NotAnswered("no such function", "42883")

    def close(self) -> None: ...


@pytest.mark.parametrize(
    ("product", "flavour", "short"),
    [
        ("PostgreSQL 9.2.4 on x86_64-pc-linux-gnu, compiled by gcc", "postgres", "PostgreSQL 9.2.4"),
        (
            "(openGauss 5.0.0 build a07d57c3) compiled at 2023-03-29 03:37:13 on x86_64-unknown-linux",
            "opengauss",
            "openGauss 5.0.0 build a07d57c3",
        ),
        ("KingbaseES V008R006C007B0012 on x86_64-pc-linux-gnu", "kingbase", "KingbaseES V008R006C007B0012"),
        (
            "HighGo Security Enterprise Edition 4.5 on x86_64",
            "highgo",
            "HighGo Security Enterprise Edition 4.5",
        ),
        ("Other 1.0 on x86_64", "other", "Other 1.0"),
    ],
)
def test_the_flavour_of_a_domestic_database(product: str, flavour: str, short: str) -> None:
    said = facts(Saying(product), until=10**9)
    assert (said["flavour"], said["product"], said["version"]) == (flavour, short, "9.2.4")
    assert (said["tablespaces"], said["log"], said["database"]) == ("small\t/small", "/data/pg_log", "oa")


@pytest.mark.parametrize(
    ("reads", "role", "sees"),
    [
        (0, {"rolsuper": False}, "no"),
        (1, {"rolsuper": False}, "yes"),
        (0, {"rolsuper": True}, "yes"),
        (0, {"rolsuper": False, "rolmonitoradmin": True}, "yes"),
    ],
)
def test_who_sees_what_others_do(reads: int, role: Mapping[str, object], sees: str) -> None:
    assert facts(Saying("PostgreSQL 15.18", reads, role), until=10**9)["sees_all"] == sees


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        ("stderr", ".log"),
        ("csvlog, stderr", ".log"),
        ("csvlog", ".csv"),
        ("syslog,jsonlog", ".json"),
        ("syslog", ""),
    ],
)
def test_the_log_it_writes_to_and_not_the_empty_one_beside_it(written: str, wanted: str) -> None:
    class Listing:
        facts: Mapping[str, str] = {}

        def ask(self, sql: str, seconds: float) -> Table:
            return table([("name", "")], [[next(one for one in (".log", ".csv", ".json") if one in sql)]])

        def close(self) -> None: ...

    settings = {"logging_collector": "on", "data_directory": "/d", "log_directory": "l"}
    found = log(Listing(), settings | {"log_destination": written}, until=10**9)
    assert found == (f"/d/l/{wanted}" if wanted else "")


def database(**more: str) -> Database:
    return Database(contract="c", part="m", name="db", engine="postgres", address="db.example.com", **more)


def test_nothing_is_left_to_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PGHOST", "PGUSER", "PGPASSWORD", "PGDATABASE", "PGOPTIONS", "PGSSLMODE", "PGPASSFILE"):
        monkeypatch.setenv(name, "elsewhere")
    login = Credential("x", "ops", "it's \\secret")
    info = conninfo(database(), Endpoint("db", "db.example.com", None), ["192.0.2.1", "192.0.2.2"], login)
    said = psycopg.conninfo.conninfo_to_dict(info)
    assert "elsewhere" not in said.values()
    assert (said["user"], said["password"], said["dbname"]) == ("ops", "it's \\secret", "postgres")
    assert (said["host"], said["hostaddr"]) == ("db.example.com,db.example.com", "192.0.2.1,192.0.2.2")
    assert (said["sslmode"], said["port"], said["application_name"]) == ("disable", "5432", "opsproof")


def test_a_name_that_does_not_resolve_is_told() -> None:
    with pytest.raises(OpsError, match=r"bad..name:5432 连接失败"):
        engine_of(database()).open(database(), Endpoint("db", "bad..name", None), None)


def test_a_password_that_is_no_utf8_is_refused_by_its_name() -> None:
    login = Credential("pg-ops", "ops", "hidden-\udcff")
    with pytest.raises(OpsError, match="pg-ops") as refused:
        engine_of(database()).open(database(), Endpoint("db", "127.0.0.1", 1), login)
    assert refused.value.__cause__ is None and "hidden" not in str(refused.value)


STATEMENTS = [
    (check.name, one)
    for check in checks_for("postgres")
    if not check.on_host
    for one in statements(check.probe)
    if not one.sql.startswith("SHOW")
]


@pytest.mark.parametrize(("check", "one"), STATEMENTS, ids=lambda one: getattr(one, "name", one))
def test_every_statement_reads_as_postgresql_and_only_reads(check: str, one: Statement) -> None:
    """Those for versions that are not installed here, too."""
    (parsed,) = sqlglot.parse(one.sql, dialect="postgres")
    assert isinstance(parsed, sqlglot.exp.Select)
