"""A small installation with one active contract, for routines past Prefect."""

from pathlib import Path

from tasks import clock
from tasks.contracts.activation import activate
from tasks.home import Home
from tasks.model import Status
from tasks.records import Book

FILES = {
    "contracts/local.yml": """\
code: local
name: 本机
parts:
  machine: {title: 本机, hosts: {any: HOSTS}, databases: {sqlite: 1}}
""",
    "local/hosts.yml": """\
groups:
  machine:
    part: machine
    os: linux
    transport: local
    hosts:
      - name: localhost
""",
    "local/databases.yml": """\
groups:
  embedded:
    part: machine
    engine: sqlite
    databases:
      - {name: platform-db, host: localhost, path: db.sqlite}
""",
    "local/schedules.yml": """\
schedules:
  - {routine: inspection, title: 早巡检, at: "08:30", days: every, late_after: 30m, give_up_after: 4h}
""",
    # This machine's own state must not decide what a test finds.
    "local/limits.yml": """\
disk: {warn: 99.9, fail: 100.1}
inodes: {warn: 99.9, fail: 100.1}
memory: {warn: 99.9, fail: 100.1}
load: {warn: 999, fail: 1000}
""",
}
CALM = {Status.OK}


def install(folder: Path, *, active: bool = True) -> Home:
    made = Home(folder / "var", folder / "inventories")
    for name, text in FILES.items():
        path = made.inventories / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace("HOSTS", "1"), "utf-8")
    database(made.ready(made.root))
    book = Book(made.ready(made.book))
    if active:
        activate(book, "local", "测试", clock.now())
    return made


def database(folder: Path) -> None:
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(folder / "db.sqlite")) as connection, connection:
        connection.execute("CREATE TABLE things (name TEXT)")
