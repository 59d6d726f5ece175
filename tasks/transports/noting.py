"""A transport that takes note of all that goes out over it, whichever it is."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from tasks.model import Output
from tasks.operations import Answer
from tasks.transports.streaming import QUIET, Fed, Stream


@dataclass(frozen=True, slots=True)
class Noting:
    """`way`: the transport itself."""

    way: Any
    noting: Callable[[str], AbstractContextManager[Answer]]

    def run(self, script: str, limit: timedelta, quiet: timedelta | None = None) -> Output:
        with self.noting(script) as answer:
            output: Output = self.way.run(script, limit, quiet)
            answer.heard(output.raw, output.stderr.encode("utf-8", "replace"))
            answer.exit_code, answer.failure = output.exit_code, output.failure
        return output

    @contextmanager
    def stream(self, script: str, *, quiet: timedelta = QUIET, feed: Fed | None = None) -> Iterator[Stream]:
        with self.noting(script) as answer, self.way.stream(script, quiet=quiet, feed=feed) as stream:
            yield Heard(stream, answer)


@dataclass(frozen=True, slots=True)
class Heard:
    """A stream whose words are summed up as they are read."""

    stream: Stream
    answer: Answer

    def read(self, size: int = -1, /) -> bytes:
        said = self.stream.read(size)
        self.answer.heard(said)
        if not said:  # the end of a stream comes with exit code 0, or it is an error
            self.answer.exit_code = 0
        return said

    def output(self) -> Output:
        told = self.stream.output()
        self.answer.exit_code = told.exit_code
        return told
