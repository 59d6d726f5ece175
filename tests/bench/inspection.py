"""`make show-inspection`: everything promised of the inspection, measured at full size.

Names of parts may be given to run only those: `python -m tests.bench.inspection detection logins`.
"""

import sys

from tests.bench import inspection_detection, inspection_logins, inspection_speed, inspection_windows
from tests.bench.show import Show, show

PARTS: dict[str, tuple[Show, ...]] = {
    "detection": tuple(inspection_detection.SHOWS),
    **inspection_windows.PARTS,
    "logins": tuple(inspection_logins.SHOWS),
    "speed": tuple(inspection_speed.SHOWS),
}

if __name__ == "__main__":
    chosen = sys.argv[1:] or list(PARTS)
    sys.exit(show([part for name in chosen for part in PARTS[name]]))
