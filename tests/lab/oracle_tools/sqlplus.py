"""Synthetic `sqlplus -S -L / as sysdba`: statements from standard input."""

import contextlib
import os
import re
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.lab.oracle_tools import sql
from tests.lab.oracle_tools.changes import change, switch
from tests.lab.oracle_tools.pump import ALONG, header
from tests.lab.oracle_tools.state import Instance, Ora, current, faults, read


def startup(instance: Instance, path: str) -> None:
    if instance.status:
        raise Ora("ORA-01081: cannot start already-running ORACLE - shut it down first")
    said = {}
    for line in Path(path).read_text().splitlines():
        key, _, value = line.partition("=")
        said[key.removeprefix("*.")] = value.strip("'")
    if "keeps_recovery" in faults():
        said["db_recovery_file_dest"] = "/production/recovery"
    import subprocess  # it costs each start of this program a tenth

    monitor = subprocess.Popen(
        [f"ora_pmon_{instance.sid}", "100000"],
        executable="/bin/sleep",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        cwd="/",
    )
    instance.keep(status="STARTED", parameters=said, pmon=monitor.pid)


def shutdown(instance: Instance) -> None:
    with contextlib.suppress(ProcessLookupError, KeyError):
        os.kill(instance.state["pmon"], signal.SIGKILL)
    instance.path.unlink(missing_ok=True)


def mount(instance: Instance) -> None:
    control = read(instance.control)
    if control["name"] != instance.parameters["db_name"]:
        raise Ora(f"ORA-01103: database name '{control['name']}' in control file is not the instance's")
    instance.keep(status="MOUNTED")


def open_it(instance: Instance, how: str) -> None:
    with instance.locked() as control:
        for file in control["datafiles"]:
            path = Path(file["path"])
            if not path.exists():
                raise Ora(
                    f"ORA-01157: cannot identify/lock data file {file['number']}", "ORA-01110: data file"
                )
            if file["checkpoint"] != control["recovered"]:
                raise Ora(f"ORA-01113: file {file['number']} needs media recovery")
        if how == "read only" and "needs_resetlogs" in faults():
            raise Ora("ORA-16433: The database or pluggable database must be opened in read/write mode.")
        control["open_mode"] = "READ ONLY" if how == "read only" else "READ WRITE"
    instance.keep(status="OPEN")


def rename(instance: Instance, before: str, after: str) -> None:
    with instance.locked() as control:
        control["logfiles"] = [after if one == before else one for one in control["logfiles"]]


def pump_directory(instance: Instance, name: str, path: str) -> None:
    change(instance, "delete from dba_directories where directory_name = ?", (name,))
    change(instance, "insert into dba_directories values (?, ?)", (name, path))


def drop_user(instance: Instance, name: str) -> None:
    with instance.locked() as control:
        gone = [file for file in control["datafiles"] if file["schema"] == name]
        control["datafiles"] = [file for file in control["datafiles"] if file["schema"] != name]
    if not gone:
        raise Ora(f"ORA-01918: user '{name}' does not exist")
    for file in gone:
        Path(file["path"]).unlink()
    for table, column in {"dba_users": "username", **ALONG}.items():
        change(instance, f"delete from {table} where {column} = ?", (name,))


def written(instance: Instance, statement: str) -> None:
    if read(instance.control).get("open_mode", "READ WRITE") != "READ WRITE":
        raise Ora("ORA-16000: database or pluggable database open for read-only access")
    change(instance, statement, ())


COMMANDS: list[tuple[str, Callable[..., object]]] = [
    (r"alter system archive log current", switch),
    (r"startup nomount pfile='(.+)'", startup),
    (r"shutdown abort", shutdown),
    (r"alter database mount", mount),
    (r"alter database open (read only|resetlogs)", open_it),
    (r"alter database rename file '(.+)' to '(.+)'", rename),
    (r"create or replace directory (\w+) as '(.+)'", pump_directory),
    (
        r"drop directory (\w+)",
        lambda instance, name: change(
            instance, "delete from dba_directories where directory_name = ?", (name,)
        ),
    ),
    (r'drop user "(\w+)" cascade', drop_user),
    (r"((?:insert|delete) .+)", written),
    (r"(?:commit|alter database (?:flashback off|disable block change tracking))", lambda _: None),
]


def run(statement: str) -> list[str]:
    instance = current()
    if statement.lower().startswith("select"):
        return sql.select(instance, statement)
    if found := re.search(r"get_dumpfile_info\('(.+?)', '(\w+)'", statement):
        return header(instance, *found.groups())
    for form, command in COMMANDS:
        if found := re.fullmatch(form, " ".join(statement.split()), re.IGNORECASE | re.DOTALL):
            command(instance, *found.groups())
            return []
    raise Ora(f'SP2-0734: unknown command beginning "{statement[:10]}..." - rest of line ignored.')


def main() -> int:
    stop, statement = False, ""
    if "hang" in faults():
        time.sleep(600)
    for line in sys.stdin.read().splitlines():
        word = line.split(" ")[0].lower() if not statement else ""
        if len(line) > 2499:
            print("SP2-0027: Input is too long (> 2499 characters) - line ignored")
        elif word == "whenever":
            stop = "exit" in line if "sqlerror" in line else stop
        elif word == "prompt":
            print(line.partition(" ")[2], flush=True)
        elif word == "exit":
            return 0
        elif word != "set":
            statement = f"{statement}\n{line}".strip()
            block = statement.lower().startswith(("begin", "declare"))
            if not statement.endswith("\n/" if block else ";"):
                continue
            statement = "commit;" if statement.lower().startswith("begin") else statement
            try:
                print("".join(f"{row}\n" for row in run(statement[:-1])), end="", flush=True)
            except Ora as problem:
                print("ERROR at line 1:", *problem.lines, sep="\n", flush=True)
                if stop and not str(problem).startswith("SP2"):
                    return 1
            statement = ""
    return 0


if __name__ == "__main__":
    sys.exit(main())
