"""`make show-playbooks`: everything promised of playbooks, on real hosts under systemd and through the UI.

Names of parts may be given to run only those: `python -m tests.bench.playbooks year approvals`.
"""

import sys

from tests.bench import (
    playbooks_approvals,
    playbooks_broken_off,
    playbooks_lab,
    playbooks_server,
    playbooks_ui,
    playbooks_year,
)
from tests.bench.show import Show, show

PARTS: dict[str, tuple[Show, ...]] = {
    "lab": tuple(playbooks_lab.SHOWS),
    "broken-off": tuple(playbooks_broken_off.SHOWS),
    "server": tuple(playbooks_server.SHOWS),
    "year": tuple(playbooks_year.SHOWS),
    "approvals": tuple(playbooks_approvals.SHOWS),
    "ui": tuple(playbooks_ui.SHOWS),
}

if __name__ == "__main__":
    chosen = sys.argv[1:] or list(PARTS)
    sys.exit(show([part for name in chosen for part in PARTS[name]]))
