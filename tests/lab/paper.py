"""Copies of the shipped contracts that touch nothing: every host is this machine, every service a file."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tasks.home import Home
from tasks.inventory import load
from tasks.model import Database, Host
from tasks.playbooks.services import Services, playbooks, read_services
from tests.installation import PROJECT

CONTRACTS = ("office-oa", "culture-office", "science-oa", "petition-web", "approval-platform")
Schedules = Callable[[str, Sequence[str], Sequence[str]], list[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class PaperService:
    """It runs while its file is there, and writes down each time it is told something."""

    name: str
    folder: Path
    keep: bool

    @property
    def file(self) -> Path:
        return self.folder / self.name

    def scripts(self) -> dict[str, str]:
        log = f"{self.file}.log"
        return {
            "start": f"echo start >>{log}; touch {self.file}",
            "stop": f"echo stop >>{log}; rm {self.file}",
            "status": f"test -e {self.file}",
        }

    def told(self) -> list[str]:
        log = self.folder / f"{self.name}.log"
        return log.read_text().split() if log.exists() else []

    def runs(self) -> bool:
        return self.file.exists()


@dataclass
class Paper:
    folder: Path
    first: date
    last: date
    schedules: Schedules
    contracts: tuple[str, ...] = CONTRACTS
    services: dict[str, list[PaperService]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.home = Home(self.folder / "home", self.folder / "inventories")
        (self.folder / "services").mkdir()
        shipped = [self._shipped(path) for path in sorted((PROJECT / "playbooks/services").glob("*.yml"))]
        for code in self.contracts:
            self.services[code] = []
            hosts = self._contract(code)
            own = [one for one in shipped if one.contract == code] or [made_up(code, hosts[0])]
            lists = [self._services(one) for one in own]
            names = [one.name for said in lists for one in playbooks(said)]
            holiday = [chosen(said, verb) for said in lists for verb in ("stop", "start")]
            self._write(
                f"inventories/{code}/schedules.yml", {"schedules": self.schedules(code, names, holiday)}
            )

    def _shipped(self, path: Path) -> Services:
        document = read_services(path, [])
        assert document is not None, path
        return document.content

    def _write(self, name: str, content: object) -> None:
        """JSON is YAML."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content, ensure_ascii=False, default=str), "utf-8")

    def _contract(self, code: str) -> list[str]:
        """Its hosts by name, databases among them, and all of them here."""
        inventory = load(PROJECT / "inventories", contract=code)
        targets = inventory.targets(contract=code)
        hosts = [one.name for one in targets if isinstance(one, Host | Database)]
        said = YAML(typ="safe").load(PROJECT / "inventories/contracts" / f"{code}.yml")
        said["term"] = {"start": self.first, "end": self.last}
        titles = {part: {"title": one["title"]} for part, one in said["parts"].items()}
        said["parts"] = {**titles, "all": {"title": "纸上"}}
        self._write(f"inventories/contracts/{code}.yml", said)
        named = [
            {"name": one, "address": f"127.0.{n // 250}.{n % 250 + 1}"} for n, one in enumerate(hosts, 1)
        ]
        group = {"part": "all", "os": "linux", "transport": "local", "hosts": named}
        self._write(f"inventories/{code}/hosts.yml", {"groups": {"all": group}})
        return hosts

    def _services(self, said: Services) -> Services:
        """The same list with each service on each of its hosts as one of its own: a file knows no host."""
        entries = []
        for one in said.services:
            for host in one.on:
                id_ = f"{one.name}-{host}".lower()
                own = PaperService(f"{said.name}-{id_}", self.folder / "services", one.keep)
                own.file.touch()
                self.services[said.contract].append(own)
                needs = [
                    f"{need.name}-{on}".lower()
                    for need in said.services
                    if need.name in one.needs
                    for on in need.on
                ]
                scripts = {"how": "script", "scripts": own.scripts(), "keep": one.keep}
                known = {"name": id_, "on": [host], "service": one.name, "needs": needs}
                entries.append({**known, **scripts})
        written = {name: getattr(said, name) for name in ("name", "title", "purpose", "contract")}
        content = {**written, "approval": "none", "services": entries}
        self._write(f"playbooks/services/{said.name}.yml", content)
        return self._shipped(self.folder / "playbooks/services" / f"{said.name}.yml")


def made_up(code: str, host: str) -> Services:
    """For a contract that ships no list."""
    entry = {"name": "app", "on": [host], "service": "app"}
    said = {"name": code, "title": code, "purpose": "节假日启停", "contract": code, "services": [entry]}
    return Services.model_validate(said)


def chosen(said: Services, verb: str) -> str:
    """Its playbook for holidays: that which keeps what is kept, where there is one."""
    names = [one.name for one in playbooks(said)]
    return next((one for one in names if one == f"{said.name}-holiday-{verb}"), f"{said.name}-{verb}")
