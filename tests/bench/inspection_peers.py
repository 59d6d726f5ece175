"""What others need for the same: `ansible -m raw` and `pyinfra exec`, from their packages, in an environment
of their own; same hosts, same key, same trusted host keys, same command.

Each is set as it was found to go fastest here: fifty at once (Ansible took 21 s; 26 s with 25, 28 s with
10), and no connection kept for a next command that does not come (26 s with ControlPersist). Pipelining
is on, though `raw` has no use for it.
"""

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.lab.base import alone, folder
from tests.lab.hosts import Lab

PACKAGES = ("ansible-core==2.19.14", "pyinfra==3.10.0")
AT_ONCE = 50
SECONDS = 300


def programs() -> Path:
    """Their folder of programs, made once; never in this project's own environment."""
    place = folder() / f"peers-{hashlib.sha256(repr((PACKAGES, sys.version)).encode()).hexdigest()[:12]}"
    whole = place / "installed"
    with alone("peers"):
        if not whole.exists():
            shutil.rmtree(place, ignore_errors=True)
            subprocess.run([sys.executable, "-m", "venv", place], check=True, capture_output=True)
            pip = [place / "bin/pip", "install", "-q", *PACKAGES]
            done = subprocess.run(pip, capture_output=True, text=True, timeout=600)
            if done.returncode:
                raise RuntimeError(f"{', '.join(PACKAGES)} cannot be installed: {done.stderr[-300:]}")
            whole.touch()
    return place / "bin"


@dataclass(frozen=True)
class Peers:
    """`known_hosts` holds the lab's host keys; `place` is a folder for their settings."""

    lab: Lab
    known_hosts: Path
    place: Path
    programs: Path
    command: str

    def ansible(self) -> None:
        ssh = f"-F none -o UserKnownHostsFile={self.known_hosts} -o IdentitiesOnly=yes"
        (self.place / "ansible.cfg").write_text(
            f"[defaults]\nforks = {AT_ONCE}\nhost_key_checking = True\n"
            f"[ssh_connection]\npipelining = True\nssh_args = {ssh} -o StrictHostKeyChecking=yes\n"
        )
        lines = [f"{host.name} ansible_host={host.address}" for host in self.lab.hosts]
        own = ["[all:vars]", "ansible_user=root", f"ansible_ssh_private_key_file={self.lab.folder / 'key'}"]
        (self.place / "hosts").write_text("\n".join([*lines, *own, ""]))
        settings = {"ANSIBLE_CONFIG": f"{self.place}/ansible.cfg", "ANSIBLE_HOME": f"{self.place}/ansible"}
        self._run(["ansible", "-i", "hosts", "all", "-m", "raw", "-a", self.command], settings)

    def pyinfra(self) -> None:
        common = {
            "ssh_user": "root",
            "ssh_key": str(self.lab.folder / "key"),
            "ssh_known_hosts_file": str(self.known_hosts),
            "ssh_strict_host_key_checking": "yes",
            "ssh_allow_agent": False,
            "ssh_look_for_keys": False,
        }
        hosts = [(host.name, {"ssh_hostname": host.address, **common}) for host in self.lab.hosts]
        (self.place / "inventory.py").write_text(f"hosts = {hosts!r}\n")
        words = ["pyinfra", "-y", "--parallel", str(AT_ONCE), "inventory.py", "exec", "--"]
        self._run([*words, self.command])

    def _run(self, words: list[str], settings: Mapping[str, str] | None = None) -> None:
        own = {"PATH": f"{self.programs}:/usr/bin:/bin", "HOME": str(self.place), "LC_ALL": "C.UTF-8"}
        done = subprocess.run(
            words,
            env={**own, **(settings or {})},
            executable=self.programs / words[0],
            cwd=self.place,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
        answers = (done.stdout + done.stderr).count("x" * 5000)
        if done.returncode or answers != len(self.lab.hosts):
            raise RuntimeError(f"{words[0]}: {answers} answers, code {done.returncode}: {done.stderr[-300:]}")
