"""What a command says while it still says it: for what is too long to hear out first."""

from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Protocol

from tasks.errors import OpsError
from tasks.model import Output

# A way that says nothing for so long has ended without a word.
QUIET = timedelta(minutes=5)


class Fed(Protocol):
    """What a command is to read."""

    def read(self, size: int = -1, /) -> bytes: ...


class Ended(OpsError):
    """A stream that did not come to its end: cut, hung or failed. What was read of it is worth nothing."""


class Stream(Protocol):
    def read(self, size: int = -1, /) -> bytes:
        """What the command says, byte for byte. Empty only where it ended with exit code 0: anything else is
        Ended, with the last lines of its other voice."""

    def output(self) -> Output:
        """Its end: exit code and the last of what it said on its other voice (`stderr`); without `raw`."""


class Streaming(Protocol):
    """A transport that can do it: `Transport.stream`."""

    def stream(
        self, script: str, *, quiet: timedelta = QUIET, feed: Fed | None = None
    ) -> AbstractContextManager[Stream]:
        """Run `script`; what `feed` holds is what its commands read from standard input. Left early, the
        command and all it started are ended."""
