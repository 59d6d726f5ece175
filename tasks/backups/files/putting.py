"""A restored tree to a new place: a folder of this machine, or of a host through a stream. It gets its name
only when all of it is there.
"""

import os
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from tasks.backups import Fetched
from tasks.backups.files import listing
from tasks.backups.files.entries import State
from tasks.backups.files.host import Names, quoted
from tasks.backups.files.listing import Expected
from tasks.backups.files.tree import Tree
from tasks.errors import Refused
from tasks.model import Host
from tasks.texts import t
from tasks.transports import Access, open_stream
from tasks.transports.streaming import Ended, Fed

ARCHIVE, LISTING = "files.tar", "listing"
UNFINISHED = ".unfinished"
QUIET = timedelta(hours=1)
THERE = 17
UNPACK = """\
more=; for one in --acls --xattrs; do case "$(tar --help 2>&1)" in *"$one"*) more="$more $one" ;; esac; done
tar -x -p -f - --numeric-owner $more
"""


def put_here(chain: Sequence[Fetched], folder: Path, say: Callable[[str], None] = lambda _: None) -> int:
    """How many entries are there. Devices and pipes are not made on this machine."""
    if folder.exists():
        raise Refused(t("files.put_there", folder=folder))
    half = folder.with_name(folder.name + UNFINISHED)
    expected = laid_out(chain, Tree(os.fsencode(half)), say)
    half.rename(folder)
    return len(expected)


def laid_out(
    chain: Sequence[Fetched], tree: Tree, say: Callable[[str], None] = lambda _: None
) -> dict[bytes, Expected]:
    """Link by link; what should be there now. The caller reads it to its end or to Unsound."""
    expected: dict[bytes, Expected] = {}
    for one in chain:
        with one.open(LISTING) as stream:
            expected = listing.read(stream)
        with one.open(ARCHIVE) as stream:
            tree.apply(stream, expected)
        say(t("files.link_done", name=one.manifest.name, count=len(expected)))
    tree.finish()
    return expected


def put_on(
    host: Host,
    access: Access,
    chain: Sequence[Fetched],
    folder: str,
    say: Callable[[str], None] = lambda _: None,
) -> int:
    """By the host's own tar, so that owners, devices and access lists are what they were where it logs in as
    root. An error leaves `<folder>.unfinished`."""
    place, half = (quoted(one, host.encoding) for one in (folder, folder + UNFINISHED))
    there = shlex.quote(t("files.put_there", folder=folder))
    ordered(
        host,
        access,
        f"if [ -e {place} ] || [ -e {half} ]; then echo {there} >&2; exit {THERE}; fi; mkdir -p {half}",
    )
    known: dict[bytes, str] = {}
    for one in chain:
        with one.open(LISTING) as stream:
            expected = listing.read(stream)
        ordered(host, access, f"cd {half} && xargs -0 -r rm -rf", Names(in_the_way(known, expected)))
        with one.open(ARCHIVE) as stream:
            ordered(host, access, f"cd {half} || exit 1\n{UNPACK}", stream)
        known = {path: kind_of(path, line, known) for path, line in expected.items()}
        say(t("files.link_done", name=one.manifest.name, count=len(known)))
    ordered(host, access, f"mv {half} {place}")
    return len(known)


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
        try:
            while stream.read():
                pass
        except Ended as problem:
            if stream.output().exit_code == THERE:
                raise Refused(stream.output().stderr.strip()) from problem
            raise
