"""Everything that goes out to a system, noted where it leaves; the operation report is made of it.

A run collects. Whoever makes an `Access` within it carries the collection along, into whatever threads.
"""

import hashlib
import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from datetime import datetime
from threading import Lock
from typing import Any

from tasks import clock
from tasks.errors import OpsError

# The piece of evidence that holds them.
FILE = "operations.json"
# What tells one trip's answers from another's would make each script one of its kind.
MARK = re.compile(r"\b[0-9a-f]{24}\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """`way`: ssh, winrm, local, the engine of a database, http and the like. `digest` and `size`: of the raw
    answer; empty where nobody heard it."""

    at: datetime
    target: str
    way: str
    text: str
    seconds: float
    exit_code: int | None = None
    failure: str = ""
    digest: str = ""
    size: int = 0


@dataclass(slots=True)
class Answer:
    """What is told of an answer while it comes."""

    exit_code: int | None = None
    failure: str = ""
    size: int = 0
    _digest: Any = field(default_factory=hashlib.sha256)
    _listened: bool = False

    def heard(self, *pieces: bytes) -> None:
        self._listened = True
        for piece in pieces:
            self._digest.update(piece)
            self.size += len(piece)

    @property
    def digest(self) -> str:
        """Empty where nobody listened: that is no answer of no bytes."""
        return str(self._digest.hexdigest()) if self._listened else ""


class Operations:
    """Of many that were sent the same, the text is held once; of answers nothing but digest and size."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}
        self._known: dict[bytes, str] = {}
        self._noted: list[Operation] = []
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._noted)

    @contextmanager
    def noting(self, target: str, way: str, text: str, hide: Callable[[str], str] = str) -> Iterator[Answer]:
        """`text` is what is sent within. `hide` takes the secrets out of it, and out of what went wrong."""
        answer, at, started = Answer(), clock.now(), time.monotonic()
        try:
            yield answer
        except BaseException as problem:
            answer.failure = str(problem) if isinstance(problem, OpsError) else type(problem).__name__
            raise
        finally:
            seconds = time.monotonic() - started
            failure = hide(answer.failure) if answer.failure else ""
            self.add(
                Operation(
                    at=at,
                    target=target,
                    way=way,
                    text=text,
                    seconds=seconds,
                    exit_code=answer.exit_code,
                    failure=failure,
                    digest=answer.digest,
                    size=answer.size,
                ),
                hide,
            )

    def add(self, operation: Operation, hide: Callable[[str], str] = str) -> None:
        plain = MARK.sub("<mark>", operation.text)
        key = hashlib.sha256(encoded(plain)).digest()
        named = self._known.get(key)
        text = hide(plain) if named is None else ""
        named = named or digest_of(encoded(text))
        with self._lock:
            if key not in self._known:
                self._known[key] = named
                self._texts[named] = text
            self._noted.append(replace(operation, text=named))

    def content(self) -> bytes:
        with self._lock:
            rows = [as_row(one) for one in sorted(self._noted, key=lambda one: one.at)]
            document = {"texts": self._texts, "operations": rows}
            return encoded(json.dumps(document, ensure_ascii=False))


def encoded(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def as_row(one: Operation) -> dict[str, Any]:
    """`text` is the digest that the document's table of texts has it under."""
    return {
        "at": one.at.isoformat(),
        "target": one.target,
        "way": one.way,
        "text": one.text,
        "seconds": round(one.seconds, 3),
        "exit_code": one.exit_code,
        "failure": one.failure,
        "digest": one.digest,
        "size": one.size,
    }


def digest_of(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


def read(content: bytes) -> list[Operation]:
    document: Mapping[str, Any] = json.loads(content)
    texts: Mapping[str, str] = document["texts"]
    rows: Sequence[Mapping[str, Any]] = document["operations"]
    return [Operation(**{**row, "at": clock.parse(row["at"]), "text": texts[row["text"]]}) for row in rows]


COLLECTED: ContextVar[Operations | None] = ContextVar("operations", default=None)


@contextmanager
def collecting() -> Iterator[Operations]:
    found = Operations()
    token = COLLECTED.set(found)
    try:
        yield found
    finally:
        COLLECTED.reset(token)
