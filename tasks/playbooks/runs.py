"""What a run was begun with, on disk beside its journal: enough for another process to go on with it."""

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks import clock
from tasks.errors import OpsError
from tasks.files import write_whole
from tasks.home import Home
from tasks.model import Outcome, Record, Tier
from tasks.playbooks.journal import Journal
from tasks.texts import t

if TYPE_CHECKING:
    from tasks.playbooks.schema import Playbook
    from tasks.records import Book, Entry

FILE = "begun.json"
# The fact of a record that says how each run in it ended.
ENDS = "ends"


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """`playbook` as it was approved: the file may have changed since. `until`, `due_at`: empty where there is
    none."""

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

    @property
    def title(self) -> str:
        return str(self.playbook["title"])

    def content(self) -> "Playbook":
        # Loads every kind of step there is: an abort must not wait for that.
        from tasks.playbooks.schema import Playbook

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


def left(home: Home, book: "Book") -> Iterator[Begun]:
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


def recorded(book: "Book", run: Begun) -> bool:
    """A record of a process that broke off says nothing of how the run ended."""
    entries = book.entries(contract=run.contract, routine=run.routine, newest_first=True)
    return any(run.run_id in (entry.record.facts.get(ENDS) or {}) for entry in entries)  # type: ignore[operator]


def close_by_hand(home: Home, book: "Book", run: Begun, by: str, reason: str) -> "Entry":
    """Nothing is done any more; the journal goes into the book with what people say of it."""
    now, title = clock.now(), run.title
    path = Journal(home, run.run_id).path
    content = path.read_bytes() if path.exists() else b""
    evidence = book.keep(content, f"{run.run_id}.jsonl", "application/jsonl", Tier.FAIR)
    told = {"by": by, "run": run.run_id, "title": title, "reason": reason}
    return book.append(
        Record(
            contract=run.contract,
            routine=run.routine,
            title=t("playbook_runs.closed_title", title=title),
            started_at=now,
            ended_at=now,
            started_by=by,
            outcome=Outcome.FAILED,
            topics=("service",),
            summary=t("playbook_runs.closed_summary", **told),
            facts={ENDS: {run.run_id: "closed"}, "note": reason},
            evidence=(evidence,),
        )
    )
