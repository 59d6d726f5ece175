"""What a run was begun with, on disk beside its journal: enough for another process to go on with it."""

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tasks import clock
from tasks.errors import OpsError
from tasks.files import write_whole
from tasks.home import Home
from tasks.playbooks.schema import Playbook
from tasks.records import Book
from tasks.texts import t

FILE = "begun.json"
# The fact of a record that says how each run in it ended.
ENDS = "ends"


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """`playbook` as it was approved: the file may have changed since. `until`, `due_at`: as texts, empty where
    there is none."""

    run_id: str
    contract: str
    routine: str
    playbook: Mapping[str, Any]
    started_by: str
    note: str
    due_at: str
    until: str
    approved_by: tuple[str, ...]

    @property
    def end(self) -> datetime | None:
        return clock.parse(self.until) if self.until else None

    def content(self) -> Playbook:
        return Playbook.model_validate(self.playbook)


def folder(home: Home, run_id: str) -> Path:
    return home.run / "playbooks" / run_id


def keep(home: Home, begun: Begun) -> None:
    """Before anything of it is done."""
    content = json.dumps(asdict(begun), ensure_ascii=False, default=written, indent=1)
    write_whole(home.ready(folder(home, begun.run_id)) / FILE, content.encode())


def written(value: Any) -> Any:
    if isinstance(value, timedelta):
        return f"{round(value.total_seconds())}s"
    raise TypeError(value)


def begun(home: Home, run_id: str) -> Begun | None:
    """None: there is no such run, or it never came to do anything."""
    path = folder(home, run_id) / FILE
    if not path.is_file():
        return None
    try:
        said = json.loads(path.read_text("utf-8"))
        return Begun(**{**said, "approved_by": tuple(said["approved_by"])})
    except (ValueError, TypeError, KeyError) as problem:
        raise OpsError(t("service.begun_unreadable", path=path)) from problem


def left(home: Home, book: Book) -> Iterator[Begun]:
    """Runs that were begun and have no record of their end; what has one is cleared away. Those that are
    under way this moment are among them."""
    top = home.run / "playbooks"
    for path in sorted(top.iterdir()) if top.is_dir() else ():
        found = begun(home, path.name)
        if found is None:
            continue
        if recorded(book, found):
            shutil.rmtree(path, ignore_errors=True)
        else:
            yield found


def recorded(book: Book, run: Begun) -> bool:
    """A record of a process that broke off says nothing of how the run ended."""
    entries = book.entries(contract=run.contract, routine=run.routine, newest_first=True)
    return any(run.run_id in (entry.record.facts.get(ENDS) or {}) for entry in entries)  # type: ignore[operator]
