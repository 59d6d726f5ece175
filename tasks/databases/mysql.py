"""MySQL 5.6 to 8.4 and MariaDB 10 and 11: read-only sessions whose statements end on both sides."""

import posixpath
import re
import socket
import ssl
import struct
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pymysql
from pymysql import _auth
from pymysql.constants import FIELD_TYPE
from pymysql.protocol import MysqlPacket

from tasks.databases import ENGINES, LOGIN_SECONDS, Endpoint, Gone, NotAnswered, Table
from tasks.databases.mysql_tls import TLS_CERTIFICATE, context, shown
from tasks.databases.statements import parts
from tasks.databases.values import table
from tasks.errors import OpsError
from tasks.home import home
from tasks.inventory.credentials import Credential
from tasks.model import Database
from tasks.texts import t, texts, why
from tasks.transports.deadline import Deadline
from tasks.transports.web import Failed, resolved

PORT = 3306
# A statement that ignores its limit on the server is cut off this much later.
GRACE_SECONDS = 2
# The server's own is a year.
LOCK_WAIT_SECONDS = 10
# A password may only be sent to a server that proved who it is.
NEEDS_TLS = 2061
TIMED_OUT = {"1969", "3024"}
# What an answer that is none of the protocol leads to in the driver.
FAILURES = (
    pymysql.MySQLError,
    OSError,
    struct.error,
    ValueError,
    LookupError,
    AttributeError,
    TypeError,
    AssertionError,
)
TYPES = {code: name.lower() for name, code in vars(FIELD_TYPE).items() if isinstance(code, int)}

LITERAL = re.compile(r"'(?:[^'\\]|\\.|'')*'|\"(?:[^\"\\]|\\.|\"\")*\"|`[^`]*`", re.DOTALL)
READS = re.compile(r"[\s(]*(?:select|show|with)\b", re.I)
# What a read-only transaction lets through: files written, rows and names locked, comments that run.
ACTS = re.compile(r"\binto\b|\bfor\s+(?:update|share)\b|\block\s+in\b|\bget_lock\s*\(|/\*M?!", re.I)

WHOM = re.compile(r" (?:to|for) user '[^']*'@'[^']*'")

READ_ONLY, WRITABLE = "SET SESSION TRANSACTION READ ONLY", "SET SESSION TRANSACTION READ WRITE"
BEFORE_ALL = (
    READ_ONLY,
    f"SET SESSION lock_wait_timeout = {LOCK_WAIT_SECONDS}",
)
SAID = """SHOW GLOBAL VARIABLES WHERE variable_name IN (
  'version', 'version_comment', 'server_id', 'read_only', 'hostname', 'port', 'datadir', 'log_error',
  'slow_query_log_file', 'log_bin_basename', 'tmpdir', 'innodb_data_home_dir', 'innodb_temp_data_file_path'
)"""
# What they who lack it see less of, without an error; by any one of these privileges all is seen.
HALF_SEEN = {
    r"\binformation_schema\s*\.\s*processlist\b": ("PROCESS",),
    r"\binformation_schema\s*\.\s*tables\b": ("SHOW VIEW", "SELECT"),
}
EVERYWHERE = re.compile(r"GRANT (.+) ON \*\.\* TO ", re.I)
# A server without its tables of grants lets everybody do everything.
NO_GRANTS = "1290"
# The server's own for a privilege that is missing.
NOT_GRANTED = "1227"
PATHS = ("log_error", "slow_query_log_file", "log_bin_basename")


