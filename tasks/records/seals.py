"""The head of each chain, kept outside the database: `seals/<contract>.json`.

Two phases around a commit: before it the seal says "was here, going there", after it "is there".
So a tail that was cut off or forged is found, and a crash at any instant is recognised as one.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.files import write_whole
from tasks.records.document import CONTRACT, DIGEST, START, Unreadable
from tasks.texts import t, why


@dataclass(frozen=True, slots=True)
class Head:
    """The last record of a chain; printed, this is what the client keeps."""

    seq: int
    hash: str

    def __str__(self) -> str:
        return f"{self.seq}:{self.hash}"


EMPTY = Head(0, START)
KEYS = {"contract", "committed", "pending"}


@dataclass(frozen=True, slots=True)
class Seal:
    committed: Head
    pending: Head | None = None

    def fits(self, head: Head) -> bool:
        """Whether a chain that ends in `head` is one that this seal, or a crash, can have left."""
        return head in (self.committed, self.pending)


class Seals:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, contract: str) -> Path:
        return self.folder / f"{contract}.json"

    def contracts(self) -> Iterator[str]:
        if self.folder.is_dir():
            for path in sorted(self.folder.glob("*.json")):
                if CONTRACT.fullmatch(path.stem):
                    yield path.stem

    def read(self, contract: str) -> Seal | None:
        """None where there is no seal; Unreadable where there is something else."""
        try:
            content = self.path(contract).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as problem:
            raise Unreadable(why(problem)) from problem
        try:
            return _parsed(json.loads(content), contract)
        except (ValueError, KeyError, TypeError, RecursionError) as problem:
            raise Unreadable(t("records.seal_unreadable")) from problem

    def write(self, contract: str, seal: Seal) -> None:
        write_whole(self.path(contract), content(contract, seal), mode=0o600)

    def sweep(self) -> None:
        """Remove what a killed writer left; only under the writers' lock."""
        for path in self.folder.glob(".*"):
            path.unlink(missing_ok=True)


def content(contract: str, seal: Seal) -> bytes:
    parts = {"contract": contract, "committed": _written(seal.committed), "pending": _written(seal.pending)}
    return json.dumps(parts, sort_keys=True, indent=1).encode() + b"\n"


def _written(head: Head | None) -> Any:
    return {"seq": head.seq, "hash": head.hash} if head else None


def _parsed(parts: Any, contract: str) -> Seal:
    if not isinstance(parts, dict) or parts.keys() != KEYS or parts["contract"] != contract:
        raise ValueError(contract)
    pending = parts["pending"]
    return Seal(_head(parts["committed"]), _head(pending) if pending is not None else None)


def _head(parts: Any) -> Head:
    head = Head(**parts)
    if type(head.seq) is not int or head.seq < 0 or not DIGEST.fullmatch(head.hash):
        raise ValueError(head)
    return head
