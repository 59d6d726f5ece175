"""A change of the system in `services.py` with steps that may not be sent twice, and how often they were."""

from collections.abc import Mapping
from typing import Any

from tests.lab.services import APP, DB, SERVICES, WEB, System

# Orders that may arrive once at most, there and back.
ONCE = {DB: ("migrate", "unmigrate"), WEB: ("publish", "unpublish")}
VERSION = "/var/www/version"
COUNT = "mariadb -N app -e \"SELECT COUNT(*) FROM papers WHERE title = 'migrated'\""


def release(system: System, name: str, fails: bool = False) -> dict[str, Any]:
    """`playbooks/changes/<name>.yml`. `fails`: its last step cannot succeed, and everything is undone."""
    steps = [
        switched("web-off", WEB, "stopped"),
        switched("app-off", APP, "stopped"),
        once(
            "migrate",
            DB,
            "mariadb app -e \"INSERT INTO papers (title) VALUES ('migrated')\"",
            "mariadb app -e \"DELETE FROM papers WHERE title = 'migrated'\"",
            (COUNT, "^1$", "^0$"),
        ),
        once("publish", WEB, f"echo 2 >{VERSION}", f"echo 1 >{VERSION}", (f"cat {VERSION}", "^2$", "^1$")),
        switched("app-on", APP, "running", [{"http": f"http://{system.host(APP).address}:8080/"}]),
        switched("web-on", WEB, "running", [{"http": f"http://{system.host(WEB).address}/"}]),
    ]
    if fails:
        steps.append(failing())
    return {
        "name": name,
        "title": "试验系统发布",
        "purpose": "有不可重复步骤的变更",
        "kind": "change",
        "contract": "lab",
        "scope": [WEB, APP, DB],
        "steps": steps,
    }


def switched(id_: str, host: str, to: str, healthy: list[Any] | None = None) -> dict[str, Any]:
    service, pattern, _ = SERVICES[host]
    back = "running" if to == "stopped" else "stopped"
    control = {"service": service, "process": pattern}
    return {
        "id": id_,
        "title": f"{service} {to}",
        "on": [host],
        "do": {**control, "to": to},
        "prove": [{**control, "is": to}, *(healthy or [])],
        "undo": {**control, "to": back},
        "undone": [{**control, "is": back}],
        "limit": "30s",
        "repeat": True,
    }


def once(id_: str, host: str, do: str, undo: str, proof: tuple[str, str, str]) -> dict[str, Any]:
    """It takes a second until it has come to something."""
    look, done, undone = proof
    return {
        "id": id_,
        "title": id_,
        "on": [host],
        "do": {"command": f"did {id_} 1; {do}"},
        "prove": [{"command": look, "says": done}],
        "undo": {"command": f"did un{id_} 1; {undo}"},
        "undone": [{"command": look, "says": undone}],
        "limit": "30s",
    }


def failing() -> dict[str, Any]:
    return {
        "id": "fails",
        "title": "fails",
        "on": [APP],
        "do": {"command": "exit 3"},
        "prove": [{"command": "test -e /nowhere"}],
        "undo": {"command": "true"},
        "undone": [{"command": "true"}],
        "limit": "2s",
    }


def reset(system: System) -> None:
    system.bring("start")
    system.host(WEB).run(f"mkdir -p /var/www; echo 1 >{VERSION}")
    system.host(DB).run("mariadb app -e \"DELETE FROM papers WHERE title = 'migrated'\"")
    system.forget()


def released(system: System) -> Mapping[str, bool]:
    """By step that may not be repeated, whether it is done."""
    return {
        "migrate": system.host(DB).run(COUNT).strip() == "1",
        "publish": system.host(WEB).run(f"cat {VERSION}").strip() == "2",
    }


def repeated(system: System) -> list[str]:
    """What arrived more often than it may."""
    return [
        f"{order} arrived {count} times"
        for host, orders in ONCE.items()
        for order in orders
        if (count := system.arrived(host).count(order)) > 1
    ]


def wrong(system: System, end: str) -> list[str]:
    """What is not as a release that ended so has to leave it."""
    done, states = released(system), system.state()
    found = repeated(system)
    if end not in ("done", "undone"):
        return [*found, f"ended {end}"]
    found += [f"{name} does not run" for name, state in states.items() if not state.runs]
    return found + [f"{end}, but {step} is {so}" for step, so in done.items() if so != (end == "done")]
