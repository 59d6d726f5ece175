"""Commands as typed, in this process for speed or in one of their own, and what they printed."""

import contextlib
import io
import os
import re
import shutil
import subprocess
import sys
import traceback
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from flows.cli import main
from tests.installation import PROJECT

PLACE = re.compile(r"[\w./-]+:[1-9]\d*: \S")


@dataclass(frozen=True, slots=True)
class Said:
    code: int | None
    out: str
    err: str

    @property
    def text(self) -> str:
        return self.out + self.err

    @property
    def crashed(self) -> bool:
        return self.code not in (0, 1, 2) or "Traceback" in self.text

    @property
    def raw(self) -> list[str]:
        """Control characters that reached the terminal."""
        return sorted(
            {f"U+{ord(c):04X}" for c in self.text if unicodedata.category(c)[0] == "C" and c != "\n"}
        )

    @property
    def sentence(self) -> bool:
        """One clear sentence on standard error, and nothing else that looks like a crash."""
        lines = [line for line in self.err.splitlines() if line.strip()]
        return not self.crashed and bool(lines) and lines[-1].startswith("错误：")


@dataclass(frozen=True, slots=True)
class House:
    """A state folder and a copy of the shipped inventories, thrown away afterwards."""

    folder: Path

    def __post_init__(self) -> None:
        if not self.inventories.exists():
            shutil.copytree(PROJECT / "inventories", self.inventories)
            # Schedules name playbooks, which lie beside.
            shutil.copytree(PROJECT / "playbooks", self.folder / "playbooks")

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def inventories(self) -> Path:
        return self.folder / "inventories"

    @property
    def environment(self) -> dict[str, str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
        return clean | {"OPSPROOF_HOME": str(self.home), "OPSPROOF_INVENTORIES": str(self.inventories)}

    def here(self, *words: str) -> Said:
        """In this process: the same function that the command calls."""
        out, err = io.StringIO(), io.StringIO()
        with environment(self.environment), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                code: int | None = main(list(words))
            except SystemExit as ended:
                code = ended.code if isinstance(ended.code, int) else None
            except Exception:  # noqa: BLE001  a crash is what is looked for
                traceback.print_exc()
                code = None
        return Said(code, out.getvalue(), err.getvalue())

    def run(self, *words: str, before: tuple[str, ...] = (), seconds: float = 120) -> Said:
        """The real command; `before` goes in front of it, as `faketime …`."""
        done = subprocess.run(
            [*before, sys.executable, "-m", "flows.cli", *words],
            cwd=PROJECT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=seconds,
        )
        out, err = (raw.decode("utf-8", "replace") for raw in (done.stdout, done.stderr))
        return Said(done.returncode, out, err)


@contextlib.contextmanager
def environment(wanted: dict[str, str]) -> Iterator[None]:
    kept = dict(os.environ)
    os.environ.clear()
    os.environ.update(wanted)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(kept)
