"""What the synthetic RMAN does with pieces that came back."""

import json
import sqlite3
from pathlib import Path
from typing import Any

from tests.lab.oracle_tools.sql import decoded
from tests.lab.oracle_tools.state import BLOCK, Ora, faults, read_header, read_piece, write

HEADER = "File Status Marked Corrupt Empty Blocks Blocks Examined High SCN"


def joined(records: list[tuple[int, int, bytes]]) -> bytes:
    return b"".join(data for _, _, data in sorted(records, key=lambda one: one[1]))


def of_kind(path: str, kind: str) -> bytes:
    header, records = read_piece(Path(path))
    if header["kind"] != kind:
        raise Ora("RMAN-06172: no AUTOBACKUP found or specified handle is not a valid copy or piece")
    return joined(records)


def spfile(session: Any, path: str, piece: str) -> None:
    Path(path).write_bytes(of_kind(piece, "spfile"))
    session.finished("restore")


def control(session: Any, piece: str) -> None:
    content = json.loads(of_kind(piece, "control"))
    if "other_dbid" in faults():
        content["dbid"] += 1
    content["primary_copy"] = False
    write(session.instance.control, content)
    session.finished("restore")


def copied_control(session: Any, path: str, piece: str) -> None:
    Path(path).write_bytes(of_kind(piece, "control"))
    session.finished("restore")


def catalog(session: Any, folder: str) -> None:
    with session.instance.locked() as content:
        for path in sorted(Path(folder).iterdir()):
            try:
                header = known(path)
            except Ora as problem:
                print(f"File Name: {path}", f"  RMAN-07518: Reason: {problem}", sep="\n")
                continue
            if header["dbid"] != content["dbid"] and "other_dbid" not in faults():
                print(
                    f"File Name: {path}",
                    f"  RMAN-07518: Reason: Foreign database file DBID: {header['dbid']}",
                )
                continue
            if header["kind"] == "copy":
                content.setdefault("copies", []).append(str(path))
                continue
            number = len(content["backups"]) + 1
            content["backups"].append({**header, "recid": number, "handle": str(path)})
            print(f"File Name: {path}")


def known(path: Path) -> dict[str, Any]:
    """The header of a piece, or what stands for it in a control file."""
    content = path.read_bytes()
    if not content.startswith(b"{"):
        return read_header(path)[0]
    try:
        return {"kind": "copy", "dbid": json.loads(content)["dbid"]}
    except (ValueError, KeyError) as problem:
        raise Ora(f"ORA-19755: synthetic: {problem}") from problem


def validate(session: Any, keys: str) -> None:
    if "failed_no_stack" in faults():
        print("List of Datafiles", "=================", HEADER, "---- ------ --------------", sep="\n")
        print("2    FAILED 1              12           640             1000", "", sep="\n")
        print("validate found one or more corrupt blocks")
        session.finished("validate")
        return
    wanted = {int(key) for key in keys.split(",")}
    for one in sets(session):
        if one["recid"] in wanted:
            read_piece(Path(one["handle"]))
    session.finished("validate")


def sets(session: Any) -> list[dict[str, Any]]:
    return list(json.loads(session.instance.control.read_text())["backups"])


