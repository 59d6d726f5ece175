"""An installation whose services are files and whose approvers have one-time codes."""

import json
import shutil
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pyotp

from tasks import clock
from tasks.home import Home
from tasks.inspection.findings import FINDINGS, read_findings
from tasks.model import Record
from tasks.people.codes import STEP, enrol, new_secret
from tasks.records import Book
from tests.installation import Installation
from tests.lab.paper import PaperService

FIRST, SECOND, OPERATOR = "审批甲", "审批乙", "值班丙"
ROLES = {FIRST: "approver", SECOND: "approver", OPERATOR: "operator"}


@dataclass
class Approvers:
    installation: Installation
    secrets: dict[str, str] = field(default_factory=dict, repr=False)
    used: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        people = [{"name": name, "roles": [role], "contracts": "all"} for name, role in ROLES.items()]
        self._write(self.installation.inventories / "operators.yml", {"operators": people})
        for name in ROLES:
            self.secrets[name] = new_secret()
            enrol(self.home, name, self.secrets[name])
        folder = self.installation.folder / "services"
        folder.mkdir()
        self.services = [PaperService(name, folder, False) for name in ("app", "db")]
        self.begin_anew()
        self.playbook("two", "two")
        self.playbook("one", "one")

    def begin_anew(self) -> None:
        """Everything runs and was told nothing; what runs left in the state folder has a record."""
        for path in self.installation.home.glob("run/playbooks/*"):
            shutil.rmtree(path)
        for one in self.services:
            one.file.touch()
            (one.folder / f"{one.name}.log").unlink(missing_ok=True)

    @property
    def lingering(self) -> str:
        """A drain that has work under way until `let_go`."""
        return f"until [ -e {self._released} ]; do sleep 0.2; done"

    def let_go(self) -> None:
        self._released.touch()

    @property
    def _released(self) -> Path:
        return self.installation.folder / "released"

    @property
    def home(self) -> Home:
        return Home(self.installation.home, self.installation.inventories)

    @property
    def book(self) -> Book:
        return Book(self.home.book)

    def _write(self, path: Path, content: object) -> None:
        """JSON is YAML."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content, ensure_ascii=False), "utf-8")

    def playbook(self, name: str, approval: str, drain: str = "") -> None:
        """`<name>-stop` and `<name>-start`, of an application that needs a database."""
        here = {"on": ["localhost"], "how": "script"}
        app, db = (
            {**here, "name": one.name, "service": one.name, "scripts": one.scripts()} for one in self.services
        )
        said = {"name": name, "title": f"演示 {name}", "purpose": "演示审批", "contract": "local"}
        services = [{**app, "needs": ["db"], **({"drain": drain} if drain else {})}, db]
        content = {**said, "approval": approval, "services": services}
        self._write(self.installation.folder / f"playbooks/services/{name}.yml", content)

    def code(self, name: str) -> str:
        """The next of this person that nobody has used; waits where all in reach are used up."""
        now = int(time.time()) // STEP
        step = max(now, self.used.get(name, 0) + 1)
        while step > int(time.time()) // STEP + 1:
            time.sleep(0.5)
        self.used[name] = step
        return self.at(name, step)

    def at(self, name: str, step: int) -> str:
        return str(pyotp.TOTP(self.secrets[name], interval=STEP).generate_otp(step))

    def wrong(self, name: str, number: int) -> str:
        """One that is good for nothing within an hour."""
        now = int(time.time()) // STEP
        near = {self.at(name, step) for step in range(now - 120, now + 120)}
        candidates = (f"{(number * 7919 + n) % 1_000_000:06}" for n in range(1000))
        return next(one for one in candidates if one not in near)

    def approve(
        self, playbook: str, by: str, code: str, start: datetime | None = None, end: datetime | None = None
    ) -> "Answer":
        end = end or clock.now() + timedelta(hours=1)
        words = ["--by", by, "--to", end.isoformat(timespec="seconds")]
        words += ["--from", start.isoformat(timespec="seconds")] if start else []
        return self.said("playbook", "approve", playbook, "--contract", "local", *words, typed=code)

    def run(self, playbook: str) -> "Answer":
        return self.said("playbook", "run", playbook, "--contract", "local", "--note", "演示")

    def said(self, *words: str, typed: str = "") -> "Answer":
        before = self.records()
        done = self.installation.command(*words, typed=f"{typed}\n" if typed else "")
        new = self.records()[len(before) :]
        text = (done.stdout + done.stderr).strip()
        return Answer(done.returncode, text, "; ".join(map(self.told, new)))

    def records(self) -> list[Record]:
        return [entry.record for entry in self.book.entries(contract="local")]

    def told(self, record: Record) -> str:
        """Its summary, and what its findings say."""
        found = [one for one in record.evidence if one.name == FINDINGS]
        said = [finding.summary for one in found for finding in read_findings(self.book.read(one))]
        return "; ".join(dict.fromkeys([record.summary, *said]))

    def touched(self) -> list[str]:
        """What the services were told."""
        return [word for one in self.services for word in one.told()]


@dataclass(frozen=True, slots=True)
class Answer:
    """`recorded`: what came into the book with it."""

    code: int
    text: str
    recorded: str
