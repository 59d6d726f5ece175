"""A stand-in with a whole healthy dictionary, and what can be wrong with it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.lab.oracle import dialect
from tests.lab.oracle.catalogue import views
from tests.lab.oracle.database import FakeDb, OraError, Result, Rule
from tests.lab.oracle.healthy import rows
from tests.lab.oracle.plan import Plan
from tests.lab.oracle.server import FakeOracle
from tests.lab.oracle.sqlite import FIXED, NAMED, SqliteEngine

VERSIONS = {
    "11.2": (11, 2, 0, 4, 0),
    "12.1": (12, 1, 0, 2, 0),
    "12.2": (12, 2, 0, 1, 0),
    "18c": (18, 14, 0, 0, 0),
    "19c": (19, 22, 0, 0, 0),
}
USER, ADMINISTRATOR, PASSWORD = "OPSPROOF", "SYS", "Stand-in_1"


class Dictionary(SqliteEngine):
    """`cdb_` and `gv$` are tables; `dba_` and `v$` are views on them, so that a fault is seen in both."""

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self.plan = plan
        # View → what is missing: for accounts that were not granted it.
        self.denied: set[str] = set()
        self.views = views(plan.version)
        for view in self.views.values():
            if not self._base(view.name):
                self._table(view.name)
        for view in self.views.values():
            if base := self._base(view.name):
                self._view(view.name, base)
        for name, held in rows(plan):
            self._fill(name, held)
        self._session_context()

    def _base(self, name: str) -> str:
        if name.startswith("v$"):
            return f"g{name}"
        twin = name.replace("dba_", "cdb_")
        return twin if name.startswith("dba_") and twin in self.views else ""

    def _table(self, name: str) -> None:
        defaults = {"inst_id": " DEFAULT 1", "con_id": f" DEFAULT {self.plan.cdb:d}"}
        columns = [
            f'"{one.name}" {one.affinity}{defaults.get(one.name, "")}' for one in self.views[name].columns
        ]
        self.connection.execute(f'CREATE TABLE "{name}" ({", ".join(columns)})')

    def _view(self, name: str, base: str) -> None:
        """Of the instance that was connected to; of the container that it was connected to."""
        columns = ", ".join(f'"{one.name}"' for one in self.views[name].columns)
        fixed = name.startswith("v$")
        only = " WHERE inst_id = 1" if fixed else " WHERE con_id = 1" if self.plan.cdb else ""
        self.connection.execute(f'CREATE VIEW "{name}" AS SELECT {columns} FROM "{base}"{only}')

    def _fill(self, name: str, held: Sequence[Mapping[str, Any]]) -> None:
        """What its version has no view or column for is left out."""
        table = name if name in self.views else name.replace("cdb_", "dba_")
        if table not in self.views:
            return
        known = {column.name for column in self.views[table].columns}
        for row in held:
            columns = [column for column in row if column in known]
            named, marks = ", ".join(f'"{column}"' for column in columns), ", ".join("?" * len(columns))
            values = [dialect.kept(row[column]) for column in columns]
            self.connection.execute(f'INSERT INTO "{table}" ({named}) VALUES ({marks})', values)

    def _session_context(self) -> None:
        plan = self.plan
        self.context = {
            "DB_NAME": plan.name,
            "DB_UNIQUE_NAME": plan.unique,
            "DATABASE_ROLE": "PRIMARY" if plan.role == "primary" else "PHYSICAL STANDBY",
            "INSTANCE_NAME": plan.sid(1),
            "CON_NAME": "CDB$ROOT" if plan.cdb else plan.name,
            "CON_ID": str(int(plan.cdb)),
        }

    def seed(self, sql: str, *values: Any) -> None:
        """A fault: written over the names that statements use, done where the rows lie."""

        def lying(name: re.Match[str]) -> str:
            return self._base(name[0].lower()) or name[0]

        super().seed(re.sub(r"(?i)\b(?:dba_\w+|v\$\w+)", lying, sql), *values)

    def __call__(
        self, session: Mapping[str, Any], sql: str, binds: Sequence[Any], names: Sequence[str]
    ) -> Result:
        for name in (found.lower() for found in NAMED.findall(sql)):
            if name in self.denied and not session.get("administrator"):
                raise OraError(942, "table or view does not exist")
            if self.plan.mounted and not FIXED.match(name) and name in self.views:
                raise OraError(1219, "database or pluggable database not open: queries allowed on fixed")
        return super().__call__(session, sql, binds, names)


@dataclass
class Standing:
    plan: Plan
    dictionary: Dictionary
    db: FakeDb
    server: FakeOracle = field(init=False)

    def __post_init__(self) -> None:
        self.server = FakeOracle(self.db)

    def __enter__(self) -> "Standing":
        self.server.__enter__()
        return self

    def __exit__(self, *problem: object) -> None:
        self.server.stop()

    @property
    def port(self) -> int:
        return self.server.port

    @property
    def user(self) -> str:
        """As a credential names it: before a database is open only an administrator is let in."""
        return f"{ADMINISTRATOR} as sysdba" if self.plan.mounted else USER

    def seed(self, sql: str, *values: Any) -> None:
        self.dictionary.seed(sql, *values)

    def rule(self, *rules: Rule) -> None:
        """What single statements get: `("gv\\$session", query(["SID"], [(1,)], delay=60))`."""
        self.db.rules[:0] = rules

    def locked(self) -> None:
        self.db.account_errors[USER] = OraError(28000, "the account is locked")

    def starting(self) -> None:
        """Half-way through a start or a stop."""
        self.db.logon_error = OraError(1033, "ORACLE initialization or shutdown in progress")


def standing(
    version: str = "19c",
    role: str = "primary",
    form: str = "single",
    *,
    cdb: bool = False,
    mounted: bool = False,
    name: str = "ORCL",
    asm: bool | None = None,
) -> Standing:
    """A healthy database. `form`: single, rac, dataguard; `role="standby"` is Active Data Guard, or with
    `mounted` a standby that is not open. What is wrong with it comes by `seed`, `rule` and the others."""
    on_asm = form == "rac" if asm is None else asm
    unique = "STBY" if role == "standby" else name
    plan = Plan(VERSIONS[version], role, form, cdb, mounted, name, unique, on_asm)
    dictionary = Dictionary(plan)
    db = FakeDb(
        users={USER: PASSWORD, ADMINISTRATOR: PASSWORD},
        # The service of the business follows the role; a standby has but its own name.
        service=unique,
        version=plan.version,
        protocol=314 if plan.version < (12, 1) else 318,
        engine=dictionary,
    )
    if mounted:
        db.logon_error = OraError(1033, "ORACLE initialization or shutdown in progress")
    return Standing(plan, dictionary, db)


def dataguard(version: str = "19c", *, mounted: bool = False) -> tuple[Standing, Standing]:
    """A primary and its standby."""
    primary = standing(version, "primary", "dataguard")
    return primary, standing(version, "standby", "dataguard", mounted=mounted)
