"""What is asked of a Linux host: lists, sums, archives. Names travel on standard input and output, each with
a zero byte at its end; nothing is put down there.
"""

import re
import shlex
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta

from tasks.backups import Order
from tasks.backups.files.entries import Entry, nanoseconds, shown
from tasks.backups.files.listing import split
from tasks.errors import OpsError
from tasks.model import Host
from tasks.texts import listed, t
from tasks.transports import Access, open_stream
from tasks.transports.streaming import Ended, Stream

# One file may be as large as a disk, and is summed without a word.
SUMMING = timedelta(hours=6)
NAMED = 8
GONE = b"No such file or directory"
GENTLE = (
    "gentle=; command -v nice >/dev/null && gentle='nice -n 19'\n"
    'command -v ionice >/dev/null && gentle="$gentle ionice -c 3"\n'
)
# Busybox's tell no fractions of a second, and take no list of names.
NO_GNU = 18
NEEDED = (
    'case "$(find --version 2>&1; tar --version 2>&1)" in\n'
    f'*"GNU findutils"*"GNU tar"*) ;; *) exit {NO_GNU} ;; esac\n'
)
FIELDS = r"%y %m %U %G %s %T@ %C@ %i %D %n %p\0%l\0"
LIST = """\
printf '%s\\0' "$(date +%s.%N)"
{{ problems=$($gentle find "$@" {tests} -printf '{fields}' 2>&1 >&4); }} 4>&1
for p; do [ -e "$p" ] || [ -L "$p" ] || problems="$problems
$p: does not exist"; done
printf '/%s\\0' "$problems"
"""
SUM = "{ problems=$(xargs -0 -r $gentle sha256sum -b 2>&1 >&4); } 4>&1; printf '/%s\\n' \"$problems\"\n"
UNREADABLE = """\
xargs -0 -r sh -c 'for f; do [ ! -e "$f" ] || [ -r "$f" ] || printf "%s\\0" "$f"; done' sh
"""
# Exit code 1: something changed while it was read, which the listings tell.
PACK = """\
cd / && more=
for one in --acls --xattrs; do case "$(tar --help)" in *"$one"*) more="$more $one" ;; esac; done
$gentle tar --create --file=- --format=posix --pax-option=delete=atime,delete=ctime --sparse \\
 --numeric-owner --ignore-failed-read $more --no-recursion --null --files-from=-
[ $? -le 1 ]
"""


@dataclass(frozen=True, slots=True)
class Listing:
    # The host's clock when it was begun, in nanoseconds.
    begun: int
    # As they come: there may be very many. What went wrong is told at their end.
    entries: Iterator[Entry]


