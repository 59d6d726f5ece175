"""`make show-databases`: everything promised of databases, measured on real servers and on stand-ins.

Names of parts may be given to run only those: `python -m tests.bench.databases mysql many`.
"""

import sys

from tests.bench import (
    databases_many,
    databases_mysql,
    databases_oracle,
    databases_oracle_checks,
    databases_postgres,
    databases_trends,
)
from tests.bench.show import Show, show

PARTS: dict[str, tuple[Show, ...]] = {
    "mysql": tuple(databases_mysql.SHOWS),
    "postgres": tuple(databases_postgres.SHOWS),
    "oracle": (*databases_oracle.SHOWS, *databases_oracle_checks.SHOWS),
    "many": tuple(databases_many.SHOWS),
    "trends": tuple(databases_trends.SHOWS),
}

if __name__ == "__main__":
    chosen = sys.argv[1:] or list(PARTS)
    sys.exit(show([part for name in chosen for part in PARTS[name]]))
