"""What a stand-in is to be: its version, role and form."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

Row = Mapping[str, Any]
GIB = 1024**3
BLOCK = 8192
# Of a file of 8 KB blocks: what Oracle itself puts down for UNLIMITED.
LARGEST = 34359721984
# Tablespace, contents, size of its file in GiB, free in it, whether it grows.
Space = tuple[str, str, float, float, bool]


@dataclass(frozen=True)
class Plan:
    version: tuple[int, int, int, int, int]
    role: str = "primary"
    form: str = "single"
    cdb: bool = False
    mounted: bool = False
    name: str = "ORCL"
    unique: str = "ORCL"
    asm: bool = False
    now: datetime = field(default_factory=lambda: datetime.now().replace(microsecond=0))

    @property
    def instances(self) -> range:
        return range(1, 3 if self.form == "rac" else 2)

    @property
    def full(self) -> str:
        return ".".join(map(str, self.version))

    @property
    def shown(self) -> str:
        """From 18c on VERSION holds the release alone."""
        return f"{self.version[0]}.0.0.0.0" if self.version[0] >= 18 else self.full

    def ago(self, **span: float) -> datetime:
        return self.now - timedelta(**span)

    def sid(self, instance: int) -> str:
        return f"{self.name}{instance}" if self.form == "rac" else self.name

    @property
    def containers(self) -> tuple[int, ...]:
        return (1, 3) if self.cdb else (0,)

    def path(self, container: int, tablespace: str) -> str:
        inside = f"PDB{container - 2}/" if container > 1 else ""
        file = f"{self.unique}/{inside}{tablespace.lower()}01.dbf"
        return f"+DATA/{file}" if self.asm else f"/u01/oradata/{file}"

    @property
    def spaces(self) -> list[Space]:
        own: list[Space] = [
            ("SYSTEM", "PERMANENT", 1.2, 0.1, True),
            ("SYSAUX", "PERMANENT", 2.0, 0.3, True),
            ("USERS", "PERMANENT", 1.0, 0.8, True),
            ("APP_DATA", "PERMANENT", 20.0, 8.0, False),
        ]
        return own + [(f"UNDOTBS{instance}", "UNDO", 4.0, 3.0, True) for instance in self.instances]
