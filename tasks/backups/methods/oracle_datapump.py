"""Oracle by Data Pump: schemas as they were at one SCN, through a bounded folder on the host; imported under
other names into a verification database of another host, and their rows compared at the same SCN.

Never run against a real Oracle: tried on a stand-in of its command line only.
"""

import json
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from tasks import clock
from tasks.backups import METHODS, CouldNotLook, Fetched, Order, Sink, Taken, Unsound
from tasks.backups.digests import Digest
from tasks.backups.manifest import Kind, Manifest
from tasks.backups.oracle import safety, source
from tasks.backups.oracle.dumpfiles import one_set, same_set
from tasks.backups.oracle.host import OracleHost, Refusal
from tasks.backups.oracle.rowsums import Summed, listed, quoted
from tasks.backups.oracle.sentinel import plant
from tasks.backups.oracle.source import Facts
from tasks.backups.oracle.staging import bring, carry_off, clear_dead, root_of, staging
from tasks.backups.oracle.verifying import ROOM, blamed, refuse, verifier
from tasks.backups.scratch import Scratch
from tasks.errors import OpsError
from tasks.texts import t

USERS = "select username from dba_users where oracle_maintained = 'N' order by username"
SPACES = """\
select tablespace_name from dba_segments where owner in {owners}
union select default_tablespace from dba_users where username in {owners}"""
SIZE = "select to_char(nvl(sum(bytes), 0)) from dba_segments where owner in {owners}"
LEFT = "select username from dba_users where username like 'OPSP\\_%' escape '\\' order by username"
DUMP = re.compile(r"^\s*(/\S+/(?P<name>[A-Za-z0-9_]+\.dmp))\s*$", re.MULTILINE)
# A job goes on without the client that began it.
STOP = """\
begin
    dbms_datapump.stop_job(dbms_datapump.attach('{job}', 'SYS'), 1, 0);
exception
    when others then null;
end;
/"""
# A view or procedure that lost what it refers to: it is there, and compared.
HARMLESS = frozenset({"ORA-39082"})
OURS = re.compile(r"^OPSP_([0-9A-F]{8})_\d+$")


@METHODS.add("oracle-datapump")
class OracleDatapump:
    kinds = frozenset({Kind.FULL})
    serves = ("database", "oracle")
    # Its room is on the verification host.
    elsewhere = True

    def __init__(self) -> None:
        self._imported: Imported | None = None

    def take(self, order: Order, sink: Sink) -> Taken:
        host = source.host_of(order)
        facts = source.look(host)
        if not facts.primary or facts.open_mode != "READ WRITE":
            raise OpsError(t("oracle_backup.role", role=facts.role, side="primary"))
        bound = order.job.load.staging
        if bound is None:
            raise OpsError(t("oracle_backup.no_staging"))
        root = root_of(host, "staging", "no_staging")
        for path in clear_dead(host, root, lambda folder: unpumped(host, folder)):
            order.say(t("oracle_backup.cleared", path=path))
        plant(host, facts, order)
        schemas = list(order.job.schemas) or [row[0] for row in host.rows(USERS)]
        if not schemas:
            raise OpsError(t("oracle_backup.no_schemas"))
        size = int(host.rows(SIZE.format(owners=listed(schemas)))[0][0])
        if size > bound:
            said = t("oracle_backup.too_big", name=order.target.name, size=size / 2**30, bound=bound / 2**30)
            raise OpsError(said)
        with staging(host, root, size) as folder, directory(host, folder) as name:
            return exported(order, sink, host, facts, schemas, folder, name)

    def unpack(self, chain: Sequence[Fetched], scratch: Scratch) -> None:
        """L1: the files are those of the export, each in its place; Data Pump reads all of them into a
        database, and tells as many rows of each table."""
        manifest = chain[-1].manifest
        host = database(scratch, manifest)
        root = root_of(host, "folder", "no_verification")
        clear_dead(host, root, lambda folder: unpumped(host, folder))
        swept(host)
        folder = scratch.afterwards.enter_context(staging(host, root, int(manifest.size * ROOM)))
        names = [member.name for member in manifest.members]
        for name in names:
            with chain[-1].open(name) as stream:
                bring(host, folder, name, stream)
        made = Imported(host, manifest, names_for(manifest, secrets.token_hex(4).upper()))
        scratch.afterwards.callback(made.dropped)
        with directory(host, folder) as there:
            same_set(host, there, names, safety.told(manifest.facts, "dumps"))
            made.load(folder, there, names)
        self._imported = made

    @contextmanager
    def opened(
        self, chain: Sequence[Fetched], scratch: Scratch, until: Mapping[str, str]
    ) -> Iterator["Imported"]:
        if self._imported is None:
            raise CouldNotLook(t("oracle_backup.no_verification"))
        yield self._imported


