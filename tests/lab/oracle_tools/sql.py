"""The synthetic Oracle's SQL: SQLite over its datafiles, with the functions of Oracle's that are used."""

import hashlib
import json
import re
import sqlite3
from pathlib import Path
from typing import Any

from tests.lab.oracle_tools.state import Instance, Ora

DICTIONARY = {
    "dba_users": "username, oracle_maintained, default_tablespace, temporary_tablespace, profile",
    "dba_tables": "owner, table_name, temporary, nested, secondary",
    "dba_external_tables": "owner, table_name",
    "dba_tab_columns": "owner, table_name, column_id, column_name, data_type, data_length, data_precision, "
    "data_scale, nullable, char_used",
    "dba_constraints": "owner, table_name, constraint_name, constraint_type, status, delete_rule, validated, "
    "search_condition_vc",
    "dba_ind_columns": "table_owner, table_name, index_owner, index_name, column_name, column_position, "
    "descend",
    "dba_indexes": "table_owner, table_name, index_name, index_type, uniqueness, status",
    "dba_source": "owner, name, type, line, text",
    "dba_triggers": "owner, trigger_name, trigger_type, triggering_event, table_name, status",
    "dba_views": "owner, view_name, text_length, text_vc",
    "dba_sequences": "sequence_owner, sequence_name, min_value, max_value, increment_by, cycle_flag, "
    "cache_size, last_number",
    "dba_synonyms": "owner, synonym_name, table_owner, table_name, db_link",
    "dba_tab_partitions": "table_owner, table_name, partition_name, partition_position",
    "dba_tab_privs": "grantee, owner, table_name, privilege, grantable",
    "dba_role_privs": "grantee, granted_role, admin_option",
    "dba_sys_privs": "grantee, privilege, admin_option",
    "dba_scheduler_jobs": "owner, job_name, job_type, job_action, repeat_interval",
    "dba_segments": "owner, segment_type, tablespace_name, bytes",
    "dba_directories": "directory_name, directory_path",
}


class Total:
    """SUM without the 64 bits of SQLite."""

    def __init__(self) -> None:
        self.total: int | None = None

    def step(self, value: Any) -> None:
        if value is not None:
            self.total = (self.total or 0) + int(value)

    def finalize(self) -> str | None:
        return None if self.total is None else str(self.total)


def typed(value: Any) -> bytes:
    return f"{type(value).__name__}:".encode() + (value if isinstance(value, bytes) else str(value).encode())


def functions(db: sqlite3.Connection) -> None:
    def standard_hash(value: Any, how: str) -> bytes:
        assert how == "SHA256"
        return hashlib.sha256(typed(value)).digest()

    def to_number(text: str, form: str = "") -> str:
        return str(int(text, 16)) if form.startswith("X") else str(int(text))

    one: Any = db.create_function
    one("standard_hash", 2, standard_hash)
    one("dbms_crypto_hash", 2, lambda value, _: hashlib.sha256(typed(value)).digest())
    one("rawtohex", 1, lambda value: None if value is None else value.hex().upper())
    one("nvl2", 3, lambda value, there, absent: absent if value is None else there)
    one("nvl", 2, lambda value, other: other if value is None else value)
    one("chr", 1, chr)
    one("to_number", -1, to_number)
    one("to_char", -1, lambda value, *_: None if value is None else str(value))
    db.create_aggregate("sum", 1, Total)  # type: ignore[arg-type]


def translated(statement: str) -> str:
    said = re.sub(r"\s+as of scn \d+", "", statement)
    said = said.replace("dbms_crypto.hash", "dbms_crypto_hash")
    return re.sub(r"\b([a-z_]+)#", r"\1_no", said)


def as_of(statement: str) -> int | None:
    found = re.search(r" as of scn (\d+)", statement)
    return int(found[1]) if found else None


def opened(control: dict[str, Any], scn: int | None = None) -> sqlite3.Connection:
    """The datafiles, each a schema; `scn`: as they were, from their first day and all changes since."""
    db = sqlite3.connect(":memory:")
    functions(db)
    for file in control["datafiles"]:
        where = "main" if file["schema"] == "SYS" else f'"{file["schema"]}"'
        if where != "main":
            db.execute(f"attach ':memory:' as {where}")
        path = file["base"] if scn is not None else file["path"]
        db.deserialize(Path(path).read_bytes(), name=where.strip('"'))
    if scn is not None:
        for line in Path(control["history"]).read_text().splitlines():
            change = json.loads(line)
            if change["scn"] <= scn:
                db.execute(change["sql"], decoded(change["values"]))
    return db


def decoded(values: list[Any]) -> list[Any]:
    return [bytes.fromhex(one["hex"]) if isinstance(one, dict) else one for one in values]


def encoded(values: tuple[Any, ...]) -> list[Any]:
    return [{"hex": one.hex()} if isinstance(one, bytes) else one for one in values]


