"""Calls at set times. One thread watches all of them while there are any: a hundred hosts would otherwise
have a hundred threads that wait for what does not happen.
"""

import threading
import time
from collections.abc import Callable


class Alarm:
    """Makes its call once, `seconds` from now, unless it is put off before."""

    def __init__(self, seconds: float, call: Callable[[], None]) -> None:
        self.at, self._call = time.monotonic() + seconds, call
        self._calling: threading.Thread | None = None
        WATCH.add(self)

    def put_off(self) -> None:
        """Afterwards it makes no call any more, nor is it still making one."""
        WATCH.remove(self)
        if self._calling is not None:
            self._calling.join()

    def ring(self) -> None:
        """From a thread of its own: a call that blocks delays no other alarm."""
        self._calling = threading.Thread(target=self._call, daemon=True)
        self._calling.start()


class Watch:
    def __init__(self) -> None:
        self._alarms: set[Alarm] = set()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._asleep_until = 0.0

    def add(self, alarm: Alarm) -> None:
        with self._changed:
            self._alarms.add(alarm)
            if self._thread is None or not self._thread.is_alive():  # none after a fork
                self._thread = threading.Thread(target=self._keep, daemon=True)
                self._thread.start()
            elif alarm.at < self._asleep_until:
                self._changed.notify()

    def remove(self, alarm: Alarm) -> None:
        with self._changed:
            self._alarms.discard(alarm)
            if not self._alarms:
                self._changed.notify()

    def _keep(self) -> None:
        with self._changed:
            while self._alarms:
                now = time.monotonic()
                for alarm in [one for one in self._alarms if one.at <= now]:
                    self._alarms.remove(alarm)
                    alarm.ring()
                self._asleep_until = min((one.at for one in self._alarms), default=now)
                self._changed.wait(self._asleep_until - now)
            self._thread = None


WATCH = Watch()
