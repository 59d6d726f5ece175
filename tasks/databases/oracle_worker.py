"""Oracle in a process of its own: for a driver whose calls nothing but the end of its process ends, and
because one process can have Oracle's own client, or do without, not both.

A request and its answer are a line of JSON each, over stdin and stdout; so is the password.
"""

import importlib
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from types import ModuleType
from typing import Any

from tasks.databases import Table
from tasks.databases.values import table

ROWS_AT_ONCE = 500
CODE = re.compile(r"(?:ORA|DPY|DPI|TNS)-\d+")
# How the thin client wraps what a listener says.
WRAPPED = re.compile(r"\(Similar to (ORA-\d+)\)")
# Around whatever went wrong before a login.
NOT_CONNECTED = "DPY-6005"
NOISE = re.compile(r"\(CONNECTION_ID=[^)]*\)|Help: \S+")
# Calls ended by their limit.
TIMED_OUT = frozenset({"DPY-4024", "DPI-1067", "ORA-01013", "ORA-03136", "ORA-12161"})
# The session is gone, whatever the driver makes of it.
ENDED = frozenset(
    f"ORA-{number:05d}"
    for number in (28, 600, 1012, 1089, 1092, 2396, 3113, 3114, 3135, 7445, 12537, 12547, 12570)
) | {"DPY-1001", "DPY-4011", "DPI-1010", "DPI-1080"}
NO_DRIVER, LATE = "NO-DRIVER", "LATE"


@dataclass(frozen=True, slots=True)
class Line:
    """Where to connect, as whom and by what. `mode`: empty, or SYSDBA and the like."""

    driver: str
    client: str
    dsn: str
    user: str
    mode: str
    seconds: float
    password: str = field(repr=False)


class Problem(Exception):
    """What driver or server said. `gone`: nothing more can be asked."""

    def __init__(self, code: str, text: str = "", *, gone: bool = False) -> None:
        super().__init__(f"{code} {text}")
        self.code, self.text, self.gone = code, text, gone or code in ENDED


def problem(error: BaseException, *, gone: bool = False) -> Problem:
    said = " ".join(NOISE.sub("", str(error)).split())
    if "timed out" in said:
        return Problem(LATE, said, gone=True)
    codes = WRAPPED.findall(said) or CODE.findall(said) or [type(error).__name__]
    return Problem(codes[1] if codes[0] == NOT_CONNECTED and codes[1:] else codes[0], said, gone=gone)


def kind(type_: Any) -> str:
    """`DB_TYPE_NUMBER` → number"""
    return str(getattr(type_, "name", type_)).removeprefix("DB_TYPE_").lower()


def milliseconds(seconds: float) -> int:
    """0 would be no limit at all."""
    return max(round(seconds * 1000), 1)


class Worker:
    """The other process, as the product sees it: killed when its time is over."""

    def __init__(self, line: Line) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="utf-8",
        )
        try:
            self.version = str(self._told(asdict(line), line.seconds)["version"])
        except Problem:
            self.end()
            raise

    def rows(self, sql: str, seconds: float, grace: float) -> Table:
        said = self._told({"sql": sql, "seconds": seconds}, seconds + grace)
        return Table(tuple((name, kind) for name, kind in said["columns"]), tuple(said["rows"]))

    def _told(self, request: Mapping[str, Any], seconds: float) -> dict[str, Any]:
        late = threading.Event()

        def kill() -> None:
            late.set()
            self._process.kill()

        timer = threading.Timer(seconds, kill)
        timer.start()
        try:
            assert self._process.stdin and self._process.stdout
            print(json.dumps(request), file=self._process.stdin, flush=True)
            answer = self._process.stdout.readline()
            said: dict[str, Any] = (
                json.loads(answer) if answer else {"code": "ORA-03113", "text": "", "gone": True}
            )
        except (OSError, ValueError) as trouble:
            raise problem(trouble, gone=True) from trouble
        finally:
            timer.cancel()
        if late.is_set():
            raise Problem(LATE, gone=True)
        if "code" in said:
            raise Problem(said["code"], said["text"], gone=said["gone"])
        return said

    def close(self, seconds: float) -> None:
        """At the end of its input it logs off."""
        try:
            self._process.communicate(timeout=seconds)
        except (subprocess.TimeoutExpired, OSError, ValueError):
            self.end()

    def end(self) -> None:
        self._process.kill()
        self._process.communicate()


def loaded(line: Line) -> ModuleType:
    """The driver by its name: `cx_Oracle` is what was asked for, `oracledb` is its successor."""
    try:
        driver = importlib.import_module(line.driver)
    except ImportError as missing:
        raise Problem(NO_DRIVER, str(missing)) from missing
    if line.driver == "oracledb":
        driver.defaults.fetch_lobs = False
        if line.client == "thick":
            driver.init_oracle_client()
    return driver


def connected(driver: ModuleType, line: Line) -> Any:
    named = {"mode": getattr(driver, line.mode)} if line.mode else {}
    connection = driver.connect(user=line.user, password=line.password, dsn=line.dsn, **named)
    connection.outputtypehandler = whole_texts(driver)
    return connection


def whole_texts(driver: ModuleType) -> Any:
    """Long texts as text: a locator would need one more trip for each."""

    def handler(cursor: Any, name: str, type_: Any, *rest: Any) -> Any:
        if type_ in (driver.DB_TYPE_CLOB, driver.DB_TYPE_NCLOB):
            return cursor.var(driver.DB_TYPE_LONG, arraysize=cursor.arraysize)
        return None

    return handler if driver.__name__ == "cx_Oracle" else None


def answered(connection: Any, sql: str, seconds: float) -> dict[str, Any]:
    connection.call_timeout = milliseconds(seconds)
    with connection.cursor() as cursor:
        cursor.arraysize = ROWS_AT_ONCE
        cursor.execute(sql)
        described: Sequence[Any] = cursor.description or ()
        found = table([(one[0], kind(one[1])) for one in described], cursor.fetchall() if described else ())
    return {"columns": found.columns, "rows": [dict(row) for row in found.rows]}


def serve() -> None:
    """The other process itself. What libraries print must not come between the lines."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def say(said: Mapping[str, Any]) -> None:
        print(json.dumps(said), file=answers, flush=True)

    connection: Any = None
    for request in map(json.loads, sys.stdin):
        try:
            if connection is None:
                line = Line(**request)
                connection = connected(loaded(line), line)
                say({"version": connection.version})
            else:
                say(answered(connection, request["sql"], request["seconds"]))
        except Exception as trouble:  # noqa: BLE001 - all of it is told to the other side, which judges it
            known = trouble if isinstance(trouble, Problem) else problem(trouble)
            say({"code": known.code, "text": known.text, "gone": known.gone})


if __name__ == "__main__":
    serve()
