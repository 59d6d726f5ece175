"""Where the state of this installation lies: one folder, and the names inside it."""

import os
from dataclasses import dataclass
from pathlib import Path

from tasks.errors import OpsError
from tasks.texts import t, why

CODE = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Home:
    """`OPSPROOF_HOME` (state, private to one user) and the inventories it serves."""

    root: Path
    inventories: Path

    @property
    def playbooks(self) -> Path:
        """Beside the inventories: what people write for this installation."""
        return self.inventories.parent / "playbooks"

    @property
    def book(self) -> Path:
        return self.root / "book"

    @property
    def history(self) -> Path:
        return self.root / "history"

    @property
    def availability(self) -> Path:
        return self.root / "availability"

    @property
    def backups(self) -> Path:
        return self.root / "backups"

    @property
    def prefect(self) -> Path:
        return self.root / "prefect"

    @property
    def secrets(self) -> Path:
        return self.root / "secrets"

    @property
    def run(self) -> Path:
        return self.root / "run"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    def ready(self, folder: Path) -> Path:
        """`folder`, made if need be; only its owner may look inside."""
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as problem:
            raise OpsError(t("home.unwritable", path=folder, reason=why(problem))) from problem
        if not os.access(folder, os.W_OK | os.X_OK):
            raise OpsError(t("home.unwritable", path=folder, reason=t("home.no_permission")))
        return folder


def home() -> Home:
    root = Path(os.environ.get("OPSPROOF_HOME") or CODE / "var")
    inventories = Path(os.environ.get("OPSPROOF_INVENTORIES") or CODE / "inventories")
    return Home(root.absolute(), inventories.absolute())