class NeedsTls:
    """Login methods that give the password away to whoever asks."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def authenticate(self, packet: MysqlPacket) -> MysqlPacket:
        raise pymysql.OperationalError(NEEDS_TLS, "")


class FastOnly(NeedsTls):
    """caching_sha2_password without TLS: only as far as the server remembers a proof of the password."""

    def authenticate(self, packet: MysqlPacket) -> MysqlPacket:
        connection = self._connection
        if packet.is_auth_switch_request():
            connection.salt = packet.read_all().removesuffix(b"\0")
            connection.write_packet(_auth.scramble_caching_sha2(connection.password, connection.salt))
        elif packet.get_all_data()[1:2] != b"\3":
            return super().authenticate(packet)
        return connection._read_packet()


WITHOUT_TLS = {
    "caching_sha2_password": FastOnly,
    **dict.fromkeys(("sha256_password", "mysql_clear_password", "dialog"), NeedsTls),
}


class Open:
    def __init__(self, connection: Any, line: socket.socket) -> None:
        self._connection, self._line = connection, line
        for statement in BEFORE_ALL:
            self._rows(statement)
        known = facts({row["variable_name"]: row["value"] for row in self._rows(SAID).rows})
        self.facts: Mapping[str, str] = {**known, **self._role(replicating(known)), **self._lacks()}
        self._limit = 0.0

    def _role(self, question: str) -> dict[str, str]:
        """Nothing where it may not be asked: the inventory then says which it should be."""
        try:
            return {"role": "standby" if self._rows(question).rows else "primary"}
        except pymysql.MySQLError as problem:
            if code_of(problem) not in MySql.denied:
                raise
            return {}

    def _lacks(self) -> dict[str, str]:
        """Of what statements need to see all; with the privileges of active roles."""
        try:
            lines = [str(cell) for row in self._rows("SHOW GRANTS").rows for cell in row.values()]
        except pymysql.MySQLError as problem:
            if code_of(problem) != NO_GRANTS:
                raise
            return {}
        missing = lacking(lines)
        return {"lacks": ",".join(missing)} if missing else {}

    def ask(self, sql: str, seconds: float) -> Table:
        if sql == TLS_CERTIFICATE:
            return self._certificate(seconds)
        if not only_reads(sql):
            raise NotAnswered(t("mysql.not_read_only"))
        if missing := half_seen(sql, self.facts.get("lacks", "")):
            raise NotAnswered(t("mysql.half_seen", privilege=missing), NOT_GRANTED)
        with Deadline(seconds + GRACE_SECONDS) as until:
            try:
                until.watch(self._line)
                self._limited(seconds)
                return self._rows(sql)
            except FAILURES as problem:
                raise self._refused(problem, seconds, until) from problem

    def write(self, sql: str, seconds: float) -> int | None:
        with Deadline(seconds + GRACE_SECONDS) as until:
            try:
                until.watch(self._line)
                self._limited(seconds)
                self._rows(WRITABLE)
                with self._connection.cursor() as cursor:
                    return int(cursor.execute(sql))
            except FAILURES as problem:
                raise self._refused(problem, seconds, until) from problem
            finally:
                with suppress(*FAILURES):
                    self._rows(READ_ONLY)

    def _certificate(self, seconds: float) -> Table:
        """Over a connection of its own: what goes wrong with that one does the session no harm."""
        with Deadline(seconds) as until:
            try:
                return shown(self._connection, until)
            except FAILURES as problem:
                late = t("checks.probe_timeout", seconds=seconds)
                raise NotAnswered(late if until.passed else told(problem), code_of(problem)) from problem

    def _limited(self, seconds: float) -> None:
        """Where the server has such a limit at all; MySQL's holds for SELECT alone."""
        version = parts(self.facts["version"])
        if seconds == self._limit:
            return
        mariadb = self.facts["flavour"] == "mariadb"
        if mariadb and version >= (10, 1, 1):
            self._rows(f"SET SESSION max_statement_time = {seconds}")
        elif not mariadb and version >= (5, 7, 8):
            self._rows(f"SET SESSION max_execution_time = {round(seconds * 1000)}")
        self._limit = seconds

    def _rows(self, sql: str) -> Table:
        with self._connection.cursor() as cursor:
            cursor.execute(sql)
            columns = [(column[0], TYPES.get(column[1], "")) for column in cursor.description or ()]
            return table(columns, cursor.fetchall())

    def _refused(self, problem: Exception, seconds: float, until: Deadline) -> NotAnswered:
        code = code_of(problem)
        if until.passed:
            self.close()
            return Gone(t("checks.probe_timeout", seconds=seconds), code)
        if not code or not self._connection.open:
            self.close()
            return Gone(told(problem), code)
        if code in TIMED_OUT:
            return NotAnswered(t("checks.probe_timeout", seconds=seconds), code)
        return NotAnswered(told(problem), code)

    def close(self) -> None:
        with suppress(*FAILURES), Deadline(GRACE_SECONDS) as until:
            until.watch(self._line)
            self._connection.close()
        self._line.close()


@ENGINES.add("mysql")
class MySql:
    trivial = "SELECT 1"
    # No right to a database, a table, a column, a routine; a privilege that is named.
    denied = frozenset({"1044", "1142", "1143", "1370", NOT_GRANTED})

    def open(self, database: Database, endpoint: Endpoint, login: Credential | None) -> Open:
        if login is None:
            raise OpsError(t("mysql.no_login"))
        seconds = database.login_seconds or LOGIN_SECONDS
        with Deadline(seconds) as until:
            try:
                return logged_in(database, endpoint, login, until)
            except FAILURES as problem:
                if until.passed or isinstance(problem, TimeoutError):
                    raise OpsError(t("mysql.login_late", seconds=seconds)) from problem
                raise OpsError(told(problem)) from problem


def logged_in(database: Database, endpoint: Endpoint, login: Credential, until: Deadline) -> Open:
    connection, own = connected(database, endpoint, login, until)
    try:
        return Open(connection, own)
    except BaseException:
        connection._force_close()
        own.close()
        raise


