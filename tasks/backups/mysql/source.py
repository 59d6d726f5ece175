"""The server that is backed up: connections to it, and its own programs on its host, what they say carried
away as they say it.
"""

import secrets
import shlex
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from tasks.backups import Order
from tasks.databases import LOGIN_SECONDS, Endpoint
from tasks.databases.asking import endpoints
from tasks.databases.mysql import FAILURES, connected, told
from tasks.errors import OpsError
from tasks.inventory.credentials import Credential
from tasks.model import Database, Host, Target
from tasks.operations import Answer
from tasks.texts import t
from tasks.transports import Access, open_stream
from tasks.transports.deadline import Deadline
from tasks.transports.streaming import Fed, Stream

# Where `job.programs` says that programs log in by a socket of this path and not over the address.
SOCKET = "socket"
# A shell's word for a program that is not there.
NO_PROGRAM = 127


def noting(connection: Any, note: Callable[[str], AbstractContextManager[Answer]]) -> Any:
    """PyMySQL sends each statement by `query`, whichever cursor it came from. Rows that are still to be read
    are summed up by whoever reads them: of such an answer only that it began is known here."""
    send = connection.query

    def query(sql: str | bytes, unbuffered: bool = False) -> int:
        text = sql if isinstance(sql, str) else sql.decode("utf-8", "replace")
        with note(text):
            return int(send(sql, unbuffered))

    connection.query = query
    return connection


@dataclass(frozen=True, slots=True)
class Source:
    """Where it listens, the host its programs run on, and how to log in."""

    database: Database
    endpoint: Endpoint
    host: Host
    access: Access
    login: Credential
    programs: dict[str, str]
    gentle: bool = True

    def connect(self) -> Any:
        """A connection that may do what the account may; its later errors are the driver's."""
        seconds = self.database.login_seconds or LOGIN_SECONDS
        with Deadline(seconds) as until:
            try:
                connection, line = connected(self.database, self.endpoint, self.login, until)
            except FAILURES as problem:
                if until.passed or isinstance(problem, TimeoutError):
                    raise OpsError(t("mysql.login_late", seconds=seconds)) from problem
                raise OpsError(told(problem)) from problem
        line.close()
        return noting(connection, partial(self.access.noting, self.database.name, self.database.engine))

    @contextmanager
    def run(self, names: Sequence[str], script: str, feed: Fed | None = None) -> Iterator[Stream]:
        """`script`, in which `run` is the first of `names` that the host has, logged in."""
        lines = [self._found(names), self._gentle(), self._logged_in(), script]
        with open_stream(self.host, self.access).stream("\n".join(lines), feed=feed) as stream:
            yield stream

    def _found(self, names: Sequence[str]) -> str:
        given = next((self.programs[name] for name in names if name in self.programs), "")
        choices = [given] if given else list(names)
        looked = " || ".join(f"command -v {shlex.quote(name)}" for name in choices)
        missing = shlex.quote(
            t("backup_mysql_dump.no_program", host=self.host.name, names=" / ".join(choices))
        )
        return f"program=$({looked}) || {{ echo {missing} >&2; exit {NO_PROGRAM}; }}"

    def _gentle(self) -> str:
        if not self.gentle:
            return "gently="
        return (
            "gently=; command -v nice >/dev/null && gently='nice -n 19'\n"
            'command -v ionice >/dev/null && gently="$gently ionice -c 3"'
        )

    def _logged_in(self) -> str:
        """The password is in no list of processes, no environment and no file with a name."""
        end = f"END-{secrets.token_hex(8)}"
        lines = [
            "[client]",
            f"user={option(self.login.user)}",
            f"password={option(self.login.password)}",
            *self._where(),
        ]
        content = "\n".join(lines)
        # mariadb-backup reads it twice, which a pipe would not let it.
        return (
            'unnamed=$(mktemp) && exec 3<>"$unnamed" && rm -f "$unnamed" || exit 1\n'
            f"cat >&3 <<'{end}'\n{content}\n{end}\n"
            'run() {\n$gently "$program" --defaults-file=/dev/fd/3 "$@"\n}'
        )

    def _where(self) -> list[str]:
        if socket := self.programs.get(SOCKET):
            return [f"socket={option(socket)}", "protocol=socket"]
        tls = ["loose-ssl", "loose-ssl-mode=REQUIRED"] if self.database.tls else []
        port = self.endpoint.port or 3306
        return [f"host={option(self.endpoint.address)}", f"port={port}", "protocol=tcp", *tls]


def option(text: str) -> str:
    """A value in an option file."""
    for plain, written in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t")):
        text = text.replace(plain, written)
    return f'"{text}"'


def source_of(order: Order) -> Source:
    """The one the job is for: its standby where it says so and there is one."""
    database = order.target
    assert isinstance(database, Database)
    name = order.job.credential or database.credential
    endpoint = endpoint_of(database, order)
    host = order.access.hosts.get(endpoint.host)
    if host is None:
        raise OpsError(t("backup_mysql_dump.no_host", name=database.name))
    if not name:
        raise OpsError(t("mysql.no_login"))
    login = order.access.keyring(name)
    programs = dict(order.job.programs)
    return Source(database, endpoint, host, order.access, login, programs, order.job.load.gentle)


def live(database: Target, access: Access) -> Source:
    """Where something is going to be restored, with the target's own login."""
    assert isinstance(database, Database)
    endpoint = endpoints(database, access.hosts)[0]
    host = access.hosts.get(endpoint.host)
    if host is None:
        raise OpsError(t("backup_mysql_dump.no_host", name=database.name))
    if not database.credential:
        raise OpsError(t("mysql.no_login"))
    return Source(database, endpoint, host, access, access.keyring(database.credential), {}, gentle=False)


def endpoint_of(database: Database, order: Order) -> Endpoint:
    if order.job.side == "standby":
        for one in database.instances:
            if one.role == "standby" and one.host in order.access.hosts:
                address = order.access.hosts[one.host].address or database.address
                return Endpoint(one.name, address, one.port or database.port, one.host, one.role)
    return endpoints(database, order.access.hosts)[0]