def views(db: sqlite3.Connection, instance: Instance, control: dict[str, Any]) -> None:
    """v$ as temporary tables."""
    opened = {"OPEN": control.get("open_mode", "READ WRITE"), "MOUNTED": "MOUNTED"}.get(instance.status, "")
    parameters = instance.parameters
    rows: dict[str, tuple[str, list[tuple[Any, ...]]]] = {
        "v$instance": ("version", [(control.get("version", "19.0.0.0.0"),)]),
        "v$parameter": ("name, value", sorted(parameters.items())),
        "v$pdbs": ("name, open_mode", []),
        "v$block_change_tracking": ("status", [("DISABLED",)]),
        "v$recover_file": ("file_no", []),
    }
    if control:
        unique = parameters.get("db_unique_name", control["name"])
        database = (
            *(control["name"], unique, control["dbid"], control["log_mode"], opened),
            *(control["role"], control["resetlogs"], control["scn"], "NO", "NO"),
        )
        names = "name, db_unique_name, dbid, log_mode, open_mode, database_role, resetlogs_change_no, "
        rows["v$database"] = (names + "current_scn, flashback_on, cdb", [database])
        rows |= files(instance, control) | backups(control)
    for name, (columns, content) in rows.items():
        db.execute(f'create temp table "{name}" ({columns})')
        marks = ", ".join("?" * (columns.count(",") + 1))
        db.executemany(f'insert into "{name}" values ({marks})', content)


def files(instance: Instance, control: dict[str, Any]) -> dict[str, tuple[str, list[tuple[Any, ...]]]]:
    data = [
        (
            file["number"],
            Path(file["path"]).stat().st_size if Path(file["path"]).exists() else 0,
            "SYSTEM" if file["number"] == 1 else file.get("status", "ONLINE"),
            control["scn"] if control.get("primary_copy") else file["checkpoint"],
            *(file["path"], file.get("enabled", "READ WRITE")),
        )
        for file in control["datafiles"]
    ]
    logs = [
        (
            *(1, log["sequence"], log["first"], log["next"], log["size"], 1, control["resetlogs"]),
            *("NO", "A", "NO", log["path"]),
        )
        for log in control["archived"]
    ]
    return {
        "v$datafile": ("file_no, bytes, status, checkpoint_change_no, name, enabled", data),
        "v$tempfile": ("file_no, name", [(n + 1, name) for n, name in enumerate(control["tempfiles"])]),
        "v$logfile": ("group_no, member", [(n + 1, name) for n, name in enumerate(control["logfiles"])]),
        "v$controlfile": ("name", [(str(instance.control),)]),
        "v$archived_log": (
            "thread_no, sequence_no, first_change_no, next_change_no, blocks, block_size, "
            "resetlogs_change_no, deleted, status, standby_dest, name",
            logs,
        ),
    }


def backups(control: dict[str, Any]) -> dict[str, tuple[str, list[tuple[Any, ...]]]]:
    sets = control["backups"]
    return {
        "v$datafile_copy": ("file_no, name, status", [(0, name, "A") for name in control.get("copies", [])]),
        "v$backup_set": ("recid", [(one["recid"],) for one in sets]),
        "v$backup_piece": (
            "handle, set_stamp, set_count, piece_no, tag, status",
            [(one["handle"], one["stamp"], one["count"], 1, one["tag"], "A") for one in sets],
        ),
        "v$backup_datafile": (
            "file_no, checkpoint_change_no, incremental_change_no, set_stamp, set_count, marked_corrupt, "
            "media_corrupt, logically_corrupt",
            [
                (file["number"], file["checkpoint"], file["since"], one["stamp"], one["count"], 0, 0, 0)
                for one in sets
                for file in one["files"]
            ],
        ),
    }


def select(instance: Instance, statement: str) -> list[str]:
    if not instance.status:
        raise Ora("ORA-01034: ORACLE not available")
    mounted = instance.status in ("MOUNTED", "OPEN")
    control: dict[str, Any] = json.loads(instance.control.read_text()) if mounted else {}
    if re.search(r"\bdba_|\"", statement) and instance.status != "OPEN":
        raise Ora("ORA-01219: database or pluggable database not open")
    if not mounted and "v$parameter" not in statement and "v$instance" not in statement:
        raise Ora("ORA-01507: database not mounted")
    if instance.status == "OPEN":
        db = opened(control, as_of(statement))
    else:
        db = sqlite3.connect(":memory:")
        functions(db)
    views(db, instance, control)
    try:
        found = db.execute(translated(statement)).fetchall()
    except sqlite3.Error as problem:
        raise Ora(f"ORA-00942: synthetic: {problem}") from problem
    finally:
        db.close()
    return ["\t".join("" if one is None else str(one) for one in row) for row in found]