@dataclass
class Imported:
    """Schemas under names that only this tool gives, and drops."""

    host: OracleHost
    manifest: Manifest
    schemas: Mapping[str, str]

    def load(self, folder: str, there: str, names: Sequence[str]) -> None:
        facts = self.manifest.facts
        spaces = json.loads(facts.get("tablespaces", "[]"))
        into = self.host.programs.get("tablespace", "USERS")
        said = [
            f"directory={there}",
            f"dumpfile={', '.join(names)}",
            "logfile=import.log",
            f"job_name={there}",
            *(f"remap_schema={quoted(old)}:{quoted(new)}" for old, new in self.schemas.items()),
            *(f"remap_tablespace={quoted(old)}:{quoted(into)}" for old in spaces if old != into),
            "exclude=GRANT",
            "exclude=DB_LINK",
            "exclude=JOB",
            "exclude=PROCOBJ",
            "exclude=STATISTICS",
        ]
        try:
            pumped, _ = self.host.datapump("impdp", said, folder, HARMLESS)
        except Refusal as problem:
            raise blamed(problem) from problem
        rows = {self.known(name): count for name, count in whole_tables(pumped.rows).items()}
        if wrong := differing(self.manifest.digests, rows):
            raise Unsound(t("oracle_backup.rows_differ", names=", ".join(wrong)[:300]))

    def known(self, name: str) -> str:
        """As the source calls it."""
        back = {new: old for old, new in self.schemas.items()}
        what, space, rest = name.rpartition(" ")
        owner, dot, thing = rest.partition(".")
        return f"{what}{space}{back.get(owner, owner)}{dot}{thing}"

    def digests(self, expected: Sequence[Digest]) -> tuple[Digest, ...]:
        found = source.sums(self.host, source.look(self.host), None, list(self.schemas.values()), moved=True)
        left = self.manifest.not_digested
        named = (replace(one, name=self.renamed(one)) for one in found.digests)
        return tuple(one for one in named if one.name not in left)

    def renamed(self, one: Digest) -> str:
        if one.what == "rows":
            return self.known(one.name)
        kind, _, rest = one.name.partition(" ")
        return f"{kind} {self.known(rest) if ' ' not in rest else moved_back(rest, self.schemas)}"

    def sentinel(self) -> str:
        owner, _, table = self.manifest.facts.get("sentinel", "").partition(".")
        if not table or owner not in self.schemas:
            return ""
        named = f"{quoted(self.schemas[owner])}.{quoted(table)}"
        found = self.host.rows(f"select max(value) from {named}")  # noqa: S608 - quoted
        return found[0][0] if found else ""

    def dropped(self) -> None:
        there = {row[0] for row in self.host.rows(LEFT)}
        for name in self.schemas.values():
            if name in there and OURS.match(name):
                self.host.sqlplus([f"drop user {quoted(name)} cascade"])


def moved_back(name: str, schemas: Mapping[str, str]) -> str:
    for old, new in schemas.items():
        name = name.replace(f"{new}.", f"{old}.", 1) if name.startswith(f"{new}.") else name
    return name


