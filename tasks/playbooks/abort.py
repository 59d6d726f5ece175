"""Abort: a file, so that it works when the Prefect server does not answer and across processes."""

from tasks import clock
from tasks.files import write_whole
from tasks.home import Home


def ask(home: Home, run_id: str, by: str, reason: str = "") -> None:
    folder = home.ready(home.run / "playbooks" / run_id)
    write_whole(folder / "abort", f"{clock.now():%Y-%m-%d %H:%M:%S} {by} {reason}".strip().encode())


def asked(home: Home, run_id: str) -> str:
    """Who asked for it and why; empty: nobody."""
    path = home.run / "playbooks" / run_id / "abort"
    return path.read_text("utf-8") if path.exists() else ""
