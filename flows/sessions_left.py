"""What sessions left: of those that were killed, and of those that go on. Every run asks, and none of them
should load what opens a session.
"""

import contextlib

from tasks import clock
from tasks.errors import OpsError
from tasks.home import Home
from tasks.inventory.contract import contract_files, contract_named
from tasks.model import Mode
from tasks.records import Book, Entry
from tasks.sessions.entering import take_up
from tasks.sessions.recording import folders, running
from tasks.texts import t


def take_up_all(home: Home, book: Book) -> list[Entry]:
    """What killed sessions left, of every contract that can be read: no run fails for another's file."""
    modes: dict[str, Mode] = {}
    for path in contract_files(home.inventories) if left_any(home) else []:
        with contextlib.suppress(OpsError):
            modes[path.stem] = contract_named(home.inventories, path.stem).mode
    return take_up(home, book, modes)


def left_any(home: Home) -> bool:
    return bool(folders(home))


def said_running(home: Home, contract: str) -> list[str]:
    return [
        t("operations.running", by=one.by, at=clock.parse(one.started_at), host=one.host)
        for one in running(home)
        if one.contract == contract
    ]
