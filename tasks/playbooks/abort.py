"""Abort: a file, so that it works when the Prefect server does not answer and across processes."""

import contextlib

from tasks import clock
from tasks.errors import OpsError
from tasks.files import write_whole
from tasks.home import Home
from tasks.texts import t, why


def ask(home: Home, run_id: str, by: str, reason: str = "") -> None:
    """That the file is there is what counts: a full disk takes an empty one. It comes whole: who looks for it
    does so at any moment, and writes down what it says."""
    path = home.ready(home.run / "playbooks" / run_id) / "abort"
    with contextlib.suppress(OSError):
        write_whole(path, f"{clock.now():%Y-%m-%d %H:%M:%S} {by} {reason}".strip().encode())
        return
    try:
        path.touch()
    except OSError as problem:
        raise OpsError(t("home.unwritable", path=path, reason=why(problem))) from problem


def asked(home: Home, run_id: str) -> str:
    """Who asked for it and why; empty: nobody."""
    path = home.run / "playbooks" / run_id / "abort"
    return (path.read_text("utf-8") or t("playbook_runs.somebody")) if path.exists() else ""
