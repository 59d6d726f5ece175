"""Keys of backups: age's own format, so that without this product `age -d | zstd -d` opens them."""

from pathlib import Path
from typing import Any

import pyrage

from tasks.backups.plan import Backups
from tasks.errors import OpsError
from tasks.inventory.credentials import Keyring
from tasks.texts import t, why


def identities(plan: Backups, keyring: Keyring) -> list[Any]:
    """What opens the backups; none where they are not encrypted."""
    if plan.identity is None:
        return []
    path = Path(keyring(plan.identity).key_file)
    try:
        lines = path.read_text("ascii").splitlines()
        return [
            pyrage.x25519.Identity.from_str(line.strip())
            for line in lines
            if line.strip() and not line.startswith("#")
        ]
    except OSError as problem:
        raise OpsError(t("backups.key_unreadable", path=path, reason=why(problem))) from problem
    except (ValueError, pyrage.IdentityError):
        raise OpsError(t("backups.bad_key", path=path)) from None


def new_identity() -> tuple[str, str]:
    """The private half, for a file that nobody else can read, and the public one for backups.yml."""
    made = pyrage.x25519.Identity.generate()
    return str(made), str(made.to_public())
