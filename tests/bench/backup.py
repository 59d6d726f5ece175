"""`make show-backup`: everything promised of backups, on real servers and real stores, at full size.

Names of parts may be given to run only those: `python -m tests.bench.backup sqlite stores`.
"""

import sys

from tests.bench import (
    backup_faults,
    backup_files,
    backup_mysql_dump,
    backup_mysql_physical,
    backup_oracle,
    backup_postgres,
    backup_signs,
    backup_sqlite,
    backup_stores,
)
from tests.bench.show import Show, show

PARTS: dict[str, tuple[Show, ...]] = {
    "sqlite": tuple(backup_sqlite.SHOWS),
    "stores": tuple(backup_stores.SHOWS),
    "signs": tuple(backup_signs.SHOWS),
    "files": tuple(backup_files.SHOWS),
    "mysql-physical": tuple(backup_mysql_physical.SHOWS),
    "mysql-dump": tuple(backup_mysql_dump.SHOWS),
    "postgres": tuple(backup_postgres.SHOWS),
    "oracle": tuple(backup_oracle.SHOWS),
    "faults": tuple(backup_faults.SHOWS),
}

if __name__ == "__main__":
    chosen = sys.argv[1:] or list(PARTS)
    sys.exit(show([part for name in chosen for part in PARTS[name]]))
