"""What streams have in common whatever the way: patience, the last words, what is fed, the end."""

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import datetime, timedelta

from tasks import clock
from tasks.errors import OpsError
from tasks.model import Output
from tasks.texts import t
from tasks.transports.streaming import Ended, Fed

CHUNK = 2**18
# Of its other voice: enough for a cause, whatever it talks.
LAST = 64 * 2**10
# How often to see whether the feed broke while nothing is said.
LOOK_SECONDS = 0.5
END_SECONDS = 10


class Feeding:
    """`feed` on its way to a command's input, by a thread of its own. What fails in `feed` ends the command
    by `end`: half of it must not be taken for all."""

    def __init__(
        self,
        feed: Fed,
        write: Callable[[bytes], None],
        close: Callable[[], None],
        end: Callable[[], None],
        unwanted: tuple[type[Exception], ...] = (OSError,),
    ) -> None:
        self._feed, self._write, self._close, self._end = feed, write, close, end
        # What `write` and `close` raise where the command takes no more.
        self._unwanted = unwanted
        self.moved_at = time.monotonic()
        self.problem: Exception | None = None
        self._thread = threading.Thread(target=self._pour, daemon=True)
        self._thread.start()

    def _pour(self) -> None:
        try:
            while self._passed_on(self._feed.read(CHUNK)):
                self.moved_at = time.monotonic()
        except Exception as problem:  # noqa: BLE001 - raised where the stream is read
            self.problem = problem
            self._end()

    def _passed_on(self, chunk: bytes) -> bool:
        try:
            self._write(chunk) if chunk else self._close()
        except self._unwanted:
            return False  # it wanted no more: its exit code says whether that was right
        return bool(chunk)

    def join(self) -> None:
        """A feed that hangs itself is left behind: nobody reads what it says."""
        self._thread.join(END_SECONDS)


class Streamed(ABC):
    """A way gives `_hear`, `_code` and, where `feed` is wanted, `feeding`."""

    command = "sh"

    def __init__(self, quiet: timedelta, encoding: str) -> None:
        self._quiet, self._encoding = quiet.total_seconds(), encoding
        self._left = memoryview(b"")
        self._errors = bytearray()
        self._heard_at = time.monotonic()
        self._started_at: datetime = clock.now()
        self._started = self._heard_at
        self.feeding: Feeding | None = None
        # Whether its end was seen, and was one.
        self.whole = False

    @abstractmethod
    def _hear(self, seconds: float) -> tuple[bytes, bytes] | None:
        """What both voices said, after at most `seconds`; None: the first one will say no more."""

    @abstractmethod
    def _code(self, seconds: float) -> int | None:
        """The exit code, waited for; below 0 by a signal; None: it came to no end that we heard of."""

    @abstractmethod
    def _last_words(self) -> bytes:
        """What of the second voice is there already."""

    def read(self, size: int = -1, /) -> bytes:
        while not self._left:
            heard = self._hear(LOOK_SECONDS)
            if self.feeding and self.feeding.problem:
                raise fed_badly(self.feeding.problem)
            if heard is None:
                self._must_have_ended_well()
                return b""
            said, complained = heard
            self._left = memoryview(said)
            self._errors += complained
            del self._errors[:-LAST]
            if said or complained:
                self._heard_at = time.monotonic()
            elif time.monotonic() > self._last_sign + self._quiet:
                raise Ended(t("streams.quiet", seconds=round(self._quiet)))
        taken = self._left[: size if size > 0 else len(self._left)]
        self._left = self._left[len(taken) :]
        return bytes(taken)

    @property
    def _last_sign(self) -> float:
        """Swallowing what it is fed is a sign of life as well."""
        return max(self._heard_at, self.feeding.moved_at if self.feeding else 0)

    def _must_have_ended_well(self) -> None:
        code = self._code(self._quiet)
        self._errors += self._last_words()
        del self._errors[:-LAST]
        said = " ".join(self.output().stderr.split())[-500:] or "—"
        if self.feeding:
            self.feeding.join()
            if self.feeding.problem:
                raise fed_badly(self.feeding.problem)
        if code is None:
            raise Ended(t("streams.lost"))
        if code < 0:
            raise Ended(t("streams.killed", signal=-code, said=said))
        if code > 0:
            raise Ended(t("streams.failed", code=code, said=said))
        self.whole = True

    def output(self) -> Output:
        return Output(
            command=self.command,
            exit_code=self._code(0),
            raw=b"",
            text="",
            stderr=self._errors.decode(self._encoding, "replace"),
            started_at=self._started_at,
            duration=timedelta(seconds=time.monotonic() - self._started),
        )


def fed_badly(problem: Exception) -> OpsError:
    """As it was, where whoever feeds has words for it."""
    return problem if isinstance(problem, OpsError) else Ended(t("streams.feed_failed", reason=problem))
