"""Directories of a Linux host: an archive of what the host lists, its sums made there by themselves; later
only what was not part of the backup before. What changed while it was read is told, name by name.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tasks import clock
from tasks.backups import METHODS, Fetched, Order, Sink, Taken
from tasks.backups.digests import Digest
from tasks.backups.files import listing
from tasks.backups.files.entries import Entry, depth_for, digests_of, shown
from tasks.backups.files.host import Source, source_of
from tasks.backups.files.listing import Expected
from tasks.backups.files.putting import ARCHIVE, LISTING, laid_out, put_on
from tasks.backups.files.taken import add_sums, compare, divide, mount_points, roots_are_folders, wanted
from tasks.backups.files.tree import Tree
from tasks.backups.files.windows import Windows
from tasks.backups.manifest import Kind, Manifest
from tasks.backups.road import Chunks
from tasks.backups.scratch import Scratch
from tasks.home import home
from tasks.model import Host
from tasks.texts import listed, t
from tasks.transports import Access

SENTINEL = ".opsproof-sentinel"
TREE = "tree"


@METHODS.add("files")
class Files:
    kinds = frozenset({Kind.FULL, Kind.INCREMENTAL})
    serves = ("host", "linux")
    # Told by `unpack`: not all of it is on the disk, where nobody can give files away.
    _laid_out: tuple[Tree, dict[bytes, Expected]]

    def take(self, order: Order, sink: Sink) -> Taken:
        source = self.source(order)
        encoding = source.host.encoding
        if order.sentinel:
            source.plant(SENTINEL, order.sentinel)
        with source.look() as found:
            entries = {entry.path: entry for entry in found.entries}
        roots_are_folders(order.job.paths, entries, encoding)
        divide(entries, known_before(order), order.digests)
        if order.digests and (denied := add_sums(entries, source.sums, source.cannot_read)):
            raise source.unreadable(denied)
        order.say(t("files.begun", count=sum(1 for _ in wanted(entries)), whole=len(entries)))
        with source.pack(wanted(entries)) as stream:
            sink.send(ARCHIVE, stream)
        with source.look() as now:
            reasons = compare(entries, now.entries, found.begun, order.digests, source.left_out)
        sink.send(LISTING, Chunks(listing.write(entries)))
        return taken(order, source, entries, {shown(path, encoding): why for path, why in reasons.items()})

    def source(self, order: Order) -> Source | Windows:
        return source_of(order)

    def unpack(self, chain: Sequence[Fetched], scratch: Scratch) -> None:
        tree = Tree(os.fsencode(scratch.folder / TREE))
        self._laid_out = tree, laid_out(chain, tree)

    def send(self, chain: Sequence[Fetched], host: Host, access: Access, folder: str) -> None:
        put_on(host, access, chain, folder)

    @contextmanager
    def opened(
        self, chain: Sequence[Fetched], scratch: Scratch, until: Mapping[str, str]
    ) -> Iterator["Restored"]:
        yield Restored(chain[-1].manifest, *self._laid_out)


class Restored:
    def __init__(self, manifest: Manifest, tree: Tree, expected: Mapping[bytes, Expected]) -> None:
        self._facts, self._tree, self._expected = manifest.facts, tree, expected

    def digests(self, expected: Sequence[Digest]) -> tuple[Digest, ...]:
        depth, encoding = int(self._facts["depth"]), self._facts["encoding"]
        return tuple(self._tree.sums(self._expected, depth, encoding).digests())

    def sentinel(self) -> str:
        planted = [path for path in self._expected if path.endswith(b"/" + SENTINEL.encode())]
        place = Path(os.fsdecode(self._tree.folder + min(planted, key=len))) if planted else None
        return place.read_text("ascii", "replace").strip() if place and place.is_file() else ""


def known_before(order: Order) -> Iterator[Entry]:
    """Kept on this machine, since storage may be closed to it. Where it is not, all is taken anew."""
    if not order.chain:
        return iter(())
    found = listing.kept(folder_for(order), order.parent.facts.get("listing", ""))
    if found is None:
        order.say(t("files.forgotten", name=order.parent.name))
    return found or iter(())


def folder_for(order: Order) -> Path:
    place = home()
    return place.ready(
        place.backups / order.target.contract / "listings" / order.job.name / order.target.name
    )


def taken(
    order: Order, source: Source | Windows, entries: dict[bytes, Entry], reasons: Mapping[str, str]
) -> Taken:
    encoding = source.host.encoding
    depth = depth_for(entries)
    mounts = [shown(path, encoding) for path in mount_points(entries)] if source.one_file_system else []
    if mounts:
        order.say(t("files.mounts", paths=listed(mounts)))
    parent = order.parent.facts.get("listing", "") if order.chain else ""
    return Taken(
        point={"time": clock.now().isoformat(timespec="seconds")},
        digests=digests_of(entries, depth, encoding) if order.digests else (),
        not_digested=reasons,
        facts={
            "entries": str(len(entries)),
            "depth": str(depth),
            "encoding": encoding,
            "listing": listing.keep(folder_for(order), entries.values(), parent),
            "mounts": "\n".join(mounts),
        },
    )
