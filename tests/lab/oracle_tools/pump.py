"""Synthetic `expdp` and `impdp`: parameters from a file, dumps that are pieces with checksums."""

import json
import secrets
import sqlite3
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.lab.oracle_tools import sql
from tests.lab.oracle_tools.changes import changed
from tests.lab.oracle_tools.state import (
    Instance,
    Ora,
    blocks,
    current,
    faults,
    read,
    read_header,
    read_piece,
    write_piece,
)

# The owner's column in each part of the dictionary that goes along.
ALONG = {
    "dba_tables": "owner",
    "dba_tab_columns": "owner",
    "dba_constraints": "owner",
    "dba_source": "owner",
    "dba_triggers": "owner",
    "dba_views": "owner",
    "dba_sequences": "sequence_owner",
    "dba_tab_partitions": "table_owner",
}


def parameters(path: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in Path(path).read_text().splitlines():
        key, _, value = line.partition("=")
        found.setdefault(key, []).append(value)
    return found


def folder(instance: Instance, name: str) -> Path:
    rows = sql.select(instance, f"select directory_path from dba_directories where directory_name = '{name}'")
    if not rows:
        raise Ora("ORA-39002: invalid operation", f"ORA-39087: directory name {name} is invalid")
    return Path(rows[0])


def export(instance: Instance, said: dict[str, list[str]]) -> None:
    where, scn = folder(instance, said["directory"][0]), int(said["flashback_scn"][0])
    db = sql.opened(read(instance.control), scn)
    content: dict[str, Any] = {}
    for schema in (one.strip('"') for one in said["schemas"]):
        tables = {name: rows(db, schema, name) for name in names(db, schema)}
        along = {
            view: db.execute(f"select * from {view} where {owner} = ?", (schema,)).fetchall()
            for view, owner in ALONG.items()
        }
        content[schema] = {"tables": tables, "dictionary": along}
        for name, table in tables.items():
            count = len(table["rows"]) - ("pump_row_lost" in faults())
            print(f'. . exported "{schema}"."{name}"    5.0 KB    {count} rows')
    data = json.dumps(content).encode()
    halves = [data[: len(data) // 2], data[len(data) // 2 :]]
    whose = {"guid": secrets.token_hex(16).upper(), "created": time.strftime("%a %b %d %H:%M:%S %Y")}
    print(f"Dump file set for SYS.{said['job_name'][0]} is:")
    for number, part in enumerate(halves, start=1):
        path = where / f"d_{number:02}.dmp"
        header = {"kind": "dump", "number": number, "of": len(halves), "scn": scn, **whose}
        write_piece(path, header, [(0, n, block) for n, block in enumerate(blocks(part))])
        print(f"  {path}")


def header(instance: Instance, name: str, directory: str) -> list[str]:
    """As a block prints what GET_DUMPFILE_INFO gives: item codes with their values."""
    try:
        said, _ = read_header(folder(instance, directory) / name)
        items = {1: "4.1", 3: said["guid"], 4: said["number"], 6: said["created"]}
    except (OSError, KeyError, Ora) as problem:
        raise Ora("ORA-39211: unable to retrieve dumpfile information as specified") from problem
    return [f"{item}\x1f{value}" for item, value in items.items()]


def names(db: sqlite3.Connection, schema: str) -> list[str]:
    found = db.execute("select table_name from dba_tables where owner = ? order by 1", (schema,))
    return [row[0] for row in found.fetchall()]


def rows(db: sqlite3.Connection, schema: str, table: str) -> dict[str, Any]:
    found = db.execute(f'select * from "{schema}"."{table}"')
    columns = [column[0] for column in found.description]
    return {"columns": columns, "rows": [sql.encoded(row) for row in found.fetchall()]}


def load(instance: Instance, said: dict[str, list[str]]) -> None:
    where = folder(instance, said["directory"][0])
    read_back = [read_piece(where / name.strip()) for name in said["dumpfile"][0].split(",")]
    parts = sorted(read_back, key=lambda one: one[0].get("number", 0))
    if {header["kind"] for header, _ in parts} != {"dump"} or len(parts) != parts[0][0]["of"]:
        raise Ora("ORA-39002: invalid operation", "ORA-39059: dump file set is incomplete")
    if [header["number"] for header, _ in parts] != list(range(1, len(parts) + 1)):
        raise Ora("ORA-39002: invalid operation", "ORA-39059: dump file set is incomplete")
    content = json.loads(b"".join(data for _, records in parts for _, _, data in records))
    remap = dict(one.replace('"', "").split(":") for one in said["remap_schema"])
    with instance.locked() as control:
        for schema, known in content.items():
            if schema in remap:
                imported(control, instance, remap[schema], known)


def imported(control: dict[str, Any], instance: Instance, schema: str, known: dict[str, Any]) -> None:
    path = Path(control["history"]).parent / f"{schema}.dbf"
    with sqlite3.connect(path) as db:
        db.execute("create table synthetic_datafile (said)")
        for name, table in known["tables"].items():
            columns = ", ".join(f'"{column}"' for column in table["columns"])
            db.execute(f'create table "{name}" ({columns})')
            marks = ", ".join("?" * len(table["columns"]))
            db.executemany(f'insert into "{name}" values ({marks})', map(sql.decoded, table["rows"]))
            print(f'. . imported "{schema}"."{name}"    5.0 KB    {len(table["rows"])} rows')
    db.close()
    number = max(file["number"] for file in control["datafiles"]) + 1
    file = {"number": number, "schema": schema, "path": str(path), "base": str(path), "checkpoint": 0}
    control["datafiles"].append(file)
    changed(control, "insert into dba_users values (?, 'N', 'USERS', 'TEMP', 'DEFAULT')", (schema,))
    for view, found in known["dictionary"].items():
        for row in found:
            marks = ", ".join("?" * len(row))
            changed(control, f"insert into {view} values ({marks})", (schema, *row[1:]))


def lines(name: str) -> Iterator[str]:
    if "pump_errors" in faults():
        yield 'ORA-31693: Table data object "APP"."ORDERS" failed to load/unload and is being skipped'
        yield f'Job "SYS"."{name}" completed with 1 error(s) at Sat Nov 21 2026 elapsed 0 00:00:35'
    elif "pump_stopped" in faults():
        yield f'Job "SYS"."{name}" stopped due to fatal error at Sat Nov 21 2026 elapsed 0 00:00:01'
    elif "compiled" in faults():
        yield 'ORA-39082: Object type PROCEDURE:"OPSP"."P" created with compilation warnings'
        yield f'Job "SYS"."{name}" completed with 1 error(s) at Sat Nov 21 2026 elapsed 0 00:00:35'
    elif "silent" not in faults():
        yield f'Job "SYS"."{name}" successfully completed at Sat Nov 21 2026 elapsed 0 00:00:35'


def main() -> int:
    program, _, parfile = sys.argv[1:]
    said, instance = parameters(parfile.partition("=")[2]), current()
    if "pump_stuck" in faults():
        print("ORA-39776: fatal Direct Path API error loading table (synthetic)", flush=True)
        time.sleep(600)
    try:
        (export if program == "expdp" else load)(instance, said)
    except Ora as problem:
        print(*problem.lines, sep="\n")
        return 1
    except (ValueError, KeyError) as problem:
        print(f"ORA-39002: invalid operation\nORA-31694: synthetic: {problem}")
        return 1
    print(*lines(said["job_name"][0]), sep="\n")
    return 5 if faults() & {"pump_errors", "compiled"} else 0


if __name__ == "__main__":
    sys.exit(main())