def of_file(session: Any, number: int) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Level 0 and what follows it, by checkpoint: set and entry."""
    found = [
        (one, file)
        for one in sets(session)
        for file in one["files"]
        if file["number"] == number and file["checkpoint"] < (session.until or 2**63)
    ]
    whole = [pair for pair in found if not pair[1]["since"]]
    if not whole:
        raise Ora(
            "RMAN-06026: some targets not found - aborting restore",
            f"RMAN-06023: no backup or copy of datafile {number} found to restore",
        )
    last = max(whole, key=lambda pair: pair[1]["checkpoint"])
    later = sorted(
        (pair for pair in found if pair[1]["checkpoint"] > last[1]["checkpoint"]),
        key=lambda pair: pair[1]["checkpoint"],
    )
    return [last, *later]


def archived(session: Any) -> dict[int, tuple[dict[str, Any], str]]:
    """Sequence → log and the piece that holds it."""
    return {log["sequence"]: (log, one["handle"]) for one in sets(session) for log in one["logs"]}


def preview(session: Any) -> None:
    content = json.loads(session.instance.control.read_text())
    starts = [of_file(session, file["number"])[0][1]["checkpoint"] for file in content["datafiles"]]
    needed(session, min(starts))
    session.finished("restore")


def needed(session: Any, since: int) -> list[tuple[dict[str, Any], str]]:
    logs = archived(session)
    chosen = [
        logs[n] for n in sorted(logs) if logs[n][0]["next"] > since and logs[n][0]["first"] < session.until
    ]
    at = since
    for log, _ in chosen:
        if log["first"] > at:
            missing = log["sequence"] - 1
            raise Ora(
                "RMAN-06053: unable to perform media recovery because of missing log",
                f"RMAN-06025: no backup of archived log for thread 1 with sequence {missing} found",
            )
        at = log["next"]
    if at < session.until:
        raise Ora(f"RMAN-06054: media recovery requesting unknown archived log starting SCN of {at}")
    return chosen


def logs(session: Any, first: str, last: str) -> None:
    known = archived(session)
    for sequence in range(int(first), int(last) + 1):
        if sequence not in known:
            raise Ora(f"RMAN-06025: no backup of archived log for thread 1 with sequence {sequence} found")
        read_piece(Path(known[sequence][1]))
    session.finished("restore")


def datafiles(session: Any) -> None:
    if "disk_full_restoring" in faults():
        raise Ora(
            "ORA-19870: error while restoring backup piece", "ORA-19502: write error", "ORA-27072: File I/O"
        )
    with session.instance.locked() as content:
        for file in content["datafiles"]:
            (one, entry), *_ = of_file(session, file["number"])
            _, records = read_piece(Path(one["handle"]))
            path = Path(session.newname.replace("%U", f"file_{file['number']}.dbf"))
            path.write_bytes(joined(records))
            file["path"], file["checkpoint"] = str(path), entry["checkpoint"]
            file["needs"] = entry["blocks"]
        content["tempfiles"] = [
            session.newname.replace("%U", f"temp_{n}.dbf") for n, _ in enumerate(content["tempfiles"])
        ]
    session.finished("restore")


def recover(session: Any) -> None:
    with session.instance.locked() as content:
        for file in content["datafiles"]:
            increments(session, file)
        redo(session, content)
        content["recovered"] = session.until
        for file in content["datafiles"]:
            file["checkpoint"] = session.until
    session.finished("recover")


def increments(session: Any, file: dict[str, Any]) -> None:
    for one, entry in of_file(session, file["number"])[1:]:
        if entry["since"] > file["checkpoint"] or entry["checkpoint"] <= file["checkpoint"]:
            continue
        _, records = read_piece(Path(one["handle"]))
        content = bytearray(Path(file["path"]).read_bytes())
        for _, block, data in records:
            content[block * BLOCK : block * BLOCK + len(data)] = data
        Path(file["path"]).write_bytes(content[: entry["blocks"] * BLOCK])
        file["checkpoint"] = entry["checkpoint"]


def redo(session: Any, content: dict[str, Any]) -> None:
    """Changes to files that are behind them; each file has its own checkpoint."""
    start = min(file["checkpoint"] for file in content["datafiles"])
    db = sqlite3.connect(":memory:", isolation_level=None)
    schemas: dict[str, int] = {}
    try:
        for file in content["datafiles"]:
            schema = "sys_" if file["schema"] == "SYS" else file["schema"]
            db.execute(f'attach ? as "{schema}"', (file["path"],))
            schemas[schema] = file["checkpoint"]
        for log, piece in needed(session, start):
            header, records = read_piece(Path(piece))
            place = [one["sequence"] for one in header["logs"]].index(log["sequence"])
            text = joined([record for record in records if record[0] == place]).decode()
            for line in text.splitlines():
                apply(db, json.loads(line), schemas, session.until)
    except (sqlite3.DatabaseError, ValueError) as problem:
        raise Ora(
            "RMAN-11003: failure during parse/execution of SQL statement", f"ORA-00600: {problem}"
        ) from None
    finally:
        db.close()


def apply(db: sqlite3.Connection, one: dict[str, Any], schemas: dict[str, int], until: int) -> None:
    schema = next((name for name in schemas if f'"{name}".' in one["sql"]), "sys_")
    if schemas[schema] < one["scn"] < until:
        db.execute(one["sql"], decoded(one["values"]))