def exported(
    order: Order, sink: Sink, host: OracleHost, facts: Facts, schemas: Sequence[str], folder: str, name: str
) -> Taken:
    scn = source.scn(host)
    none = Summed((), {})
    found = source.sums(host, facts, scn, schemas, moved=True) if order.digests else none
    said = [
        f"directory={name}",
        "dumpfile=d_%U.dmp",
        "logfile=export.log",
        f"job_name={name}",
        f"flashback_scn={scn}",
        *(f"schemas={quoted(schema)}" for schema in schemas),
        "exclude=STATISTICS",
    ]
    pumped, text = host.datapump("expdp", said, folder)
    if wrong := differing(found.digests, whole_tables(pumped.rows)):
        raise OpsError(t("oracle_backup.rows_differ", names=", ".join(wrong)[:300]))
    dumps = [match["name"] for match in DUMP.finditer(text)]
    if not dumps:
        raise OpsError(t("oracle_backup.no_dump"))
    headed = one_set(host, name, dumps)
    host.sh(f"cd '{folder}' && rm -f parameters export.log")
    carry_off(host, folder, dumps, sink)
    spaces = [row[0] for row in host.rows(SPACES.format(owners=listed(schemas)))]
    sentinel = order.job.programs.get("sentinel", "") if order.sentinel else ""
    return Taken(
        point={"scn": str(scn), "time": clock.now().isoformat(timespec="seconds")},
        digest_point={"scn": str(scn)},
        digests=found.digests,
        not_digested=found.not_digested,
        facts={
            "dbid": facts.dbid,
            "unique_name": facts.unique_name,
            "hostname": source.hostname(host),
            "version": facts.version,
            "schemas": json.dumps(list(schemas)),
            "dumps": json.dumps(headed),
            "tablespaces": json.dumps(spaces),
            "sentinel": sentinel,
        },
    )


def whole_tables(rows: Mapping[str, int]) -> dict[str, int]:
    """Partitions are told one by one."""
    found: dict[str, int] = {}
    for name, count in rows.items():
        table = name.partition(":")[0]
        found[table] = found.get(table, 0) + count
    return found


def differing(digests: Sequence[Digest], rows: Mapping[str, int]) -> list[str]:
    expected = {one.name: one.count for one in digests if one.what == "rows"}
    return sorted(name for name, count in expected.items() if rows.get(name, 0) != count)


@contextmanager
def directory(host: OracleHost, folder: str) -> Iterator[str]:
    """A directory object of the database for our folder, which also names the job."""
    name = object_of(folder)
    host.sqlplus([f"create or replace directory {name} as '{folder}'"])
    try:
        yield name
    finally:
        unpumped(host, folder)


def object_of(folder: str) -> str:
    return "OPSPROOF_" + folder.rpartition("-")[2].upper()


def unpumped(host: OracleHost, folder: str) -> None:
    """The job ended, should it go on by itself; the directory object gone."""
    name = object_of(folder)
    host.sqlplus([STOP.format(job=name), f"drop directory {name}"], stop=False)


def database(scratch: Scratch, manifest: Manifest) -> OracleHost:
    """The verification database: not production, on a host that is not production's."""
    there = scratch.elsewhere
    sid = there.programs.get("sid", "") if there else ""
    if not sid:
        raise CouldNotLook(t("oracle_backup.no_database"))
    host = verifier(scratch, manifest.facts, sid, [sid])
    found = source.look(host)
    known = {"dbid": found.dbid, "unique_name": found.unique_name}
    refuse([*safety.same_database(known, manifest.facts)])
    return host


def names_for(manifest: Manifest, run: str) -> dict[str, str]:
    schemas = json.loads(manifest.facts.get("schemas", "[]"))
    return {schema: f"OPSP_{run}_{number}" for number, schema in enumerate(schemas)}


def swept(host: OracleHost) -> None:
    """Schemas of runs that are no more: one whose folder is still there belongs to a run at work."""
    root = root_of(host, "folder", "no_verification")
    busy = host.sh(f"ls -d '{root}'/opsproof-* 2>/dev/null || true").strip()
    for row in host.rows(LEFT) if not busy else []:
        if OURS.match(row[0]):
            host.sqlplus([f"drop user {quoted(row[0])} cascade"])
