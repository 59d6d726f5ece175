"""Restore a backup: said first, then done to a new place, each byte compared with what was written."""

import contextlib
import json
import shlex
import shutil
import tarfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, Protocol, runtime_checkable

from tasks.backups import Fetched, Method, method_named
from tasks.backups.catalogue import Backup
from tasks.backups.restoring import SUFFIX, free_place, room_at, unfinished
from tasks.backups.road import CHUNK, Altered, Chunks, Counted, Opened, Pipe, end, in_thread
from tasks.backups.scratch import LOCK, MARKER, Scratch, scratch
from tasks.backups.taking import Place
from tasks.backups.wanted import Wanted, point
from tasks.errors import OpsError, Refused
from tasks.model import Host, Target
from tasks.storage import Missing
from tasks.texts import t, why
from tasks.transports import Access, open_stream
from tasks.transports.streaming import Fed, Streaming

Say = Callable[[str], None]
STEP = 256 * 2**20


@runtime_checkable
class Loads(Method, Protocol):
    """A method that can put a backup into a live database, in place of what is there."""

    def load(
        self, chain: Sequence[Fetched], scratch: Scratch, target: Target, access: Access, say: Say
    ) -> None: ...


@runtime_checkable
class Sends(Method, Protocol):
    """A method whose backups come to a host better by its own program than by way of this machine's disk."""

    def send(self, chain: Sequence[Fetched], host: Host, access: Access, folder: str) -> None:
        """Into a folder that is there and empty."""


