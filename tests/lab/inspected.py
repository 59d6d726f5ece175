"""A lab under contract: an inventory and a state of its own, and `opsproof` as its user types it."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.installation import PROJECT
from tests.lab.hosts import Lab, LabHost
from tests.lab.product import give_credentials

APPROVER = "审批乙"
# Check, subject, status.
Alarm = tuple[str, str, str]


class Inspected:
    def __init__(self, lab: Lab, folder: Path) -> None:
        self.lab, self.inventories = lab, folder / "inventories"
        self.inventories.mkdir()
        people = [{"name": APPROVER, "roles": ["approver"], "contracts": "all"}]
        self._write("operators.yml", {"operators": people})
        self.environment = {name: value for name, value in os.environ.items() if "OPSPROOF" not in name}
        self.environment["OPSPROOF_HOME"] = str(folder / "home")
        self.environment["OPSPROOF_INVENTORIES"] = str(self.inventories)
        give_credentials(lab, self.environment.__setitem__)

    def _write(self, path: str, content: object) -> None:
        """JSON is YAML."""
        (self.inventories / path).parent.mkdir(exist_ok=True)
        (self.inventories / path).write_text(json.dumps(content, ensure_ascii=False), "utf-8")

    def contract(
        self,
        code: str,
        hosts: Sequence[Mapping[str, Any]],
        sites: Sequence[Mapping[str, Any]] = (),
        databases: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        """Write it down, trust the keys its hosts show, activate it. `databases`: groups of them."""
        parts: dict[str, Any] = {"linux": {"title": "主机", "hosts": {"any": len(hosts)}}}
        parts |= {"web": {"title": "网站", "sites": len(sites)}} if sites else {}
        parts |= {"db": {"title": "数据库"}} if databases else {}
        self._write(f"contracts/{code}.yml", {"code": code, "name": code, "mode": "lab", "parts": parts})
        self._write(f"{code}/hosts.yml", {"groups": {"all": {"part": "linux", "hosts": hosts}}})
        if sites:
            self._write(f"{code}/sites.yml", {"groups": {"all": {"part": "web", "sites": sites}}})
        if databases:
            groups = {f"group-{number}": {"part": "db", **one} for number, one in enumerate(databases)}
            self._write(f"{code}/databases.yml", {"groups": groups})
        shutil.copy(PROJECT / "inventories/lab/limits.yml", self.inventories / code)
        self.opsproof("hosts", "trust", "--contract", code, "--yes", codes=(0, 1))
        self.opsproof("inventory", "activate", code, "--yes")

    def start(self, *words: str) -> "subprocess.Popen[str]":
        """A command in the lab's network."""
        with self.lab.inside():
            return subprocess.Popen(
                [sys.executable, "-m", "flows.cli", *words],
                cwd=PROJECT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )

    def opsproof(self, *words: str, codes: Sequence[int] = (0,), seconds: float = 300) -> str:
        return ended(self.start(*words), codes, seconds)

    def begin(self, code: str = "lab") -> "subprocess.Popen[str]":
        return self.start("run", "inspection", "--contract", code, "--json")

    def inspect(self, code: str = "lab") -> dict[str, Any]:
        return told(self.begin(code))

    def approve(self, code: str = "lab") -> None:
        words = ("--contract", code, "--all", "--by", APPROVER, "--reason", "上线核对")
        self.opsproof("baseline", "approve", *words)

    def acknowledge(self, target: str, alarm: Alarm, reason: str, code: str = "lab") -> None:
        what = ("--target", target, "--check", alarm[0], "--subject", alarm[1])
        who = ("--by", APPROVER, "--reason", reason, "--until", "2099-12-31")
        self.opsproof("finding", "acknowledge", "--contract", code, *what, *who)


def ended(process: "subprocess.Popen[str]", codes: Sequence[int], seconds: float) -> str:
    out, said = process.communicate(timeout=seconds)
    if process.returncode not in codes or "Traceback" in said:
        raise RuntimeError(f"{process.args} ended with {process.returncode}: {said}")
    return out


def told(process: "subprocess.Popen[str]", seconds: float = 400) -> dict[str, Any]:
    """What an inspection said: 0 all is well, 1 something was found."""
    said: dict[str, Any] = json.loads(ended(process, (0, 1), seconds))
    return said


def entry(one: LabHost, **fields: object) -> dict[str, object]:
    """A lab host as a line of hosts.yml."""
    own = {"name": one.name, "address": one.address, "os": one.system.os, "credential": one.credential}
    return {**own, **fields}


def alarms(run: Mapping[str, Any], names: Iterable[str]) -> dict[str, set[Alarm]]:
    """Of each target everything that is not ok and that nobody has answered for."""
    found: dict[str, set[Alarm]] = {name: set() for name in names}
    for one in run["findings"]:
        if one["target"] in found and one["status"] != "ok" and not one["known"]:
            found[one["target"]].add((one["check"], one["subject"], one["status"]))
    return found


def summary(run: Mapping[str, Any], target: str, alarm: Alarm) -> str:
    """What was said of it."""
    return next(
        one["summary"]
        for one in run["findings"]
        if one["target"] == target and (one["check"], one["subject"], one["status"]) == alarm
    )


def number(run: Mapping[str, Any], target: str, check: str, name: str) -> float:
    (value,) = [
        float(number["value"])
        for one in run["findings"]
        if (one["target"], one["check"]) == (target, check)
        for number in one["numbers"]
        if number["name"] == name
    ]
    return value
