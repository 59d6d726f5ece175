"""What the stand-in Windows answers to the composed inspection script. SYNTHETIC: made up after the
documentation of each source, never seen on a real Windows.
"""

import json
import re
from datetime import UTC, datetime
from typing import Any

from tests.lab.winrm.fakewinrm import Call, FakeWindows

GIB = 2**30


def healthy(name: str = "WEB01") -> dict[str, dict[str, Any]]:
    """By check: the object that its probe gives on a server with nothing wrong."""
    disk = {
        "name": "C:",
        "label": "系统",
        "kind": "NTFS",
        "size": 100 * GIB,
        "free": 60 * GIB,
        "dirty": False,
    }
    card = {"name": "vmxnet3", "rx": 9 * 10**9, "tx": 4 * 10**9, "bad": 0, "at": 126 * 10**15}
    return {
        "windows.admins": {"members": [{"path": f"WORKGROUP/{name}/Administrator"}]},
        "windows.antivirus": {
            "defender": {"on": True, "live": True, "age": 0, "version": "1.421"},
            "services": [],
        },
        "windows.cpu": {"busy": 7, "cores": 4},
        "windows.disk": {"volumes": [disk]},
        "windows.events": {
            "logs": [
                {"log": log, "modern": True, "cut": False, "groups": []} for log in ("System", "Application")
            ]
        },
        "windows.hotfix": {"fixes": [{"id": "KB5031361", "on": f"{datetime.now():%m/%d/%Y}"}]},
        "windows.logins": {"logins": [], "failed": [], "locked": []},
        "windows.memory": {"total": 8388608, "free": 4194304, "commit": 10485760, "commit_free": 7340032},
        "windows.network": {"cards": [card]},
        "windows.reboot": {"reasons": []},
        "windows.release": {
            "host": name,
            "caption": "Microsoft Windows Server 2022 Standard",
            "version": "10.0.20348",
            "pack": "",
            "language": 2052,
            "page": "936",
            "powershell": "5.1.20348.2227",
        },
        "windows.services": {"count": 61, "stopped": [], "named": []},
        "windows.tasks": {"tasks": []},
        "windows.time": {
            "utc": "now",
            "type": "NTP",
            "servers": "192.0.2.123,0x8",
            "running": True,
            "guest": False,
            "status": ["层次: 3"],
        },
        "windows.uptime": {"seconds": 864000},
    }


def answering(host: FakeWindows, documents: dict[str, dict[str, Any]]) -> None:
    """From now on it answers the inspection with these; a check without one hangs until its limit."""

    def answer(call: Call) -> list[str]:
        mark = re.search(r"\$mark='([0-9a-f]+)'", call.script)
        assert mark
        lines = ["", f"@@{mark[1]} host {host.name}"]
        for name in re.findall(r"^Probe '([\w.]+)' \d+ ", call.script, re.M):
            said = documents.get(name)
            if said and said.get("utc") == "now":
                said = said | {"utc": datetime.now(UTC).isoformat(timespec="milliseconds")[:23]}
            text = json.dumps({"at": 0, "ms": 40, "answer": said}, ensure_ascii=True)
            lines += [
                "",
                f"@@{mark[1]} begin {name}",
                text,
                "",
                f"@@{mark[1]} end {name} {0 if said else 124}",
            ]
        return [*lines, ""]

    host.on(r"\$mark='[0-9a-f]+'", answer, kind="ps")


def stopped_service(documents: dict[str, dict[str, Any]]) -> None:
    row = {
        "name": "Spooler",
        "title": "打印后台处理程序",
        "state": "Stopped",
        "code": 1067,
        "delayed": 0,
        "trigger": False,
    }
    documents["windows.services"]["stopped"] = [row]


def full_drive(documents: dict[str, dict[str, Any]]) -> None:
    documents["windows.disk"]["volumes"][0]["free"] = 2 * GIB


def event_errors(documents: dict[str, dict[str, Any]]) -> None:
    group = {
        "key": "disk 7",
        "ids": [812, 813],
        "recent": 2,
        "last": "2026-11-20T02:11:09+08:00",
        "text": "坏块",
    }
    documents["windows.events"]["logs"][0]["groups"] = [group]


def pending_reboot(documents: dict[str, dict[str, Any]]) -> None:
    documents["windows.reboot"]["reasons"] = ["update", "rename"]


def hanging_probe(documents: dict[str, dict[str, Any]]) -> None:
    del documents["windows.hotfix"]


# Fault → what does it, and where it has to be found: check, subject, status.
FAULTS = {
    "stopped service": (stopped_service, ("windows.services", "Spooler", "fail")),
    "full drive": (full_drive, ("windows.disk", "C:", "fail")),
    "event errors": (event_errors, ("windows.events", "System win-bad-block", "fail")),
    "pending reboot": (pending_reboot, ("windows.reboot", "待重启", "warn")),
    "probe that hangs": (hanging_probe, ("windows.hotfix", "全部", "unknown")),
}
