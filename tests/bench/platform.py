"""`make show-platform`: everything promised of the platform, measured at full size.

Names of parts may be given to run only those: `python -m tests.bench.platform book ui`.
"""

import sys

from tests.bench import book
from tests.bench.bad_input import bad_input
from tests.bench.fresh_root import fresh_root
from tests.bench.show import Show, show
from tests.bench.ui import ui

PARTS: dict[str, tuple[Show, ...]] = {
    "fresh": (fresh_root,),
    "book": tuple(book.SHOWS),
    "ui": (ui,),
    "input": (bad_input,),
}

if __name__ == "__main__":
    chosen = sys.argv[1:] or list(PARTS)
    sys.exit(show([part for name in chosen for part in PARTS[name]]))
