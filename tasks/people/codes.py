"""One-time codes (TOTP, RFC 6238): each is good for one step before and after its time, and once only.

Which code was used last is on disk before the answer is given, so that neither a crash nor a second
process lets the same code through twice.
"""

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pyotp

from tasks.home import Home
from tasks.people.attempts import locked_until, recent
from tasks.people.operators import find
from tasks.people.vault import changing, look
from tasks.texts import t

FILE = "totp"
STEP = 30
"""Seconds; what every authenticator app assumes."""
WINDOW = 1
ISSUER = "opsproof"


@dataclass(frozen=True, slots=True)
class Accepted:
    name: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Rejected:
    """`reason` is for the user; `locked_until` is set when no code would be accepted now."""

    reason: str
    locked_until: datetime | None = None


def new_secret() -> str:
    return pyotp.random_base32()


def uri(name: str, secret: str) -> str:
    """What the QR code holds."""
    return pyotp.TOTP(secret, interval=STEP).provisioning_uri(name=name, issuer_name=ISSUER)


def matching(secret: str, code: str, steps: range) -> int | None:
    """The step among `steps` whose code this is; every step is compared, whichever it is."""
    totp, found = pyotp.TOTP(secret, interval=STEP), None
    typed = code.replace(" ", "").encode("utf-8", "replace")
    for step in steps:
        # Bytes: compare_digest takes text only if it is ASCII, and what people type need not be.
        if hmac.compare_digest(totp.generate_otp(step).encode(), typed):
            found = step
    return found


def around(at: datetime, reach: int = WINDOW) -> range:
    """The steps in reach of `at`, none before the epoch (a machine without a clock battery)."""
    now = int(at.timestamp()) // STEP
    return range(max(now - reach, 0), now + reach + 1)


def enrol(home: Home, name: str, secret: str, last: int | None = None) -> None:
    """From now on the codes of `name` are those of `secret`; `last` is the step already used."""
    with changing(home, FILE) as held:
        held[name] = {"secret": secret, "last": last, "wrong": []}


def forget(home: Home, name: str) -> bool:
    with changing(home, FILE) as held:
        return held.pop(name, None) is not None


def enrolled(home: Home) -> frozenset[str]:
    return frozenset(look(home, FILE))


def accept(home: Home, name: str, code: str, at: datetime) -> Accepted | Rejected:
    """Whether `code` is good for `name` at `at`; if it is, it is used up by this."""
    if find(home.inventories, name) is None:
        # Taken off the list by hand: the secret may still be there.
        return Rejected(t("people.unknown", name=name))
    with changing(home, FILE) as held:
        if name not in held:
            return Rejected(t("people.no_codes", name=name))
        return judge(held[name], name, code, at)


def judge(entry: dict[str, Any], name: str, code: str, at: datetime) -> Accepted | Rejected:
    entry["wrong"] = recent(entry["wrong"], at)
    if until := locked_until(entry["wrong"], at):
        return Rejected(t("people.codes_locked", name=name, until=f"{until:%H:%M:%S}"), until)
    steps, last = around(at), entry["last"]
    step = matching(entry["secret"], code, steps)
    if step is None:
        entry["wrong"].append(at.timestamp())
        return Rejected(t("people.code_wrong"), locked_until(entry["wrong"], at))
    if last is not None and step <= last:
        # A step that has not begun was used: by a clock that has been set back since.
        key = "people.clock_went_back" if last > steps[-1] else "people.code_used"
        return Rejected(t(key, name=name))
    entry.update(last=step, wrong=[])
    return Accepted(name, at)


def clock_error(home: Home, name: str, code: str, at: datetime) -> timedelta | None:
    """How far the authenticator's clock is from ours, if `code` is right within ten minutes;
    uses nothing up. Whoever may call this can read the secrets anyway.
    """
    entry = look(home, FILE).get(name)
    step = matching(entry["secret"], code, around(at, 20)) if entry else None
    return None if step is None else timedelta(seconds=(step - int(at.timestamp()) // STEP) * STEP)
