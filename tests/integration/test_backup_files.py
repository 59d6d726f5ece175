"""Directories of real hosts over SSH."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flows.cli import main
from tasks.backups.catalogue import Backup, Proved
from tasks.backups.manifest import Kind, Level
from tasks.backups.plan import Item
from tasks.backups.proof import prove
from tasks.backups.restore import to_host
from tasks.backups.taking import take
from tasks.backups.wanted import wanted
from tasks.errors import OpsError
from tests.lab.hosts import Lab
from tests.lab.product import access, give_credentials, host_of, trust
from tests.unit.backups.places import place

TREE = """
mkdir -p /srv/app/sub /srv/app/mounted /srv/app/cache; cd /srv/app
printf 'GBK' >"$(printf '\\262\\306\\316\\361.txt')"
echo odd >"$(printf 'new\\nline')"; echo dash >-n; echo q >"it's \\"q\\" \\\\n"
mknod null c 1 3; mknod disk b 7 200; mkfifo pipe; ln -s /etc/passwd out; ln sub hard 2>/dev/null
echo one >one; ln one sub/two; chmod 4711 one; chown 2001:2002 one sub
head -c 3000000 /dev/urandom >big; truncate -s 100M sparse; echo end >>sparse
chmod 000 sub; setfattr -n user.kind -v secret one 2>/dev/null || true
"""


LOOK = (
    "(cd {}/srv/app; find . ! -type s -printf '%p %y %m %U %G %T@ %l %n\\n' | sort;"
    " find . -type f -exec sha256sum {{}} + | sort) | base64"
)


class Case:
    def __init__(self, lab: Lab, number: int, folder: Path, *, encrypted: bool = True, **job: Any) -> None:
        self.lab, self.host = lab, lab.host(number)
        words = {"name": "docs", "targets": [self.host.name], "method": "files", "paths": ["/srv/app"], **job}
        self.place, self.identities = place(folder, words, encrypted=encrypted)
        self.said: list[str] = []

    def take(self, kind: Kind = Kind.FULL, **fields: Any) -> Backup:
        target = replace(host_of(self.host), **fields)
        return take(
            self.place, Item(self.place.plan.jobs[0], target), kind, access(self.lab), say=self.said.append
        )

    def proven(self, backup: Backup) -> Proved:
        proof = prove(self.place, backup, Level.L3, self.identities)
        assert (proof.failed, proof.unsure, proof.level) == ("", "", Level.L3)
        return proof


@pytest.fixture(autouse=True)
def in_the_lab(small_lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = threading.active_count()
    monkeypatch.setenv("OPSPROOF_HOME", str(tmp_path))
    give_credentials(small_lab, monkeypatch.setenv)
    trust(small_lab)
    for host in small_lab.hosts:
        host.run("rm -rf /srv/*")
    with small_lab.inside():
        yield
    assert threading.active_count() < before + 3, "threads were left behind"


@pytest.mark.parametrize("number", [1, 2])
def test_everything_of_a_host_comes_back(small_lab: Lab, tmp_path: Path, number: int) -> None:
    case = Case(small_lab, number, tmp_path, exclude=["cache"])
    case.host.run(TREE)
    case.host.run("mount -t tmpfs none /srv/app/mounted; touch /srv/app/mounted/inside; sleep 0.1")
    try:
        backup = case.take()
    finally:
        case.host.run("umount /srv/app/mounted")
    assert "mounted" in "".join(case.said) and case.proven(backup).rows == 15
    assert backup.manifest.members[0].size < 5_000_000  # holes are not content
    assert not any("inside" in one.name or "cache" in one.name for one in backup.manifest.digests)


def test_a_chain_goes_to_another_host(small_lab: Lab, tmp_path: Path) -> None:
    case = Case(small_lab, 1, tmp_path)
    case.host.run(TREE + "sleep 0.1")
    case.take()
    case.host.run("cd /srv/app; rm -r big cache; mkdir big; echo in >big/in; echo more >>one; sleep 0.1")
    last = case.take(Kind.INCREMENTAL)
    case.proven(last)
    other = small_lab.host(4)
    to = host_of(other), "/srv/back", case.identities, access(small_lab), case.said.append
    to_host(case.place, wanted(case.place, last.name), *to)
    assert other.run(LOOK.format("/srv/back")) == case.host.run(LOOK.format(""))
    assert int(other.run("du -s /srv/back").split()[0]) < 20_000


def test_as_another_user_what_cannot_be_read_is_named_and_nothing_is_stored(
    small_lab: Lab, tmp_path: Path
) -> None:
    case = Case(small_lab, 1, tmp_path)
    case.host.run(
        "mkdir -p /srv/app/sub/deep; cd /srv/app; echo x >open; echo y >closed; chmod 600 closed; sleep 0.1"
    )
    with pytest.raises(OpsError, match="closed"):
        case.take(credential="ops")
    case.host.run("rm /srv/app/closed; chmod 700 /srv/app/sub")
    with pytest.raises(OpsError, match="sub"):
        case.take(credential="ops")
    assert list(case.place.stores["vault"].objects("")) == []
    case.proven(case.take(credential="ops-password", sudo=True))


def test_a_host_with_busybox_only_is_told(small_lab: Lab, tmp_path: Path) -> None:
    case = Case(small_lab, 4, tmp_path)
    case.host.run(
        "cd /usr/local/bin; printf '#!/bin/sh\\necho BusyBox\\n' >tar; chmod 755 tar; mkdir /srv/app"
    )
    try:
        with pytest.raises(OpsError, match="GNU"):
            case.take()
    finally:
        case.host.run("rm /usr/local/bin/tar")


INVENTORY = {
    "contracts/lab.yml": """\
code: lab
name: 演练
parts:
  linux: {title: 主机, hosts: {any: 2}}
""",
    "lab/hosts.yml": """\
groups:
  linux:
    part: linux
    os: linux
    hosts:
""",
    "lab/backups.yml": """\
stores:
  vault: {kind: folder, path: vault, keep_free: 0}
verification: {keep_free: 0}
jobs:
  - {name: docs, targets: [lab-001], method: files, store: vault, paths: [/srv/app]}
""",
}


def test_restored_by_the_command(
    small_lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As its users do: to a folder of this machine, and to another host."""
    monkeypatch.setenv("OPSPROOF_INVENTORIES", str(tmp_path / "inventories"))
    hosts = "".join(
        f"      - {{name: {one.name}, address: {one.address}, credential: {one.credential}}}\n"
        for one in (small_lab.host(1), small_lab.host(2))
    )
    for name, text in INVENTORY.items():
        path = tmp_path / "inventories" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + (hosts if name.endswith("hosts.yml") else ""), "utf-8")
    case = Case(small_lab, 1, tmp_path, encrypted=False)
    case.host.run(TREE + "sleep 0.1")
    name = case.take().name
    here = tmp_path / "restored"

    def restore(to: str) -> int:
        return main(["backup", "restore", name, "--contract", "lab", "--to", to, "--yes"])

    assert restore(str(here)) == 0, capsys.readouterr().err
    assert (here / "tree/srv/app/one").read_text() == "one\n"
    assert restore("lab-002:/srv/back") == 0, capsys.readouterr().err
    other = small_lab.host(2)
    assert other.run(LOOK.format("/srv/back")) == case.host.run(LOOK.format(""))
    assert other.run("ls -A /srv /srv/back").split() == ["/srv:", "back", "/srv/back:", "srv"]
    assert restore("lab-002:/srv/back") == 2 and "不是空的" in capsys.readouterr().err
    assert restore("lab-009:/srv/back") == 1
