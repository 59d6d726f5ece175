"""Database engines: one file each, found by its name. So far an engine answers queries; backup,
restore and switchover join it here.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from tasks.checks import Check
from tasks.errors import OpsError
from tasks.model import Database, Output
from tasks.registry import Registry
from tasks.texts import t


class Engine(Protocol):
    def ask(self, database: Database, checks: Sequence[Check]) -> Mapping[str, Output]:
        """The answer to each check's query: rows as a JSON array, or why there is none."""


# The name that databases.yml uses → the engine.
ENGINES: Registry[Callable[[], Engine]] = Registry(__name__)


def open_engine(database: Database) -> Engine:
    engine = ENGINES.get(database.engine)
    if engine is None:
        raise OpsError(t("checks.no_engine", name=database.engine))
    return engine()