def connected(
    database: Database, endpoint: Endpoint, login: Credential, until: Deadline
) -> tuple[Any, socket.socket]:
    """Logged in; and a handle of the line under it, for deadlines to shut."""
    port = endpoint.port or PORT
    tls: dict[str, Any] = {"ssl_disabled": True, "auth_plugin_map": WITHOUT_TLS}
    if database.tls:
        tls = {"ssl": context(Path(home().inventories) / database.ca if database.ca else None)}
    connection = pymysql.connections.Connection(
        host=endpoint.address,
        port=port,
        user=login.user,
        password=login.password.encode(),
        charset="utf8mb4",
        sql_mode="",
        autocommit=True,
        program_name="opsproof",
        defer_connect=True,
        **tls,
    )
    line = reached(endpoint.address, port, until)
    until.watch(line)
    line.settimeout(None)  # handles of one connection share this; deadlines end it
    own = line.dup()  # TLS takes the first handle away
    try:
        connection.connect(line)
    except BaseException:
        connection._force_close()
        own.close()
        raise
    return connection, own


def reached(name: str, port: int, until: Deadline) -> socket.socket:
    """The first of its addresses that answers, all of them within the time of one."""
    problem: OSError = TimeoutError()
    try:
        addresses = resolved(urlsplit(f"mysql://{f'[{name}]' if ':' in name else name}:{port}"), until.left)
    except Failed as unknown:
        raise OpsError(str(unknown)) from unknown
    for address in addresses:
        try:
            return socket.create_connection((address, port), timeout=until.left)
        except OSError as failed:
            problem = failed
    raise problem


def facts(said: Mapping[str, Any]) -> dict[str, str]:
    known = {name: str(value) for name, value in said.items() if value not in ("", None)}
    version = known["version"]
    known["flavour"] = "mariadb" if "mariadb" in version.lower() else "mysql"
    known["version"] = ".".join(map(str, parts(version)))
    known["build"] = version
    if known.get("log_error") == "stderr":
        del known["log_error"]
    return known | {name: whole(known[name], known["datadir"]) for name in PATHS if name in known}


def whole(path: str, folder: str) -> str:
    """A path as the server says it starts at its data directory."""
    if path.startswith("/") or re.match(r"[A-Za-z]:", path):
        return path
    return posixpath.join(folder, re.sub(r"^\.[/\\]", "", path))


def replicating(known: Mapping[str, str]) -> str:
    if known["flavour"] == "mariadb":
        return "SHOW ALL SLAVES STATUS"
    return "SHOW REPLICA STATUS" if parts(known["version"]) >= (8, 0, 22) else "SHOW SLAVE STATUS"


def lacking(granted: list[str]) -> list[str]:
    """The first of each choice of privileges none of which is granted on everything."""
    found = [match[1].upper() for line in granted if (match := EVERYWHERE.match(line))]
    held = {word.strip() for words in found for word in words.split(",")}
    if held & {"ALL PRIVILEGES", "ALL"}:
        return []
    return [choice[0] for choice in HALF_SEEN.values() if not held.intersection(choice)]


def half_seen(sql: str, lacks: str) -> str:
    """The privilege without which the answer would be half of it."""
    missing = lacks.split(",")
    return next(
        (
            privilege
            for pattern, (privilege, *_) in HALF_SEEN.items()
            if privilege in missing and re.search(pattern, sql, re.I)
        ),
        "",
    )


def only_reads(sql: str) -> bool:
    bare = LITERAL.sub("''", sql)
    return bool(READS.match(bare)) and not ACTS.search(bare)


def code_of(problem: Exception) -> str:
    """The server's own number, or the client library's; empty where the answer was no answer."""
    first = problem.args[0] if isinstance(problem, pymysql.MySQLError) and problem.args else None
    return str(first) if isinstance(first, int) and first else ""


def told(problem: Exception) -> str:
    """In our words where we have them, with the server's behind."""
    if isinstance(cause := getattr(problem, "original_exception", problem), ssl.SSLError):
        return t("mysql.tls", reason=getattr(cause, "verify_message", "") or cause.reason or str(cause))
    if isinstance(cause, OSError):
        return t("mysql.no_connection", reason=why(cause))
    code = code_of(problem)
    if not code:
        return t("mysql.no_mysql", reason=type(problem).__name__)
    said = " ".join(str(problem.args[1]).split())[:300] if len(problem.args) > 1 else ""
    if code in MySql.denied:  # what is missing, not for whom
        said = WHOM.sub("", said)
    if f"e{code}" not in texts("mysql"):
        return t("mysql.other", code=code, said=said)
    return t("mysql.refused", words=t(f"mysql.e{code}"), code=code, said=said)
