"""A chain laid out as a tree: on this machine, or on a host through a stream."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta

from tasks.backups import Fetched
from tasks.backups.files import listing
from tasks.backups.files.entries import State
from tasks.backups.files.host import Names, quoted
from tasks.backups.files.listing import Expected
from tasks.backups.files.tree import Tree
from tasks.model import Host
from tasks.transports import Access, open_stream
from tasks.transports.streaming import Fed

ARCHIVE, LISTING = "files.tar", "listing"
QUIET = timedelta(hours=1)
UNPACK = """\
more=; for one in --acls --xattrs; do case "$(tar --help 2>&1)" in *"$one"*) more="$more $one" ;; esac; done
tar -x -p -f - --numeric-owner $more
"""


def laid_out(chain: Sequence[Fetched], tree: Tree) -> dict[bytes, Expected]:
    """Link by link; what should be there now. The caller reads it to its end or to Unsound."""
    expected: dict[bytes, Expected] = {}
    for one in chain:
        with one.open(LISTING) as stream:
            expected = listing.read(stream)
        with one.open(ARCHIVE) as stream:
            tree.apply(stream, expected)
    tree.finish()
    return expected


def put_on(host: Host, access: Access, chain: Sequence[Fetched], folder: str) -> None:
    """By the host's own tar, so that owners, devices and access lists are what they were where it logs in as
    root."""
    place = quoted(folder, host.encoding)
    known: dict[bytes, str] = {}
    for one in chain:
        with one.open(LISTING) as stream:
            expected = listing.read(stream)
        ordered(host, access, f"cd {place} && xargs -0 -r rm -rf", Names(in_the_way(known, expected)))
        with one.open(ARCHIVE) as stream:
            ordered(host, access, f"cd {place} || exit 1\n{UNPACK}", stream)
        known = {path: kind_of(path, line, known) for path, line in expected.items()}


def in_the_way(known: Mapping[bytes, str], expected: Mapping[bytes, Expected]) -> Iterator[bytes]:
    """What is gone, and what is something else now: an archive does not take anything away."""
    for path, kind in known.items():
        line = expected.get(path)
        gone = line is None or line.state is State.MAYBE
        folder = kind == "d" and line is not None and kind_of(path, line, known) == "d"
        if gone or not (folder or (line and line.state is State.KEPT)):
            yield b"." + path


def kind_of(path: bytes, line: Expected, known: Mapping[bytes, str]) -> str:
    return line.said[0] if line.said else known.get(path, "?")


def ordered(host: Host, access: Access, script: str, feed: Fed | None = None) -> None:
    script = f"LC_ALL=C; export LC_ALL\n{script}\n"
    with open_stream(host, access).stream(script, quiet=QUIET, feed=feed) as stream:
        while stream.read():
            pass
