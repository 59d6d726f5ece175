"""Directories of the stand-in Windows. SYNTHETIC: its answers are made up after the documentation; that the
scripts are PowerShell at all is what a parser of its grammar says.
"""

import base64
import hashlib
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.backups.catalogue import Backup
from tasks.backups.files import windows as scripts
from tasks.backups.manifest import Kind, Level
from tasks.backups.plan import Item
from tasks.backups.proof import prove
from tasks.backups.taking import take
from tasks.errors import OpsError
from tasks.inventory.credentials import Keyring
from tasks.transports import Access
from tests.lab.winrm.fakewinrm import Call, FakeWindows
from tests.lab.winrm.test_transport import PASSWORD, target
from tests.unit.backups.places import place
from tests.unit.checks.test_powershell import wrong

ROOT = "D:\\资料"
FOLDER, LINK, FILE = 16, 1024 | 16, 32


class Disk:
    """Path → content; None: a folder. `locked`: what another holds open."""

    def __init__(self) -> None:
        self.files: dict[str, bytes | None] = {
            ROOT: None,
            f"{ROOT}\\年报": None,
            f"{ROOT}\\年报\\{'长' * 80}.docx": b"x" * 5000,
            f"{ROOT}\\空.txt": b"",
            f"{ROOT}\\a b.bin": bytes(range(256)) * 40,
        }
        self.ticks = dict.fromkeys(self.files, 17_000_000_001_234_567)
        self.locked: set[str] = set()
        self.refused = ""

    def answer(self, call: Call) -> list[str]:
        if "function Tell" in call.script:
            return self.listed()
        names = re.search(r"\$names=@\((.*)\)\n", call.script)
        assert names
        given = [one.strip("'") for one in names[1].split(",")]
        return [*(self.one(call.script, name) for name in given), "end"]

    def listed(self) -> list[str]:
        lines = ["now 17000000099000000"]
        for path, content in self.files.items():
            kind, flags = ("d", FOLDER) if content is None else ("f", FILE)
            lines.append(f"{kind} {flags} {len(content or b'')} {self.ticks[path]} {b64(path)} ")
        lines.append(f"l {LINK} 0 17000000000000000 {b64(ROOT + chr(92) + 'link')} {b64('E:' + chr(92))}")
        return [*lines, *([f"e {b64(self.refused)} {b64('denied')}"] if self.refused else []), "end"]

    def one(self, script: str, said: str) -> str:
        name, *block = said.split(" ")
        path = base64.b64decode(name).decode()
        content = self.files[path]
        assert content is not None
        if path in self.locked:
            return f"e {name} {b64('in use')}"
        if not block:
            return f"s {name} {hashlib.sha256(content).hexdigest().upper()}"
        start, size = map(int, block)
        return f"b {name} {base64.b64encode(content[start : start + size]).decode()}"


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


class Case:
    def __init__(self, windows: FakeWindows, folder: Path) -> None:
        self.disk, self.windows = Disk(), windows
        windows.on(r"FromBase64String", self.disk.answer)
        job = {"name": "docs", "targets": ["WEB01"], "method": "files-windows", "paths": [ROOT]}
        self.place, self.identities = place(folder, job)  # type: Place, list[object]

    def take(self, kind: Kind = Kind.FULL) -> Backup:
        item = Item(self.place.plan.jobs[0], target(self.windows.ports["https"], ca="ca.pem"))
        return take(self.place, item, kind, Access(Keyring(self.place.home)))

    def proven(self, backup: Backup) -> None:
        proof = prove(self.place, backup, Level.L3, self.identities)
        assert (proof.failed, proof.unsure, proof.level) == ("", "", Level.L3)


@pytest.fixture
def case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Case]:
    monkeypatch.setenv("OPSPROOF_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("OPSPROOF_INVENTORIES", str(tmp_path))
    monkeypatch.setenv("OPSPROOF_CREDENTIAL_WIN_USER", "ops")
    monkeypatch.setenv("OPSPROOF_CREDENTIAL_WIN_PASSWORD", PASSWORD)
    with FakeWindows("WEB01", {"ops": PASSWORD}, https=True, basic=False) as host:
        shutil.copy(host.ca_file, tmp_path / "ca.pem")
        yield Case(host, tmp_path / "home")
        assert not host.rule_errors


def test_a_chain_comes_back(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scripts, "BATCH", 4000)  # files of several blocks
    first = case.take()
    case.proven(first)
    assert any("年报" in one.name for one in first.manifest.digests)
    changed = f"{ROOT}\\a b.bin"
    case.disk.files[changed] = b"new"
    case.disk.ticks[changed] += 10
    del case.disk.files[f"{ROOT}\\空.txt"]
    second = case.take(Kind.INCREMENTAL)
    assert second.manifest.members[0].size < first.manifest.members[0].size
    case.proven(second)


def test_what_another_holds_open_is_told_and_what_is_denied_is_refused(case: Case) -> None:
    case.disk.locked = {f"{ROOT}\\a b.bin"}
    backup = case.take()
    assert {name: "in use" in why for name, why in backup.manifest.not_digested.items()} == {
        "/D/资料/a b.bin": True
    }
    case.proven(backup)
    case.disk.refused = f"{ROOT}\\密"
    with pytest.raises(OpsError, match="denied"):
        case.take()


@pytest.mark.parametrize("script", [scripts.LIST, scripts.SUMS, scripts.READ])
def test_the_scripts_are_powershell(script: str) -> None:
    assert not wrong(scripts.COMMON + script)