@dataclass(frozen=True, slots=True)
class Source:
    host: Host
    access: Access
    paths: Sequence[str]
    exclude: Sequence[str]
    gentle: bool
    one_file_system: bool
    # What could not be read and is told: here it is refused.
    left_out: Mapping[bytes, str] = field(default_factory=dict)

    def run(
        self, script: str, feed: Iterable[bytes] | None = None, quiet: timedelta = SUMMING
    ) -> AbstractContextManager[Stream]:
        whole = "LC_ALL=C; export LC_ALL\n" + (GENTLE if self.gentle else "gentle=\n") + script
        names = None if feed is None else Names(feed)
        return open_stream(self.host, self.access).stream(whole, quiet=quiet, feed=names)

    @contextmanager
    def look(self) -> Iterator[Listing]:
        words = " ".join(globbed(path.rstrip("/") or "/", self.host.encoding) for path in self.paths)
        script = NEEDED + f"set -- {words}\n" + LIST.format(tests=self._tests(), fields=FIELDS)
        with self.run(script) as stream:
            records = split(stream)  # type: ignore[arg-type]
            try:
                begun = nanoseconds(next(records).decode())
            except Ended as problem:
                if stream.output().exit_code == NO_GNU:
                    raise OpsError(t("files.needs_gnu", host=self.host.name)) from problem
                raise
            yield Listing(begun, self._entries(records))

    def _entries(self, records: Iterator[bytes]) -> Iterator[Entry]:
        """What cannot be looked into is no part of an answer but a refusal."""
        problems = yield from entries(records)
        troubled = [line for line in problems.splitlines() if line and not line.endswith(GONE)]
        if troubled:
            raise self.unreadable(troubled)

    def _tests(self) -> str:
        """`find`'s: a pattern with a slash is of whole paths, any other of names."""
        out = [
            f"-{'path' if '/' in pattern else 'name'} {quoted(pattern.rstrip('/'), self.host.encoding)}"
            for pattern in self.exclude
        ]
        tests = "-xdev " if self.one_file_system else ""
        return tests + (r"\( " + " -o ".join(out) + r" \) -prune -o" if out else "")

    def sums(self, paths: Iterable[bytes]) -> Iterator[tuple[bytes, str]]:
        with self.run(SUM, paths) as stream:
            for line in split(stream, b"\n"):  # type: ignore[arg-type]
                escaped = line.startswith(b"\\")
                line = line[1:] if escaped else line
                if re.match(rb"[0-9a-f]{64} [ *]/", line):
                    path = unescaped(line[66:]) if escaped else line[66:]
                    yield path, line[:64].decode()

    def cannot_read(self, paths: Iterable[bytes]) -> list[bytes]:
        with self.run(UNREADABLE, paths) as stream:
            return list(split(stream))  # type: ignore[arg-type]

    def pack(self, paths: Iterable[bytes]) -> AbstractContextManager[Stream]:
        return self.run(PACK, (b"." + path for path in paths))

    def plant(self, name: str, value: str) -> None:
        place = globbed(self.paths[0].rstrip("/"), self.host.encoding)
        script = f"umask 077; cd {place} && echo {value} >{name}.new && mv -f {name}.new {name}\n"
        with self.run(script) as stream:
            stream.read()

    def unreadable(self, what: Sequence[bytes]) -> OpsError:
        return unreadable(self.host, what)


def unreadable(host: Host, what: Sequence[bytes]) -> OpsError:
    named = [shown(one, host.encoding) for one in what[:NAMED]]
    return OpsError(t("files.unreadable", host=host.name, count=len(what), named=listed(named)))


class Names:
    """Paths, each ended by a zero byte, as something to be read."""

    def __init__(self, paths: Iterable[bytes]) -> None:
        self._paths, self._left = iter(paths), b""

    def read(self, size: int = -1, /) -> bytes:
        ready = [self._left]
        length = len(self._left)
        while length < size and (path := next(self._paths, None)) is not None:
            ready.append(path + b"\0")
            length += len(path) + 1
        whole = b"".join(ready)
        self._left = whole[size:]
        return whole[:size]


def entries(records: Iterator[bytes]) -> Generator[Entry, None, bytes]:
    """And what `find` had to say in the end."""
    for record in records:
        if record.startswith(b"/"):
            return record[1:]
        words = record.split(b" ", 10)
        yield Entry(words[10], b" ".join(words[:10]).decode(), next(records))
    raise Ended(t("streams.lost"))


def quoted(text: str, encoding: str) -> str:
    """One word of the shell; what is not ASCII in the host's own encoding, whatever that of the script."""
    if text.isascii():
        return shlex.quote(text)
    return "\"$(printf '" + "".join(f"\\{byte:03o}" for byte in text.encode(encoding)) + "')\""


def globbed(text: str, encoding: str) -> str:
    """The same, patterns left to the shell."""
    parts = re.split(r"([*?])", text)
    return "".join(part if part in ("*", "?") else part and quoted(part, encoding) for part in parts)


def unescaped(path: bytes) -> bytes:
    return re.sub(rb"\\(.)", lambda found: {b"n": b"\n", b"r": b"\r"}.get(found[1], found[1]), path)


def source_of(order: Order) -> Source:
    host = order.target
    assert isinstance(host, Host)
    if not order.job.paths:
        raise OpsError(t("files.no_paths", job=order.job.name))
    login = replace(host, credential=order.job.credential) if order.job.credential else host
    return Source(
        login,
        order.access,
        order.job.paths,
        order.job.exclude,
        order.job.load.gentle,
        order.job.programs.get("one-file-system") != "no",
    )
