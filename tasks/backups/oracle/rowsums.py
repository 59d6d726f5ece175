"""What rows and definitions are, computed where they lie: each row one SHA-256, the four quarters of all of
them added up. STANDARD_HASH (12.1 and later) takes values as they are stored, so that no session's settings
change them; ORA_HASH has 32 bits and is random for LOBs.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from tasks.backups.digests import Digest
from tasks.backups.oracle.host import UNIT, OracleHost
from tasks.texts import t

# Of a row's values, as many hashes as fit the 4,000 bytes of a text.
AT_ONCE = 50
HEX_DIGITS = 16
UNIT_SQL = "\n|| chr(31) || "
# SQL*Plus takes no line of more than 2,499 characters.
ROW_BREAK = "\n|| "
# 12.1 of DBMS_CRYPTO: HASH_SH256.
SHA256 = 4
LOBS = frozenset({"CLOB", "NCLOB", "BLOB"})
NUMBERS = frozenset({"NUMBER", "FLOAT", "BINARY_FLOAT", "BINARY_DOUBLE"})
PLAIN = frozenset({"CHAR", "NCHAR", "VARCHAR2", "NVARCHAR2", "DATE", "RAW", "ROWID", "UROWID"}) | NUMBERS
USERS = "(select username from dba_users where oracle_maintained = 'N')"
# What is there for every user of the database and differs after any restore: nobody's data.
TABLES = """\
select c.owner || chr(31) || c.table_name || chr(31) || c.column_name || chr(31) || c.data_type
from dba_tab_columns{point} c join dba_tables{point} t on t.owner = c.owner and t.table_name = c.table_name
where c.owner in {users} and t.temporary = 'N' and t.nested = 'NO' and t.secondary = 'N'
and t.table_name not like 'BIN$%'
and not exists (select 1 from dba_external_tables e where e.owner = t.owner and e.table_name = t.table_name)
order by c.owner, c.table_name, c.column_id"""


@dataclass(frozen=True, slots=True)
class Definition:
    """What the dictionary says of things of one kind. `whose`: the column that holds the owner, or the one
    who was granted something."""

    kind: str
    view: str
    whose: str
    name: str
    columns: tuple[str, ...]
    condition: str = ""
    # The same after an import into another schema.
    moves: bool = True


DEFINITIONS = (
    Definition(
        "columns",
        "dba_tab_columns",
        "owner",
        "table_name",
        (
            "column_id",
            "column_name",
            "data_type",
            "data_length",
            "data_precision",
            "data_scale",
            "nullable",
            "char_used",
        ),
        "table_name not like 'BIN$%'",
    ),
    Definition(
        "constraint",
        "dba_constraints",
        "owner",
        "table_name",
        ("constraint_type", "status", "delete_rule", "validated", "search_condition_vc"),
        "table_name not like 'BIN$%'",
    ),
    Definition(
        "index",
        "dba_ind_columns",
        "table_owner",
        "table_name",
        ("index_owner", "index_name", "column_name", "column_position", "descend"),
        moves=False,
    ),
    Definition(
        "unique",
        "dba_indexes",
        "table_owner",
        "table_name",
        ("index_name", "index_type", "uniqueness", "status"),
        moves=False,
    ),
    # The first line names the object, with or without its owner.
    Definition("source", "dba_source", "owner", "type || ' ' || name", ("line", "text"), "line > 1"),
    Definition(
        "trigger",
        "dba_triggers",
        "owner",
        "trigger_name",
        ("trigger_type", "triggering_event", "table_name", "status"),
    ),
    Definition("view", "dba_views", "owner", "view_name", ("text_length", "text_vc"), moves=False),
    Definition(
        "sequence",
        "dba_sequences",
        "sequence_owner",
        "sequence_name",
        ("min_value", "max_value", "increment_by", "cycle_flag", "cache_size", "last_number"),
    ),
    Definition(
        "synonym",
        "dba_synonyms",
        "owner",
        "synonym_name",
        ("table_owner", "table_name", "db_link"),
        moves=False,
    ),
    Definition(
        "partition",
        "dba_tab_partitions",
        "table_owner",
        "table_name",
        ("partition_name", "partition_position"),
        "table_name not like 'BIN$%'",
    ),
    Definition(
        "grant",
        "dba_tab_privs",
        "grantee",
        "grantee",
        ("owner", "table_name", "privilege", "grantable"),
        "table_name not like 'BIN$%'",
        moves=False,
    ),
    Definition("role", "dba_role_privs", "grantee", "grantee", ("granted_role", "admin_option"), moves=False),
    Definition(
        "privilege", "dba_sys_privs", "grantee", "grantee", ("privilege", "admin_option"), moves=False
    ),
    Definition(
        "user",
        "dba_users",
        "username",
        "username",
        ("default_tablespace", "temporary_tablespace", "profile"),
        moves=False,
    ),
    Definition(
        "job",
        "dba_scheduler_jobs",
        "owner",
        "job_name",
        ("job_type", "job_action", "repeat_interval"),
        moves=False,
    ),
)


@dataclass(frozen=True, slots=True)
class Columns:
    """A table as it is to be summed up; `left`: columns of types that cannot be, with the type."""

    owner: str
    table: str
    summed: tuple[tuple[str, str], ...]
    left: tuple[tuple[str, str], ...]

    @property
    def name(self) -> str:
        return f"{self.owner}.{self.table}"


@dataclass(frozen=True, slots=True)
class Summed:
    digests: tuple[Digest, ...] = ()
    not_digested: Mapping[str, str] = ()  # type: ignore[assignment]


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def at(scn: str) -> str:
    return f" as of scn {int(scn)}" if scn else ""


def hashed(values: Sequence[str]) -> str:
    """One SHA-256 of many: NULL is `-`, which no hash is, and an empty LOB is not NULL."""
    parts = [ROW_BREAK.join(values[n : n + AT_ONCE]) for n in range(0, len(values), AT_ONCE)]
    if len(parts) > 1:
        return hashed([f"rawtohex(standard_hash({part}, 'SHA256'))" for part in parts])
    return f"rawtohex(standard_hash({parts[0]}, 'SHA256'))"


def value(expression: str, kind: str = "VARCHAR2") -> str:
    """A column's own hash as text."""
    if kind in LOBS:
        return f"nvl2({expression}, rawtohex(dbms_crypto.hash({expression}, {SHA256})), '-')"
    return f"nvl2({expression}, rawtohex(standard_hash({expression}, 'SHA256')), '-')"


