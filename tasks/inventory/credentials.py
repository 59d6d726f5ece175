"""From the name of a credential to user and password, at the moment a connection opens.

Sources, first found wins, never mixed: the environment, `secrets/credentials.yml`, and whatever
`lookup` asks (a Prefect block; rooms know nothing of Prefect).
"""

import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Literal

from pydantic import ValidationError

from tasks.errors import OpsError, Refused
from tasks.hiding import Hiding
from tasks.home import Home
from tasks.inventory.secret_files import PARTS, Login, refuse_exposed, stored
from tasks.texts import t

Source = Literal["environment", "file", "block"]
# Name → what an outside store holds under it; None: nothing.
Lookup = Callable[[str], Mapping[str, str] | None]


@dataclass(frozen=True, slots=True)
class Credential:
    """Its repr ends up in tracebacks and logs: nothing in it is secret."""

    name: str
    user: str
    password: str = field(default="", repr=False)
    key_file: str = ""
    passphrase: str = field(default="", repr=False)
    source: Source = "file"


def resolve(name: str, home: Home, lookup: Lookup | None = None) -> Credential:
    """The credential, or what to do about it."""
    found = next(candidates(name, home, lookup), None)
    if found is None:
        raise OpsError(t("credentials.missing", name=name, variable=variable(name, "user")))
    source, login = found
    key_file = str(Path(login.key_file).expanduser()) if login.key_file else ""
    if key_file:
        refuse_exposed(Path(key_file))
    return Credential(name, login.user, login.password, key_file, login.passphrase, source)


class Keyring:
    """Each credential resolved once in a run, on first use: a hundred hosts share one login."""

    def __init__(self, home: Home, lookup: Lookup | None = None) -> None:
        self.home, self.lookup = home, lookup
        self._held: dict[str, Credential | OpsError] = {}
        self._one_at_a_time = Lock()
        self._hiding, self._hidden = Hiding(()), 0

    def __call__(self, name: str) -> Credential:
        with self._one_at_a_time:
            if name not in self._held:
                try:
                    self._held[name] = resolve(name, self.home, self.lookup)
                except OpsError as problem:
                    self._held[name] = problem
            held = self._held[name]
        if isinstance(held, OpsError):
            raise held
        return held

    def hide(self, text: str) -> str:
        """Without the secrets that were asked for so far: no others can be in what goes out."""
        with self._one_at_a_time:
            held = [one for one in self._held.values() if isinstance(one, Credential)]
            if len(held) != self._hidden:
                self._hiding = Hiding([text for one in held for text in (one.password, one.passphrase)])
                self._hidden = len(held)
        return self._hiding(text)


def source_of(name: str, home: Home, lookup: Lookup | None = None) -> Source | None:
    """Where `name` would come from; None: nowhere."""
    found = next(candidates(name, home, lookup), None)
    return found[0] if found else None


def candidates(name: str, home: Home, lookup: Lookup | None) -> Iterator[tuple[Source, Login]]:
    """Lazily: a later source is not even opened when an earlier one has the name."""
    if given := from_environment(name):
        yield "environment", checked(name, given)
    if name in (logins := stored(home)):
        yield "file", logins[name]
    if lookup and (held := lookup(name)) is not None:
        yield "block", checked(name, held)


def variable(name: str, part: str) -> str:
    """`sp-linux`, `user` → OPSPROOF_CREDENTIAL_SP_LINUX_USER."""
    return f"OPSPROOF_CREDENTIAL_{re.sub('[.-]', '_', name)}_{part}".upper()


def from_environment(name: str) -> dict[str, str]:
    values = {part: os.environ.get(variable(name, part), "") for part in PARTS}
    return {part: value for part, value in values.items() if value}


def checked(name: str, given: Mapping[str, str]) -> Login:
    """What a source without lines gives; its values are never shown."""
    try:
        return Login.model_validate(dict(given))
    except ValidationError:
        raise Refused(t("credentials.incomplete", name=name, parts=", ".join(PARTS))) from None
