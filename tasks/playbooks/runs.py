"""What a run was begun with, on disk beside its journal: enough for another process to go on with it."""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks import clock
from tasks.errors import OpsError, Refused
from tasks.files import write_whole
from tasks.home import Home
from tasks.model import Mode, Outcome, Record, Tier
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
    none. `following`: run and playbook of what the same request wanted after it."""

    run_id: str
    contract: str
    routine: str
    mode: str
    playbook: Mapping[str, Any]
    digest: str
    begun_at: str
    started_by: str
    note: str
    due_at: str
    until: str
    approved_by: tuple[str, ...]
    following: tuple[tuple[str, str], ...] = ()

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
    try:
        if not path.is_file():
            return None
        said = json.loads(path.read_text("utf-8"))
        following = tuple((run, name) for run, name in said["following"])
        return Begun(**{**said, "approved_by": tuple(said["approved_by"]), "following": following})
    except (OSError, ValueError, TypeError, KeyError) as problem:
        raise OpsError(t("service.begun_unreadable", path=path)) from problem


def all_begun(home: Home) -> list[Begun]:
    """In the order of time; one that cannot be read keeps nobody from the others: see `broken`."""
    found = []
    for run_id in folders(home):
        with suppress(OpsError):
            found.append(begun(home, run_id))
    return sorted(filter(None, found), key=lambda one: (one.begun_at, one.run_id))


def broken(home: Home) -> dict[str, str]:
    """Runs of which nobody can read what they were, and why."""
    found = {}
    for run_id in folders(home):
        try:
            begun(home, run_id)
        except OpsError as problem:
            found[run_id] = str(problem)
    return found


def folders(home: Home) -> list[str]:
    top = home.run / "playbooks"
    return sorted(path.name for path in top.iterdir() if path.is_dir()) if top.is_dir() else []


def left(home: Home, book: "Book") -> Iterator[Begun]:
    """Runs that were begun and have no record of their end; what has one is cleared away. Those that are
    under way this moment are among them."""
    for one in all_begun(home):
        if recorded(book, one):
            shutil.rmtree(folder(home, one.run_id), ignore_errors=True)
        else:
            yield one


def recorded(book: "Book", run: Begun) -> bool:
    """A record of a process that broke off says nothing of how the run ended."""
    entries = book.entries(contract=run.contract, routine=run.routine, newest_first=True)
    return any(run.run_id in (entry.record.facts.get(ENDS) or {}) for entry in entries)  # type: ignore[operator]


def close_by_hand(home: Home, book: "Book", run: Begun, by: str, reason: str) -> "Entry":
    """Nothing is done any more; the journal goes into the book with what people say of it."""
    now = clock.now()
    path = Journal(home, run.run_id).path
    content = path.read_bytes() if path.exists() else b""
    evidence = book.keep(content, f"{run.run_id}.jsonl", "application/jsonl", Tier.FAIR)
    told = {"by": by, "run": run.run_id, "title": run.title, "reason": reason}
    return book.append(
        Record(
            contract=run.contract,
            routine=run.routine,
            title=t("playbook_runs.closed_title", title=run.title),
            started_at=now,
            ended_at=now,
            started_by=by,
            outcome=Outcome.FAILED,
            mode=Mode(run.mode),
            topics=("service",),
            summary=t("playbook_runs.closed_summary", **told),
            facts={ENDS: {run.run_id: "closed"}, "note": reason},
            evidence=(evidence,),
        )
    )


def unreadable(home: Home, run_id: str, contract: str) -> Begun:
    """A broken one, as far as people can say what it was."""
    if run_id not in broken(home):
        raise Refused(t("service.no_such_run", run=run_id))
    nothing: dict[str, Any] = dict.fromkeys(
        ("digest", "begun_at", "started_by", "note", "due_at", "until"), ""
    )
    return Begun(
        run_id=run_id,
        contract=contract,
        routine="service",
        mode=Mode.REAL,
        playbook={"title": t("playbook_runs.unreadable")},
        approved_by=(),
        **nothing,
    )


def forget(home: Home, run_id: str) -> None:
    shutil.rmtree(folder(home, run_id), ignore_errors=True)
