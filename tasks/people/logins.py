"""Logins of the portal: one first login made with the installation, and a password for each
operator who was given one. An unknown name, a wrong password and a locked name look alike.
"""

import hashlib
import hmac
import os
import secrets
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from tasks.clock import now
from tasks.errors import Refused
from tasks.home import Home
from tasks.people.attempts import locked_until, recent
from tasks.people.operators import Role, find
from tasks.people.vault import alone, changing, look, read_private, write_private
from tasks.texts import t

FILE = "logins"
FIRST = "first-login"
FIRST_USER = "admin"
SHORTEST, LONGEST = 10, 256
# No 0 O 1 I l: it is read from a screen and typed. 20 of these 57 are 116 bits.
ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
# 32 MB and about 0.1 s a try.
COST = {"n": 2**15, "r": 8, "p": 1}
NOBODY: Mapping[str, Any] = {"salt": "00" * 16, "hash": "00" * 32, **COST}


@dataclass(frozen=True, slots=True)
class Login:
    """`made`: it was made by this very call, so that its password has to be shown once."""

    user: str
    password: str = field(repr=False)
    made: bool = False

    @property
    def auth(self) -> str:
        """As Prefect's one shared login is written."""
        return f"{self.user}:{self.password}"


@dataclass(frozen=True, slots=True)
class Identity:
    name: str
    roles: tuple[Role, ...]
    contracts: Literal["all"] | tuple[str, ...]


def first_login(home: Home) -> Login:
    """The login of the installation: from the file named by OPSPROOF_LOGIN_FILE, or made once."""
    if known := known_first_login(home):
        return known
    with alone(home, FIRST) as folder:
        if known := known_first_login(home):
            return known
        login = Login(FIRST_USER, "".join(secrets.choice(ALPHABET) for _ in range(20)), made=True)
        write_private(folder / FIRST, f"{login.auth}\n".encode())
        return login


def known_first_login(home: Home) -> Login | None:
    given = os.environ.get("OPSPROOF_LOGIN_FILE")
    path = Path(given) if given else home.secrets / FIRST
    content = read_private(path)
    if content is None and given:
        raise Refused(t("people.login_file_missing", path=path))
    return None if content is None else parsed(content, path)


def parsed(content: bytes, path: Path) -> Login:
    text = content.decode("utf-8", "replace").strip()
    user, colon, password = text.partition(":")
    # It travels in a basic authentication header: only ASCII arrives everywhere alike.
    if not (colon and user and text.isascii() and text.isprintable() and " " not in text):
        raise Refused(t("people.login_file_format", path=path))
    refuse_weak(password)
    return Login(user, password)


def refuse_weak(password: str) -> None:
    if not SHORTEST <= len(password) <= LONGEST:
        raise Refused(t("people.password_length", shortest=SHORTEST, longest=LONGEST))
    if any(unicodedata.category(char)[0] == "C" for char in password):
        raise Refused(t("people.password_characters"))


def set_password(home: Home, name: str, password: str) -> None:
    refuse_weak(password)
    if find(home.inventories, name) is None:
        raise Refused(t("people.unknown", name=name))
    refuse_first_user(home, name)
    salt = secrets.token_bytes(16).hex()
    entry = {"salt": salt, **COST}
    entry["hash"] = hashed(password, entry).hex()
    with changing(home, FILE) as held:
        held[name] = {**entry, "wrong": []}


def refuse_first_user(home: Home, name: str) -> None:
    """An operator cannot share the name of the first login: whose password would it be?"""
    first = known_first_login(home)
    if name == (first.user if first else FIRST_USER):
        raise Refused(t("people.name_taken", name=name))


def forget(home: Home, name: str) -> bool:
    with changing(home, FILE) as held:
        return held.pop(name, None) is not None


def with_password(home: Home) -> frozenset[str]:
    return frozenset(name for name, entry in look(home, FILE).items() if "hash" in entry)


def check(home: Home, user: str, password: str, at: datetime | None = None) -> Identity | None:
    """Who logs in with that, or None; as slow for a name that does not exist."""
    at = at or now()
    first = known_first_login(home)
    is_first = first is not None and hmac.compare_digest(raw(user), raw(first.user))
    allowed, entry = begin(home, user, is_first, at)
    answer = hashed(password[: LONGEST + 1], entry or NOBODY)
    if first is not None and is_first:
        right = hmac.compare_digest(raw(password), raw(first.password))
    else:
        right = hmac.compare_digest(answer, bytes.fromhex((entry or NOBODY)["hash"])) and bool(entry)
    if not (allowed and right):
        return None
    with changing(home, FILE) as held:
        if user in held:
            held[user]["wrong"] = []
    return identity_of(home, user)


def identity_of(home: Home, name: str) -> Identity | None:
    """What `name` may do as of now; None for somebody who is no operator any more."""
    first = known_first_login(home)
    if first is not None and name == first.user:
        return Identity(name, (Role.ADMIN,), "all")
    operator = find(home.inventories, name)
    return Identity(operator.name, operator.roles, operator.contracts) if operator else None


def begin(home: Home, user: str, is_first: bool, at: datetime) -> tuple[bool, Mapping[str, Any] | None]:
    """Whether `user` may try, and the password's digest if there is one. The attempt counts as wrong
    before it is looked at: many at the same time get no more tries than one after the other.
    """
    with changing(home, FILE) as held:
        if is_first:
            held.setdefault(user, {"wrong": []})
        # Names nobody has share one entry: writing it takes as long as writing a person's.
        entry = held[user] if user in held else held.setdefault("", {"wrong": []})
        entry["wrong"] = recent(entry["wrong"], at)
        if locked_until(entry["wrong"], at):
            return False, None
        entry["wrong"].append(at.timestamp())
        return True, entry if "hash" in entry else None


def hashed(password: str, entry: Mapping[str, Any]) -> bytes:
    return hashlib.scrypt(
        raw(password),
        salt=bytes.fromhex(entry["salt"]),
        n=entry["n"],
        r=entry["r"],
        p=entry["p"],
        maxmem=64 * 2**20,
        dklen=32,
    )


def raw(text: str) -> bytes:
    """Whatever a browser or a terminal sent, without failing over it."""
    return text.encode("utf-8", "surrogatepass")
