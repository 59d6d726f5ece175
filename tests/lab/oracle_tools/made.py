"""Homes and databases of the synthetic Oracle, for tests."""

import os
import sqlite3
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.lab.oracle_tools.changes import change, switch
from tests.lab.oracle_tools.sql import DICTIONARY
from tests.lab.oracle_tools.state import Instance, read, write

REPOSITORY = Path(__file__).parents[3]
TOOLS = ("rman", "sqlplus", "pump")
SYNTHETIC = "# Synthetic: stands for Oracle's program of this name in tests, and is not Oracle's.\n"
WRAPPER = '#!/bin/sh\n{said}PYTHONPATH={path} exec {python} -S -m {module} {name} "$@"\n'
UNAME = '#!/bin/sh\n{said}[ "$1" = -n ] && exec echo {host}\nexec /bin/uname "$@"\n'
# Only what runs in this home, so that two homes on one machine are two hosts.
PS = """\
#!/bin/sh
{said}echo COMMAND
for file in {home}/dbs/*.json; do
    [ -f "$file" ] || continue
    sid=${{file##*/}}
    echo "ora_pmon_${{sid%.json}}"
done
"""


class Home:
    def __init__(self, folder: Path, hostname: str) -> None:
        self.folder, self.hostname = folder, hostname
        for name in ("bin", "dbs"):
            (folder / name).mkdir(parents=True)
        for name, module in (("rman", "rman"), ("sqlplus", "sqlplus"), ("expdp", "pump"), ("impdp", "pump")):
            text = WRAPPER.format(
                said=SYNTHETIC,
                path=REPOSITORY,
                python=sys.executable,
                module=f"tests.lab.oracle_tools.{module}",
                name=name,
            )
            self.program(name, text)
        self.program("uname", UNAME.format(said=SYNTHETIC, host=hostname))
        self.program("ps", PS.format(said=SYNTHETIC, home=folder))

    def program(self, name: str, text: str) -> None:
        path = self.folder / "bin" / name
        path.write_text(text)
        path.chmod(0o755)

    def fault(self, *names: str) -> None:
        (self.folder / "faults").write_text("\n".join(names))

    def running(self) -> list[str]:
        return sorted(path.stem for path in (self.folder / "dbs").glob("*.json"))


