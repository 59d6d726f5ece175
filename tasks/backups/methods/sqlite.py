"""SQLite, the embedded engine: its own backup of one snapshot, rows counted within it."""

import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from tasks import clock
from tasks.backups import METHODS, Fetched, Order, Sink, Taken, Unsound
from tasks.backups.digests import Digest, Sum, compare, of_text
from tasks.backups.manifest import Kind
from tasks.backups.scratch import Scratch
from tasks.errors import OpsError
from tasks.files import sync_folder
from tasks.home import home
from tasks.model import Database, Target
from tasks.texts import t, why
from tasks.transports import Access

MEMBER = "database.sqlite"
CHUNK = 2**20
PAGES = 4096
WAIT_SECONDS = 20
# Who has what: SQLite's own tables change by themselves.
OBJECTS = (
    "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' ORDER BY type, name"
)

# What applications keep outside of tables.
SETTINGS = ("user_version", "application_id", "encoding")


@METHODS.add("sqlite")
class Sqlite:
    kinds = frozenset({Kind.FULL})
    serves = ("database", "sqlite")

    def take(self, order: Order, sink: Sink) -> Taken:
        """By a copy in a folder of its own: SQLite's file alone is no snapshot while somebody writes."""
        path = source(order.target)
        with troubles(path), tempfile.TemporaryDirectory(dir=home().ready(home().run)) as folder:
            copy = Path(folder) / MEMBER
            with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=WAIT_SECONDS)) as live:
                live.execute("BEGIN")
                version = live.execute("PRAGMA data_version").fetchone()[0]
                with closing(sqlite3.connect(copy)) as written:
                    live.backup(written, pages=PAGES)
                found = digests(live) if order.digests else ()
            with copy.open("rb") as file:
                sink.send(MEMBER, file)
        now = clock.now().isoformat(timespec="seconds")
        return Taken(
            point={"time": now},
            digests=found,
            facts={"sqlite": sqlite3.sqlite_version, "data_version": str(version)},
        )

    def unpack(self, chain: Sequence[Fetched], scratch: Scratch) -> None:
        copy = scratch.folder / MEMBER
        with chain[-1].open(MEMBER) as stream, copy.open("wb") as file:
            while chunk := stream.read(CHUNK):
                file.write(chunk)
        sync_folder(scratch.folder)
        try:
            with closing(sqlite3.connect(f"file:{copy}?mode=ro", uri=True)) as opened:
                said = [row[0] for row in opened.execute("PRAGMA integrity_check(3)")]
        except sqlite3.DatabaseError as problem:
            raise Unsound(t("backups.unsound", reason=problem)) from problem
        if said != ["ok"]:
            raise Unsound(t("backups.unsound", reason="; ".join(said)))

    @contextmanager
    def opened(
        self, chain: Sequence[Fetched], scratch: Scratch, until: Mapping[str, str]
    ) -> Iterator["Open"]:
        copy = scratch.folder / MEMBER
        with closing(sqlite3.connect(f"file:{copy}?mode=ro", uri=True)) as connection:
            yield Open(connection)

    def load(
        self,
        chain: Sequence[Fetched],
        scratch: Scratch,
        target: Target,
        access: Access,
        say: Callable[[str], None],
    ) -> None:
        """In one transaction of SQLite's own: whoever has it open sees all of it or nothing."""
        path, copy = source(target), scratch.folder / MEMBER
        with troubles(path), closing(sqlite3.connect(path, timeout=WAIT_SECONDS)) as live:
            with closing(sqlite3.connect(f"file:{copy}?mode=ro", uri=True)) as restored:
                restored.backup(live)
            expected = chain[-1].manifest.digests
            if expected and (differences := compare(expected, digests(live))):
                raise Unsound(t("backups.differs", count=len(differences), named=differences[0].name))


class Open:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def digests(self, expected: Sequence[Digest]) -> tuple[Digest, ...]:
        try:
            return digests(self._connection)
        except sqlite3.DatabaseError as problem:
            raise Unsound(t("backups.unsound", reason=problem)) from problem

    def sentinel(self) -> str:
        return ""


def source(target: Target) -> Path:
    assert isinstance(target, Database)
    return Path(home().root) / target.path


@contextmanager
def troubles(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as problem:
        raise OpsError(t("backups.source_failed", name=path.name, reason=problem)) from problem
    except OSError as problem:
        raise OpsError(t("backups.source_failed", name=path.name, reason=why(problem))) from problem


def digests(connection: sqlite3.Connection) -> tuple[Digest, ...]:
    connection.text_factory = bytes
    found = []
    objects = connection.execute(OBJECTS).fetchall()
    for kind, name, table, sql in objects:
        shown = name.decode("utf-8", "surrogateescape")
        definition = b"\0".join([table, sql or b""]).decode("utf-8", "surrogateescape")
        found.append(Digest("definition", f"{kind.decode()} {shown}", of_text(definition)))
        if kind == b"table":
            found.append(rows(connection, shown))
    for setting in SETTINGS:
        value = connection.execute(f"PRAGMA {setting}").fetchone()[0]
        found.append(Digest("definition", setting, of_text(str(value))))
    return tuple(found)


def rows(connection: sqlite3.Connection, table: str) -> Digest:
    """With the type of each value: as bytes, a text and a blob are alike."""
    names = [row[1] for row in connection.execute(f"PRAGMA table_xinfo({quoted(table)})")]
    columns = [quoted(name.decode("utf-8", "surrogateescape")) for name in names]
    chosen = ", ".join(f"typeof({column}), {column}" for column in columns)
    total = Sum()
    for row in connection.execute(f"SELECT {chosen} FROM {quoted(table)}"):  # noqa: S608 - quoted
        total.add(repr(row).encode())
    return Digest("rows", table, total.digest, total.count)


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
