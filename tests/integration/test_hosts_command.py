"""`opsproof hosts`: keys are shown before they are trusted, and a changed one stays refused."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flows.cli import main
from tasks.home import home
from tasks.records import Book
from tests.installation import PROJECT
from tests.lab.hosts import Lab
from tests.lab.product import give_credentials


@pytest.fixture(autouse=True)
def in_the_lab(small_lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("OPSPROOF_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("OPSPROOF_INVENTORIES", str(tmp_path / "inventories"))
    shutil.copytree(PROJECT / "inventories", tmp_path / "inventories")
    hosts = tmp_path / "inventories/lab/hosts.yml"
    rows = [(one.name, one.address, one.system.os, one.credential) for one in small_lab.hosts]
    line = "      - {{name: {}, address: {}, os: {}, credential: {}}}\n"
    entries = "".join(line.format(*row) for row in rows)
    hosts.write_text(f"groups:\n  all:\n    part: linux\n    hosts:\n{entries}", "utf-8")
    contract = tmp_path / "inventories/contracts/lab.yml"
    contract.write_text(contract.read_text("utf-8").replace("any: 19", "any: 4"), "utf-8")
    give_credentials(small_lab, monkeypatch.setenv)
    with small_lab.inside():
        yield


def asked(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, list[dict[str, Any]]]:
    capsys.readouterr()
    code = main(["hosts", *words, "--contract", "lab", "--json"])
    return code, json.loads(capsys.readouterr().out)


def known() -> str:
    path = home().root / "known_hosts"
    return path.read_text() if path.exists() else ""


def test_keys_are_shown_asked_about_and_only_then_trusted(
    small_lab: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    code, rows = asked(capsys, "trust")
    assert code == 1 and {row["state"] for row in rows} == {"new"} and not known()
    code, rows = asked(capsys, "trust", "lab-001", "--yes")
    assert code == 0 and [row["name"] for row in rows] == ["lab-001"]
    shown = small_lab.host(1).run("ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub").split()[1]
    md5 = small_lab.host(1).run("ssh-keygen -E md5 -lf /etc/ssh/ssh_host_ed25519_key.pub").split()[1]
    assert (rows[0]["sha256"], rows[0]["md5"]) == (shown, md5)
    assert asked(capsys, "trust", "--yes")[0] == 0
    code, rows = asked(capsys, "list")
    assert code == 0 and all(row["sha256"].startswith("SHA256:") for row in rows) and len(rows) == 4
    code, rows = asked(capsys, "trust")
    assert code == 0 and {row["state"] for row in rows} == {"same"}
    entries = [entry.record for entry in Book(home().book).entries(contract="lab")]
    assert [entry.routine for entry in entries] == ["hosts.trust"] * 2
    assert str(entries[0].facts["host_keys"]).count(shown) == 1 and entries[0].mode == "lab"


def test_a_changed_key_stays_refused_until_it_is_replaced(
    small_lab: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    asked(capsys, "trust", "--yes")
    before = known()
    one, other = (host.host_key[1] for host in (small_lab.host(1), small_lab.host(3)))
    (home().root / "known_hosts").write_text(before.replace(one, other))
    code, rows = asked(capsys, "trust", "--yes")
    assert code == 1 and [row["name"] for row in rows if row["state"] == "changed"] == ["lab-001"]
    assert one not in known()
    code, _ = asked(capsys, "trust", "--yes", "--replace")
    assert code == 0 and sorted(known().splitlines()) == sorted(before.splitlines())


def test_a_host_that_shows_no_key_is_told(small_lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    small_lab.host(4).unplug()
    try:
        code, rows = asked(capsys, "trust", "lab-003", "lab-004", "--yes")
    finally:
        small_lab.host(4).plug_in()
    assert code == 1 and {row["name"]: row["state"] for row in rows} == {
        "lab-003": "new",
        "lab-004": "silent",
    }
    assert known().count("\n") == 1


def test_documentation_addresses_are_never_contacted(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["hosts", "trust", "--contract", "office-oa"]) == 1
    assert "203.0.113." in capsys.readouterr().err
