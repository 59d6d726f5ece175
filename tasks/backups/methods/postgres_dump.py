"""PostgreSQL by pg_dump: each database in one snapshot, in which its rows are counted as well."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import timedelta

from tasks import clock
from tasks.backups import METHODS, START_LIMIT, Disturbed, Fetched, Order, Sink, Taken, Unsound
from tasks.backups.digests import Digest
from tasks.backups.manifest import Kind, Manifest
from tasks.backups.postgres.archives import members, readable
from tasks.backups.postgres.cluster import Cluster, checked, programs
from tasks.backups.postgres.digests import (
    NOT_MADE,
    definitions,
    rows,
    sequences,
    shapes,
    spans,
    tables,
    unlike,
)
from tasks.backups.postgres.files import SLOW, copy
from tasks.backups.postgres.loading import replace_database
from tasks.backups.postgres.programs import MISSING, script
from tasks.backups.postgres.restored import Restored
from tasks.backups.postgres.sentinel import planted
from tasks.backups.postgres.sessions import Way, databases, host_of, troubles, version_of, way_to
from tasks.backups.scratch import Scratch
from tasks.errors import OpsError
from tasks.model import Database, Host, Target
from tasks.texts import t
from tasks.transports import Access, open_stream

GLOBALS = "globals.sql"
TEMPLATE = "template1"
COMPLETE = "PostgreSQL database cluster dump complete"
# What pg_dump saw in its snapshot and could not lock any more.
DROPPED = re.compile(r"relation \S+ does not exist|could not obtain lock|lock timeout|cache lookup failed")
WAIT = "--lock-wait-timeout=60s"
ABOUT = "SELECT pg_get_userbyid(10)::text, has_table_privilege('pg_authid', 'SELECT')"
EXPORT = "SELECT pg_export_snapshot(), to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')"


@METHODS.add("postgres-dump")
class PostgresDump:
    kinds = frozenset({Kind.FULL})
    serves = ("database", "postgres")

    def take(self, order: Order, sink: Sink) -> Taken:
        way, host = way_to(order), host_of(order)
        sentinel = planted(order)
        with closing(way.session()) as session, troubles(way.database.name):
            version = version_of(session)
            ((superuser, secrets),) = session.execute(ABOUT).fetchall()
            names = databases(session)
            dump = Dump(order, sink, way, host, version)
            before = definitions(session, "")
            dump.globals(secrets)
            for number, name in enumerate(names):
                dump.database(f"{number:03}.dump", name)
            dump.settled(before, definitions(session, ""))
        facts = {"version": str(version), "superuser": superuser, "sentinel": sentinel}
        return Taken(
            point={"time": clock.now().isoformat(timespec="seconds")},
            digests=tuple(one for one in dump.digests if one.name not in {*dump.without, NOT_MADE}),
            not_digested=dump.without,
            facts={**facts, "members": json.dumps(dump.members)},
        )

    def unpack(self, chain: Sequence[Fetched], scratch: Scratch) -> None:
        fetched = chain[-1]
        found = programs(int(fetched.manifest.facts["version"]))
        for name in (GLOBALS, *members(fetched.manifest)):
            with fetched.open(name) as stream:
                copy(stream, scratch.folder / name)
        if COMPLETE not in (scratch.folder / GLOBALS).read_text("utf-8", "replace")[-200:]:
            raise Unsound(t("backup_postgres.bad_archive", member=GLOBALS, reason="cut"))
        for name, said in members(fetched.manifest).items():
            readable(found, scratch.folder / name, said, fetched.manifest)

    def load(
        self,
        chain: Sequence[Fetched],
        scratch: Scratch,
        target: Target,
        access: Access,
        say: Callable[[str], None],
    ) -> None:
        """Into a live server, in place of its databases of the same names."""
        assert isinstance(target, Database)
        for member, (name, _) in members(chain[-1].manifest).items():
            if name != TEMPLATE:
                replace_database(target, access, name, scratch.folder / member, say)

    @contextmanager
    def opened(
        self, chain: Sequence[Fetched], scratch: Scratch, until: Mapping[str, str]
    ) -> Iterator[Restored]:
        manifest = chain[-1].manifest
        cluster = Cluster(scratch, int(manifest.facts["version"]), manifest.facts["superuser"])
        cluster.make()
        cluster.start(START_LIMIT)
        try:
            restore(cluster, manifest)
            yield Restored(cluster, manifest, logical=True)
        finally:
            cluster.stop()


class Dump:
    """One after the other: databases of one cluster share no snapshot."""

    def __init__(self, order: Order, sink: Sink, way: Way, host: Host, version: int) -> None:
        self.order, self.sink, self.way, self.host, self.version = order, sink, way, host, version
        self.digests: list[Digest] = []
        self.without: dict[str, str] = {}
        self.members: dict[str, tuple[str, str]] = {}

    def globals(self, secrets: bool) -> None:
        words = ["--globals-only", "--no-password", *([] if secrets else ["--no-role-passwords"])]
        self.carry("pg_dumpall", words, self.way.database.service or "postgres", GLOBALS)

    def database(self, member: str, name: str) -> None:
        self.order.say(t("backup_postgres.dumping", name=name))
        with closing(self.way.session(name)) as session, troubles(name):
            looks = shapes(session, name)
            before, moved = definitions(session, name), sequences(session)
            session.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            ((snapshot, at),) = session.execute(EXPORT).fetchall()
            if self.order.digests:
                found = rows(self.way.session, name, tables(session, logical=True), snapshot)
                self.digests += found.digests
                self.without |= found.without
            words = ["-Fc", "-Z0", "--no-password", WAIT, f"--snapshot={snapshot}"]
            self.carry("pg_dump", words, name, member)
            self.members[member] = name, at
            session.execute("ROLLBACK")
            self.without |= unlike(looks, shapes(session, name))
            self.settled(before, definitions(session, name))
            self.digests += spans(name, moved, sequences(session), logged=False)

    def settled(self, before: Sequence[Digest], after: Sequence[Digest]) -> None:
        """pg_dump asks the server how some things are made, which then says how they are now."""
        for one in set(before) ^ set(after):
            self.without[one.name] = t("backup_postgres.changed")
        self.digests += before

    def carry(self, program: str, words: Sequence[str], database: str, member: str) -> None:
        job = self.order.job
        said = script(self.way, self.version, program, words, database, job.programs, job.load.gentle)
        with open_stream(self.host, self.order.access).stream(said) as stream:
            try:
                self.sink.send(member, stream)
            except OpsError as problem:
                if MISSING.format(program) in str(problem):
                    lacking = t("backup_postgres.host_program", host=self.host.name, name=program)
                    raise OpsError(lacking) from problem
                if DROPPED.search(str(problem)):
                    raise Disturbed(str(problem)) from problem
                raise


def restore(cluster: Cluster, manifest: Manifest) -> None:
    """Roles first; `postgres` is made anew as the source has it, `template1` cannot be."""
    limit = START_LIMIT + timedelta(seconds=manifest.size / SLOW)
    path = cluster.scratch.folder / GLOBALS
    said = path.read_text("utf-8", "surrogateescape")
    path.write_text(fitting(said, cluster), "utf-8", "surrogateescape")
    psql = [cluster.programs.path("psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1"]
    checked([*psql, "-d", TEMPLATE, "-f", str(path)], limit, cluster.where())
    checked([*psql, "-d", TEMPLATE, "-c", "DROP DATABASE postgres"], limit, cluster.where())
    words = [cluster.programs.path("pg_restore"), "--exit-on-error"]
    ordered = sorted(members(manifest).items(), key=lambda one: one[1][0] == TEMPLATE)
    for member, (name, _) in ordered:
        made = [] if name == TEMPLATE else ["--create"]
        archive = str(cluster.scratch.folder / member)
        checked([*words, *made, "-j", "2", "-d", TEMPLATE, archive], limit, cluster.where())


def fitting(said: str, cluster: Cluster) -> str:
    """The first role is there already, and tablespaces lie in the scratch folder."""
    lines = []
    with closing(cluster.connect(TEMPLATE)) as session:
        row = session.execute("SELECT quote_ident(%s)", (cluster.superuser,)).fetchone()
    for number, line in enumerate(said.splitlines()):
        if line == f"CREATE ROLE {row[0] if row else ''};" or re.match(r"\\(un)?restrict ", line):
            continue
        if line.startswith("CREATE TABLESPACE "):
            folder = cluster.folder(f"tablespace-{number}")
            line = re.sub(r" LOCATION '(?:[^']|'')*';$", lambda _, at=folder: f" LOCATION '{at}';", line)  # type: ignore[misc]
        lines.append(line)
    return "\n".join(lines) + "\n"
