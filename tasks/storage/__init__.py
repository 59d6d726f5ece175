"""Where backups lie: one file per kind of store, found by its name. A store keeps objects under keys, whole
or not at all, and knows nothing of what they are.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from tasks.errors import OpsError, Refused
from tasks.home import Home
from tasks.inventory.credentials import Keyring
from tasks.registry import Registry
from tasks.texts import t


@dataclass(frozen=True, slots=True)
class Stored:
    """One object as the store shows it. `tag` changes when its bytes do, as far as the store can tell."""

    key: str
    size: int
    modified_at: datetime
    tag: str = ""


class Missing(OpsError):
    """No such object."""


class Full(OpsError):
    """No room for it: free space or a quota."""


class Kept(Refused):
    """The store itself refuses: the object is locked until a day."""


class Store(Protocol):
    # For so many days nobody is to delete a complete backup; 0: that is not asked for.
    lock_days: int
    # For so long what a dead process had sent may still arrive.
    late: timedelta

    @property
    def locks(self) -> bool:
        """Whether `keep` can be had here."""

    def put(self, key: str, chunks: Iterable[bytes]) -> Stored:
        """Whole or absent, whenever it ends and however; what arrived was compared with what was sent.
        An error out of `chunks` ends it as any other, and nothing is left."""

    def read(self, key: str) -> Iterator[bytes]:
        """Piece by piece; Missing."""

    def stat(self, key: str) -> Stored | None: ...

    def objects(self, prefix: str) -> Iterator[Stored]:
        """Whole objects only, by key."""

    def delete(self, key: str) -> None:
        """Kept where the store refuses; nothing where it is not there."""

    def keep(self, key: str, until: datetime) -> None:
        """From now on nobody deletes or changes it until then."""

    def free(self) -> int | None:
        """Bytes there is room for; None: the store does not say."""

    def sweep(self, older_than: timedelta, prefix: str = "") -> list[str]:
        """Remove what broken uploads left, and name it."""


@dataclass(frozen=True, slots=True)
class Site:
    """What a store needs beside its settings."""

    home: Home
    keyring: Keyring


# The `kind` that backups.yml uses → the store. Its `Settings` are the shape of its entry there.
STORES: Registry[Callable[..., Any]] = Registry(__name__)


def sound(key: str) -> str:
    """A key that is a path downwards; names with a dot in front are the stores' own."""
    if not key or "\0" in key or any(part == "" or part.startswith(".") for part in key.split("/")):
        raise OpsError(t("storage.bad_key", key=key))
    return key


def open_store(settings: Any, site: Site) -> Store:
    kind = STORES.get(settings.kind)
    if kind is None:
        raise OpsError(t("storage.no_kind", name=settings.kind))
    opened: Store = kind(settings, site)
    return opened
