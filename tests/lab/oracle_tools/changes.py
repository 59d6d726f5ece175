"""Changes of the synthetic Oracle: each into its datafile, the redo of the moment and the history since its
first day, under a number of its own."""

import json
import sqlite3
from pathlib import Path
from typing import Any

from tests.lab.oracle_tools.sql import encoded
from tests.lab.oracle_tools.state import Instance


def change(instance: Instance, statement: str, values: tuple[Any, ...] = ()) -> None:
    with instance.locked() as control:
        changed(control, statement, values)


def changed(control: dict[str, Any], statement: str, values: tuple[Any, ...] = ()) -> None:
    db = sqlite3.connect(":memory:")
    for file in control["datafiles"]:
        schema = "sys_" if file["schema"] == "SYS" else file["schema"]
        db.execute(f'attach ? as "{schema}"', (file["path"],))
        db.execute(f'pragma "{schema}".synchronous = off')  # no power fails here
    db.execute(statement, values)
    db.commit()
    db.close()
    control["scn"] += 1
    line = json.dumps({"scn": control["scn"], "sql": statement, "values": encoded(values)}) + "\n"
    for log in (control["redo"], control["history"]):
        with Path(log).open("a") as file:
            file.write(line)


def switch(instance: Instance) -> None:
    with instance.locked() as control:
        redo = Path(control["redo"])
        content = redo.read_text() if redo.exists() else ""
        sequence, first = control["sequence"], control["sequence_first"]
        control["scn"] += 1
        path = Path(control["archive"]) / f"1_{sequence}.arc"
        path.write_text(content)
        control["archived"].append(
            {
                "sequence": sequence,
                "first": first,
                "next": control["scn"],
                "path": str(path),
                "size": len(content.encode()) + 512,
            }
        )
        control["sequence"], control["sequence_first"] = sequence + 1, control["scn"]
        redo.write_text("")
