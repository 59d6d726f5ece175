"""Who is logged in: random tokens in memory. A restart logs everybody out, and nothing leaks."""

import secrets
import time
from threading import Lock

from tasks.people.logins import Identity

IDLE_SECONDS = 8 * 3600
# A page that reloads itself would stay logged in for ever, and keep what was since taken away.
LONGEST_SECONDS = 24 * 3600
MOST = 1000


class Sessions:
    def __init__(self) -> None:
        self._held: dict[str, tuple[Identity, float, float]] = {}
        self._lock = Lock()

    def open(self, identity: Identity) -> str:
        token = secrets.token_urlsafe(32)
        with self._lock:
            self._forget_idle()
            if len(self._held) >= MOST:
                self._held.pop(next(iter(self._held)))
            self._held[token] = (identity, time.monotonic(), time.monotonic())
        return token

    def who(self, token: str) -> Identity | None:
        with self._lock:
            self._forget_idle()
            if token not in self._held:
                return None
            identity, opened, _ = self._held[token]
            self._held[token] = (identity, opened, time.monotonic())
            return identity

    def close(self, token: str) -> None:
        with self._lock:
            self._held.pop(token, None)

    def _forget_idle(self) -> None:
        now = time.monotonic()
        self._held = {
            token: (identity, opened, used)
            for token, (identity, opened, used) in self._held.items()
            if now - used < IDLE_SECONDS and now - opened < LONGEST_SECONDS
        }
