"""Who is logged in: random tokens in memory. A restart logs everybody out, and nothing leaks."""

import secrets
import time
from threading import Lock

from tasks.people.logins import Identity

IDLE_SECONDS = 8 * 3600
MOST = 1000


class Sessions:
    def __init__(self) -> None:
        self._held: dict[str, tuple[Identity, float]] = {}
        self._lock = Lock()

    def open(self, identity: Identity) -> str:
        token = secrets.token_urlsafe(32)
        with self._lock:
            self._forget_idle()
            if len(self._held) >= MOST:
                self._held.pop(next(iter(self._held)))
            self._held[token] = (identity, time.monotonic())
        return token

    def who(self, token: str) -> Identity | None:
        with self._lock:
            self._forget_idle()
            if token not in self._held:
                return None
            identity, _ = self._held[token]
            self._held[token] = (identity, time.monotonic())
            return identity

    def close(self, token: str) -> None:
        with self._lock:
            self._held.pop(token, None)

    def _forget_idle(self) -> None:
        oldest = time.monotonic() - IDLE_SECONDS
        self._held = {token: held for token, held in self._held.items() if held[1] > oldest}
