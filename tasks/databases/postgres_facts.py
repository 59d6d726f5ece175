"""What a PostgreSQL server, or one built on it, says of itself."""

import re
import socket
import time
from collections.abc import Mapping
from posixpath import join

from cryptography import x509

from tasks.databases import NotAnswered, Session, Table
from tasks.databases.values import table
from tasks.texts import t
from tasks.transports.deadline import Deadline
from tasks.transports.web import anybody, described

FACTS = """
SELECT version() AS product, pg_is_in_recovery() AS standby, current_database() AS database,
  (SELECT count(*) FROM pg_roles WHERE rolname = 'pg_read_all_stats' AND pg_has_role(oid, 'USAGE')) AS reads
"""
SETTINGS = """
SELECT name, setting FROM pg_settings WHERE name IN ('server_version', 'server_version_num',
  'data_directory', 'log_destination', 'log_directory', 'log_line_prefix', 'logging_collector')
"""
ROLE = "SELECT * FROM pg_roles WHERE rolname = current_user"
TABLESPACES = """
SELECT spcname AS name, pg_tablespace_location(oid) AS place FROM pg_tablespace
WHERE spcname NOT IN ('pg_default', 'pg_global') ORDER BY 1
"""
# Not pg_current_logfile(), which pg_monitor may not call.
NEWEST_LOG = """
SELECT name FROM pg_ls_logdir() ORDER BY name LIKE '%{ending}' DESC, modification DESC LIMIT 1
"""
# What it may write beside each other, by log_destination. An empty .log is always there.
ENDINGS = {"stderr": ".log", "csvlog": ".csv", "jsonlog": ".json"}
# Where they are not seen through pg_read_all_stats: a superuser, and two kinds of openGauss's.
SEEING = ("rolsuper", "rolsystemadmin", "rolmonitoradmin")
# What version() begins with, or holds → the flavour. What is not known is taken for PostgreSQL's kin.
FLAVOURS = (
    (r"^PostgreSQL \d", "postgres"),
    (r"openGauss|GaussDB|gaussdb|Vastbase|MogDB", "opengauss"),
    (r"Kingbase", "kingbase"),
    (r"HighGo|highgo", "highgo"),
)
# Asked like a statement: only a handshake tells.
TLS_CERTIFICATE = "SHOW TLS CERTIFICATE"
COLUMNS = [(name, "") for name in ("subject", "issuer", "from", "until")]
# An SSLRequest: its length and the code that stands where a version would.
TLS_PLEASE = (8).to_bytes(4, "big") + (80877103).to_bytes(4, "big")


def facts(session: Session, until: float) -> Mapping[str, str]:
    def ask(sql: str) -> tuple[Mapping[str, object], ...]:
        return session.ask(sql, max(until - time.monotonic(), 0.001)).rows

    said, settings = ask(FACTS)[0], {str(row["name"]): str(row["setting"]) for row in ask(SETTINGS)}
    product = str(said["product"])
    version = version_of(settings.get("server_version_num", ""), settings.get("server_version", product))
    role = ask(ROLE) if not said["reads"] else ()
    sees_all = bool(said["reads"]) or any(row.get(word) for row in role for word in SEEING)
    found = {
        "version": version,
        "product": re.split(r" \(Debian| \(Ubuntu| on |\) compiled", product)[0].strip("( "),
        "flavour": next((name for pattern, name in FLAVOURS if re.search(pattern, product)), "other"),
        "role": "standby" if said["standby"] else "primary",
        "database": str(said["database"]),
        "sees_all": "yes" if sees_all else "no",
        "data": settings.get("data_directory", ""),
        "tablespaces": "\n".join(
            f"{row['name']}\t{row['place']}" for row in ask(TABLESPACES) if row["place"]
        ),
        "log_line_prefix": settings.get("log_line_prefix", ""),
        "log": log(session, settings, until),
    }
    return {name: text for name, text in found.items() if text}


def version_of(number: str, said: str) -> str:
    """`150018` is 15.18, `90624` is 9.6.24; where that is missing or odd, the first number that is said."""
    if number.isdigit() and int(number) >= 100000:
        return f"{int(number) // 10000}.{int(number) % 10000}"
    if number.isdigit() and int(number) >= 80000:
        return f"{int(number) // 10000}.{int(number) // 100 % 100}.{int(number) % 100}"
    found = re.search(r"\d+(\.\d+)+", said)
    if found is None:
        raise ValueError(said)
    return found[0]


def log(session: Session, settings: Mapping[str, str], until: float) -> str:
    """The file it writes to now. Where it leaves that to whoever started it, it does not know."""
    data = settings.get("data_directory", "")
    written = {word.strip().lower() for word in settings.get("log_destination", "stderr").split(",")}
    ending = next((ending for name, ending in ENDINGS.items() if name in written), "")
    if settings.get("logging_collector") != "on" or not data or not ending:
        return ""
    folder = join(data, settings.get("log_directory", ""))
    try:
        rows = session.ask(NEWEST_LOG.format(ending=ending), max(until - time.monotonic(), 0.001)).rows
    except NotAnswered:  # before version 10 and without pg_monitor only the folder is known
        return folder
    return join(folder, str(rows[0]["name"])) if rows else folder


def certificate(address: str, port: int, seconds: float) -> Table:
    """No row: the server has no TLS. By a connection of its own, since libpq does not tell; nothing secret
    is sent over it, so nobody is trusted."""
    try:
        with Deadline(seconds) as deadline, socket.create_connection((address, port), seconds) as plain:
            deadline.watch(plain)
            plain.sendall(TLS_PLEASE)
            if (answer := plain.recv(1)) == b"N":
                return table(COLUMNS, [])
            if answer != b"S":
                raise NotAnswered(t("postgres.no_handshake", reason=repr(answer)))
            with anybody().wrap_socket(plain) as secure:
                said = described(x509.load_der_x509_certificate(secure.getpeercert(binary_form=True) or b""))
    except (OSError, ValueError) as problem:
        raise NotAnswered(t("postgres.no_handshake", reason=problem)) from problem
    return table(COLUMNS, [[said[name] for name, _ in COLUMNS]])