@dataclass
class Progress:
    say: Say
    total: int
    done: int = 0

    def moved(self, size: int) -> None:
        before, self.done = self.done, self.done + size
        if before // STEP != self.done // STEP:
            self.say(t("restore.moved", mib=self.done // 2**20, total=self.total // 2**20))


class Heard(Opened):
    """A stored backup that says how far its reading has come."""

    progress: Progress

    @contextmanager
    def open(self, member: str) -> Iterator[BinaryIO]:
        self.progress.say(t("restore.reading", name=self.manifest.name, member=member))
        with super().open(member) as stream:
            yield Counted(stream, moved=self.progress.moved)  # type: ignore[misc]


def fetched(place: Place, wanted: Wanted, identities: Sequence[Any], say: Say) -> list[Fetched]:
    progress = Progress(say, wanted.size)
    found: list[Fetched] = []
    for link, store in zip(wanted.chain, wanted.sources, strict=True):
        one = Heard(link.manifest, place.stores[store], identities)
        one.progress = progress
        found.append(one)
    return found


def enough_room(wanted: Wanted, folder: Path) -> None:
    room = room_at(folder)
    if room < wanted.need:
        raise OpsError(t("restore.full", path=folder, need=wanted.need / 2**30, room=room / 2**30))


def to_folder(place: Place, wanted: Wanted, folder: Path, identities: Sequence[Any], say: Say) -> float:
    """Into a new folder of this machine; seconds."""
    started = time.monotonic()
    free_place(folder)
    enough_room(wanted, folder)
    for one in tries(wanted, say):
        with one, unfinished(folder) as work:
            put(place, one.wanted, work, identities, say)
    return time.monotonic() - started


@dataclass
class Try:
    """One way to read it: where bytes are not those that were written, another store may have them."""

    wanted: Wanted
    say: Say
    last: bool
    failed: bool = False

    def __enter__(self) -> None:
        self.failed = False

    def __exit__(self, kind: object, problem: BaseException | None, trace: object) -> bool:
        self.failed = isinstance(problem, Altered | Missing)
        if self.failed and not self.last:
            self.say(t("restore.other_store", reason=problem))
        return self.failed and not self.last


def tries(wanted: Wanted, say: Say) -> Iterator[Try]:
    for number in range(wanted.attempts):
        one = Try(replace(wanted, attempt=number), say, last=number == wanted.attempts - 1)
        yield one
        if not one.failed:
            return


def put(place: Place, wanted: Wanted, work: Scratch, identities: Sequence[Any], say: Say) -> list[Fetched]:
    chain = fetched(place, wanted, identities, say)
    if wanted.members:
        for number, one in enumerate(chain):
            written_out(one, work.folder / f"{number:02}-{one.manifest.name}")
        return chain
    method = method_named(wanted.backup.manifest.method)
    method.unpack(chain, work)
    say(t("restore.unpacked"))
    if wanted.until:
        with method.opened(chain, work, wanted.until):
            say(t("restore.rolled", point=point(wanted.until)))
    return chain


def written_out(one: Fetched, folder: Path) -> None:
    """Its members as files, and its manifest, for the hands that go on with them."""
    folder.mkdir()
    for member in one.manifest.members:
        path = folder / member.name
        if not path.resolve().is_relative_to(folder.resolve()):
            raise OpsError(t("storage.bad_key", key=member.name))
        path.parent.mkdir(parents=True, exist_ok=True)
        with one.open(member.name) as stream, path.open("wb") as file:
            while chunk := stream.read(CHUNK):
                file.write(chunk)
    facts = {"method": one.manifest.method, "point": dict(one.manifest.point), **one.manifest.facts}
    (folder / "facts.json").write_text(json.dumps(facts, ensure_ascii=False, indent=1), "utf-8")


def to_host(
    place: Place,
    wanted: Wanted,
    host: Host,
    path: str,
    identities: Sequence[Any],
    access: Access,
    say: Say,
) -> float:
    """Restored here first, so that only what is sound ever gets there; then over as one archive."""
    started = time.monotonic()
    if host.family == "windows":
        raise Refused(t("restore.no_windows", host=host.name))
    way = open_stream(host, access)
    verification = place.plan.verification
    root = place.home.root / verification.folder
    with scratch(root, int(verification.keep_free * 2**30)) as work:
        work.need(wanted.need)
        for one in tries(wanted, say):
            with one:
                chain = put(place, one.wanted, emptied(work), identities, say)
        for process in list(work.running):
            work.stop(process)
        say(t("restore.sending", host=host.name, path=path))
        ordered(way, claimed(path, wanted.need))
        try:
            method = method_named(wanted.backup.manifest.method)
            if isinstance(method, Sends) and not wanted.members:
                method.send(chain, host, access, path + SUFFIX)
            else:
                by_archive(way, work.folder, path)
        except BaseException:
            with contextlib.suppress(OpsError):  # what went wrong first is told
                ordered(way, f"rm -rf -- {shlex.quote(path + SUFFIX)}")
            raise
        ordered(way, finished(path))
    return time.monotonic() - started


def ordered(way: Streaming, script: str, feed: Fed | None = None) -> None:
    with way.stream(script, feed=feed) as stream:
        while stream.read(CHUNK):
            pass


def by_archive(way: Streaming, folder: Path, path: str) -> None:
    archive, thread = in_thread(lambda pipe: packed(folder, pipe))
    try:
        ordered(way, f"tar -x -f - -C {shlex.quote(path + SUFFIX)}", Chunks(archive))
    finally:
        end(archive, thread)


def emptied(work: Scratch) -> Scratch:
    """Of what a store whose bytes were not right has put there."""
    for path in work.folder.iterdir():
        if path.name not in (MARKER, LOCK):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    return work


def packed(folder: Path, pipe: Pipe) -> None:
    try:
        with tarfile.open(fileobj=pipe, mode="w|", format=tarfile.PAX_FORMAT, bufsize=CHUNK) as archive:  # type: ignore[call-overload]
            for path in sorted(folder.iterdir()):
                if path.name not in (MARKER, LOCK):
                    archive.add(path, arcname=path.name)
    except OSError as problem:
        raise OpsError(t("restore.folder_failed", path=folder, reason=why(problem))) from problem


def claimed(path: str, need: int) -> str:
    """A new folder over there, under a name that says it is not finished."""
    said = {
        "there": t("restore.not_empty", path=path),
        "left": t("restore.not_ours", path=path + SUFFIX),
        "full": t("restore.host_full", need=need / 2**30),
    }
    quoted = {name: shlex.quote(text) for name, text in said.items()}
    return f"""set -eu
to={shlex.quote(path)}
work="$to{SUFFIX}"
no() {{ echo "$1" >&2; exit 3; }}
if [ -e "$to" ] && [ -n "$(ls -A -- "$to")" ]; then no {quoted["there"]}; fi
if [ -e "$work" ]; then no {quoted["left"]}; fi
mkdir -p -- "$(dirname -- "$to")"
room=$(df -Pk -- "$(dirname -- "$to")" | awk 'NR==2 {{print $4}}')
if [ "$room" -lt {need // 1024} ]; then no {quoted["full"]}; fi
mkdir -m 700 -- "$work"
"""


def finished(path: str) -> str:
    return f"""set -eu
to={shlex.quote(path)}
work="$to{SUFFIX}"
sync
if [ -d "$to" ]; then rmdir -- "$to"; fi
mv -- "$work" "$to"
"""


def able_to_load(backup: Backup) -> Loads:
    """Refused with what to do by hand where an engine's files cannot go into a running server."""
    method = method_named(backup.manifest.method)
    if not isinstance(method, Loads):
        said = {"method": backup.manifest.method, "name": backup.name}
        raise Refused(t(f"restore.by_hand_{method.serves[0]}", **said))
    return method


def into(
    place: Place, wanted: Wanted, target: Target, identities: Sequence[Any], access: Access, say: Say
) -> float:
    """Into a live database, in place of what is there. Whoever calls has asked for the word."""
    started = time.monotonic()
    method = able_to_load(wanted.backup)
    if wanted.until:
        raise Refused(t("restore.no_point_into"))
    verification = place.plan.verification
    with scratch(place.home.root / verification.folder, int(verification.keep_free * 2**30)) as work:
        work.need(wanted.need)
        for one in tries(wanted, say):
            with one:
                chain = put(place, one.wanted, emptied(work), identities, say)
        method.load(chain, work, target, access, say)
    return time.monotonic() - started
