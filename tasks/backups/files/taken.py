"""What is taken of what a host listed, and what of it can be held against the restored tree."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping

from tasks.backups.files.entries import Entry, State, shown
from tasks.errors import OpsError
from tasks.texts import listed, t

SOCKET = "s"
# The clock by which a file system stamps a change goes on in steps; one that tells whole seconds, in those.
STEP, WHOLE = 20_000_000, 2 * 10**9


def divide(entries: dict[bytes, Entry], before: Iterable[Entry], sums: bool) -> None:
    """Without sockets, which nobody can put back; what is as it was before keeps the sum it had. Folders come
    each time: what is put into one changes its time."""
    for path in [path for path, entry in entries.items() if entry.type == SOCKET]:
        del entries[path]
    for was in before:
        entry = entries.get(was.path)
        if entry is None or entry.type == "d" or was.state not in (State.TAKEN, State.KEPT):
            continue
        same = was.same == entry.same and was.link == entry.link
        if same and (was.sum or not sums or entry.type != "f"):
            entry.state, entry.sum = State.KEPT, was.sum


def wanted(entries: Mapping[bytes, Entry]) -> Iterator[bytes]:
    return (path for path, entry in entries.items() if entry.state is State.TAKEN)


def add_sums(
    entries: Mapping[bytes, Entry],
    sums: Callable[[Iterable[bytes]], Iterable[tuple[bytes, str]]],
    cannot_read: Callable[[Iterable[bytes]], list[bytes]],
) -> list[bytes]:
    """Those that nobody could read, which is no reason to leave them out without a word."""
    files = [path for path in wanted(entries) if entries[path].type == "f"]
    for path, sum_ in sums(files):
        if path in entries:
            entries[path].sum = sum_
    unknown = [path for path in files if not entries[path].sum]
    return cannot_read(unknown) if unknown else []


def compare(
    entries: Mapping[bytes, Entry],
    after: Iterable[Entry],
    begun: int,
    sums: bool,
    left_out: Mapping[bytes, str],
) -> dict[bytes, str]:
    """What came, went or changed while it was read, and why: nothing can be said of its content."""
    reasons: dict[bytes, str] = {}
    gone = {path for path, entry in entries.items() if entry.state is State.TAKEN}
    for now in after:
        if now.path not in gone:
            continue
        path, entry = now.path, entries[now.path]
        if path in left_out or (now.inode, now.type) != (entry.inode, entry.type):
            continue
        gone.remove(path)
        if now.meta != entry.meta or now.link != entry.link or fresh(entry, begun):
            entry.state, reasons[path] = State.CHANGED, t("files.changed")
        elif sums and entry.type == "f" and not entry.sum:
            entry.state, reasons[path] = State.CHANGED, t("files.no_sum")
    for path in sorted(gone):
        entries[path].state, reasons[path] = State.MAYBE, left_out.get(path, t("files.went"))
    return reasons


def fresh(entry: Entry, begun: int) -> bool:
    """Changed so shortly before it was looked at that another change may bear the same time."""
    step = STEP if entry.changed_at % 10**9 else WHOLE
    return entry.changed_at >= begun - step


def mount_points(entries: Mapping[bytes, Entry]) -> list[bytes]:
    """Folders with another file system in them, which is not looked into."""
    found = []
    for path, entry in entries.items():
        above = entries.get(os.path.dirname(path))  # noqa: PTH120 - bytes
        if entry.type == "d" and above and above.meta.split(" ")[8] != entry.meta.split(" ")[8]:
            found.append(path)
    return found


def roots_are_folders(paths: Iterable[str], entries: Mapping[bytes, Entry], encoding: str) -> None:
    """A path that is a link names nothing but the link."""
    for path in paths:
        entry = entries.get(path.rstrip("/").encode(encoding))
        if entry and entry.type == "l":
            raise OpsError(t("files.path_is_link", path=path, target=shown(entry.link, encoding)))
    if not entries:
        raise OpsError(t("files.nothing", paths=listed(paths)))