def can_be_summed(kind: str) -> bool:
    return kind in PLAIN or kind in LOBS or kind.startswith(("TIMESTAMP", "INTERVAL"))


def sums() -> str:
    form = "X" * HEX_DIGITS
    parts = [f"substr(h, {1 + n * HEX_DIGITS}, {HEX_DIGITS})" for n in range(4)]
    quarters = [f"to_char(nvl(sum(to_number({part}, '{form}')), 0), 'TM9')" for part in parts]
    return UNIT_SQL.join(["to_char(count(*))", *quarters])


def of_rows(table: Columns, scn: str = "") -> str:
    values = [value(quoted(name), kind) for name, kind in table.summed]
    source = f"{quoted(table.owner)}.{quoted(table.table)}{at(scn)}"
    return f"select {sums()}\nfrom (select {hashed(values)} h from {source})"  # noqa: S608 - quoted


def of_definitions(one: Definition, scn: str = "", owners: Sequence[str] = ()) -> str:
    users = listed(owners) if owners else USERS
    more = f" and {one.condition}" if one.condition else ""
    name = one.name if one.whose == one.name else f"{one.whose} || '.' || {one.name}"
    values = hashed([value(column) for column in one.columns])
    return (  # every word of it is from this file, or quoted
        f"select k || chr(31) || {sums()}\n"  # noqa: S608
        f"from (select {name} k, {values} h from {one.view}{at(scn)} where {one.whose} in {users}{more})\n"
        "group by k order by k"
    )


def listed(owners: Sequence[str]) -> str:
    return "(" + ",\n".join("'" + owner.replace("'", "''") + "'" for owner in owners) + ")"


def tables(host: OracleHost, scn: str = "", owners: Sequence[str] = (), container: str = "") -> list[Columns]:
    statement = TABLES.format(point=at(scn), users=listed(owners) if owners else USERS)
    lines = host.sqlplus([*inside(container), statement])[-1]
    found = []
    rows = [line.split(UNIT) for line in lines]
    for (owner, table), columns in groupby(rows, key=lambda row: (row[0], row[1])):
        named = [(row[2], row[3]) for row in columns]
        good = tuple(one for one in named if can_be_summed(one[1]))
        found.append(Columns(owner, table, good, tuple(one for one in named if one not in good)))
    return found


def inside(container: str) -> list[str]:
    return [f"alter session set container = {quoted(container)}"] if container else []


def summed(
    host: OracleHost, scn: str = "", owners: Sequence[str] = (), container: str = "", moved: bool = False
) -> Summed:
    """All of a database (or of one container of it) at one SCN; without one, as it is now."""
    prefix = f"{container}:" if container else ""
    wanted = [one for one in DEFINITIONS if one.moves or not moved]
    found = tables(host, scn, owners, container)
    whole = [table for table in found if table.summed]
    statements = [
        *inside(container),
        *(of_definitions(one, scn, owners) for one in wanted),
        *(of_rows(table, scn) for table in whole),
    ]
    answers = host.sqlplus(statements, stop=False)[len(inside(container)) :]
    digests: list[Digest] = []
    left = {f"{prefix}{one.name}.{name}": unsummed(kind) for one in found for name, kind in one.left}
    for one, lines in zip(wanted, answers, strict=False):
        digests += definitions(one, lines, prefix, left)
    for table, lines in zip(whole, answers[len(wanted) :], strict=False):
        digests += rows(table, lines, prefix, left)
    return Summed(tuple(digests), left)


def unsummed(kind: str) -> str:
    return t("oracle_backup.column_type", type=kind)


def failed(lines: Sequence[str]) -> str:
    return next((line for line in lines if line.startswith(("ORA-", "SP2-"))), "")


def definitions(one: Definition, lines: Sequence[str], prefix: str, left: dict[str, str]) -> Iterable[Digest]:
    if problem := failed(lines):
        left[f"{prefix}{one.kind}"] = problem
        return
    for line in lines:
        name, count, *quarters = line.split(UNIT)
        yield Digest("definition", f"{prefix}{one.kind} {name}", ".".join(quarters), int(count))


def rows(table: Columns, lines: Sequence[str], prefix: str, left: dict[str, str]) -> Iterable[Digest]:
    problem = failed(lines)
    if problem or len(lines) != 1:
        left[f"{prefix}{table.name}"] = problem or "; ".join(lines)[:200]
        return
    count, *quarters = lines[0].split(UNIT)
    yield Digest("rows", f"{prefix}{table.name}", ".".join(quarters), int(count))