class Source:
    """A database that runs: schemas APP and HR, and a dictionary that tells of them."""

    def __init__(self, home: Home, sid: str = "ORCL", dbid: int = 1234567890, **said: Any) -> None:
        self.home, self.sid = home, sid
        self.instance = Instance(home.folder, sid)
        data = home.folder / "oradata" / sid
        (data / "archive").mkdir(parents=True)
        (data / "base").mkdir()
        control = data / "control01.ctl"
        files = [
            self.datafile(data, number, schema) for number, schema in enumerate(("SYS", "APP", "HR"), start=1)
        ]
        write(control, {**self.control(data, dbid, files), **said})
        self.instance.keep(
            status="OPEN",
            parameters={
                "control_files": str(control),
                "db_unique_name": said.get("unique", sid),
                "db_name": said.get("name", sid),
                "compatible": "19.0.0",
                "db_recovery_file_dest": str(home.folder / "fra"),
                "db_block_size": "8192",
            },
        )

    def datafile(self, data: Path, number: int, schema: str) -> dict[str, Any]:
        name = f"{'system' if schema == 'SYS' else schema.lower()}01.dbf"
        for path in (data / name, data / "base" / name):
            db = sqlite3.connect(path)
            db.execute("pragma page_size = 4096")
            db.execute("pragma synchronous = off")  # no power fails here
            for table, columns in DICTIONARY.items() if schema == "SYS" else ():
                db.execute(f"create table {table} ({columns})")
            db.execute("create table synthetic_datafile (said)")
            db.commit()
            db.close()
        return {
            "number": number,
            "schema": schema,
            "path": str(data / name),
            "base": str(data / "base" / name),
            "checkpoint": 1000,
        }

    def control(self, data: Path, dbid: int, files: list[dict[str, Any]]) -> dict[str, Any]:
        return {
            "name": self.sid,
            "dbid": dbid,
            "log_mode": "ARCHIVELOG",
            "role": "PRIMARY",
            "resetlogs": 1,
            "scn": 1000,
            "version": "19.0.0.0.0",
            "open_mode": "READ WRITE",
            "primary_copy": True,
            "datafiles": files,
            "tempfiles": [str(data / "temp01.dbf")],
            "logfiles": [str(data / "redo01.log"), str(data / "redo02.log")],
            "redo": str(data / "redo.current"),
            "history": str(data / "history"),
            "archive": str(data / "archive"),
            "archived": [],
            "sequence": 1,
            "sequence_first": 1,
            "backups": [],
            "set_count": 0,
            "recovered": 0,
        }

    def run(self, statement: str, *values: Any) -> None:
        change(self.instance, statement, values)

    def set(self, **said: Any) -> None:
        with self.instance.locked() as control:
            control.update(said)

    def switch(self) -> None:
        switch(self.instance)

    def read(self) -> dict[str, Any]:
        return read(self.instance.control)

    def user(self, name: str) -> None:
        self.run("insert into dba_users values (?, 'N', 'USERS', 'TEMP', 'DEFAULT')", name)

    def table(self, owner: str, name: str, columns: Sequence[tuple[str, str]]) -> None:
        made = ", ".join(f'"{column}"' for column, _ in columns)
        self.run(f'create table "{owner}"."{name}" ({made})')
        self.run("insert into dba_tables values (?, ?, 'N', 'NO', 'N')", owner, name)
        self.run("insert into dba_segments values (?, 'TABLE', 'USERS', 65536)", owner)
        for number, (column, kind) in enumerate(columns, start=1):
            self.run(
                "insert into dba_tab_columns values (?, ?, ?, ?, ?, 100, '', '', 'Y', 'B')",
                *(owner, name, number, column, kind),
            )

    def filled(self, rows: int = 60) -> "Source":
        """Two schemas with rows, a procedure, a trigger, a view, a grant."""
        for owner in ("APP", "HR"):
            self.user(owner)
        self.table(
            "APP", "ORDERS", (("ID", "NUMBER"), ("SAID", "VARCHAR2"), ("WHAT", "BLOB"), ("N", "FLOAT"))
        )
        self.table("HR", "PEOPLE", (("ID", "NUMBER"), ("NAME", "NVARCHAR2"), ("DOC", "XMLTYPE")))
        for number in range(rows):
            self.order(number)
            self.run('insert into "HR"."PEOPLE" values (?, ?, ?)', number, f"人{number}", "<x/>")
        self.run("insert into dba_source values ('APP', 'P', 'PROCEDURE', 1, 'procedure p as')")
        self.run("insert into dba_source values ('APP', 'P', 'PROCEDURE', 2, 'begin null; end;')")
        self.run("insert into dba_triggers values ('APP', 'T1', 'BEFORE ROW', 'INSERT', 'ORDERS', 'ENABLED')")
        self.run("insert into dba_views values ('APP', 'V', 20, 'select * from orders')")
        self.run("insert into dba_tab_privs values ('HR', 'APP', 'ORDERS', 'SELECT', 'NO')")
        self.table("APP", "OPS_SENTINEL", (("VALUE", "VARCHAR2"),))
        return self

    def order(self, number: int) -> None:
        what = os.urandom(20) if number % 3 else None
        self.run('insert into "APP"."ORDERS" values (?, ?, ?, ?)', number, f"第{number}单", what, number / 7)


def pieces(home: Home) -> Iterator[str]:
    """What our runs left in a home's staging, which is nothing."""
    for path in sorted(home.folder.rglob("opsproof-*")):
        yield str(path)
