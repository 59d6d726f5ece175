"""How services are told to start and stop, and asked how they are: systemd, SysV, scripts, Windows."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from tasks.checks.powershell import quoted
from tasks.inventory.schema import Service
from tasks.model import Host, Target
from tasks.playbooks import Kind
from tasks.strict import Shape, Text
from tasks.texts import t

How = Literal["systemd", "sysv", "windows", "script"]
# `running`, `stopped`, `between` (starting, stopping) or `failed`, as the scripts below say it.
ANSWERS = ("running", "stopped", "between", "failed", "absent")
Process = Annotated[str, StringConstraints(min_length=3, max_length=200)]


class Scripts(Shape):
    """Of what no service manager knows, such as a Tomcat or WebLogic that is started by hand. `status` ends
    with 0 while it runs."""

    start: Text
    stop: Text
    status: Text


class Named(Kind):
    """`process`: a pattern (pgrep -f, -match) of which no process may be left when it is stopped, and one has
    to be there when it runs: a script that returns 0 proves nothing."""

    service: Service
    how: How | None = None
    scripts: Scripts | None = None
    process: Process | None = None

    @model_validator(mode="after")
    def scripts_for_script(self) -> "Named":
        if (self.how == "script") != (self.scripts is not None):
            raise PydanticCustomError("scripts", t("playbooks.scripts"))
        return self


@dataclass(frozen=True, slots=True)
class Manager:
    """A service manager's words for what is wanted of it, and a script that says one of `ANSWERS`."""

    words: Mapping[str, str]
    asks: str

    def order(self, name: str, to: str) -> str:
        return self.words[to].format(name=name)

    def question(self, name: str) -> str:
        return self.asks.replace("{name}", name)


MANAGERS: Mapping[str, Manager] = {
    "systemd": Manager(
        {
            "running": "systemctl start {name}",
            "stopped": "systemctl stop {name}",
            "restarted": "systemctl restart {name}",
        },
        """case $(systemctl show -p LoadState --value {name}) in not-found) echo absent; exit 0;; esac
case $(systemctl show -p ActiveState --value {name}) in
active) echo running;; inactive) echo stopped;; failed) echo failed;;
activating|deactivating|reloading) echo between;;
*) echo unknown;; esac""",
    ),
    "sysv": Manager(
        {
            "running": "service {name} start",
            "stopped": "service {name} stop",
            "restarted": "service {name} restart",
        },
        # LSB: 0 runs, 1 and 2 died and left traces, 3 does not run, 4 not known.
        """[ -x /etc/init.d/{name} ] || { echo absent; exit 0; }
service {name} status >/dev/null 2>&1
case $? in 0) echo running;; 3) echo stopped;; 1|2) echo failed;; *) echo unknown;; esac""",
    ),
    "windows": Manager(
        {
            "running": "Start-Service -Name '{name}' -ErrorAction Stop",
            "stopped": "Stop-Service -Name '{name}' -ErrorAction Stop",
            "restarted": "Restart-Service -Name '{name}' -ErrorAction Stop",
        },
        """$s = Get-Service -Name '{name}' -ErrorAction SilentlyContinue
if ($null -eq $s) { 'absent' }
elseif ("$($s.Status)" -eq 'Running') { 'running' }
elseif ("$($s.Status)" -eq 'Stopped') { 'stopped' }
elseif ("$($s.Status)" -like '*Pending') { 'between' }
else { 'unknown' }""",
    ),
}


COUNTED_ON_WINDOWS = """$fit = {{ "$($_.CommandLine)" -match {pattern} -and $_.ProcessId -ne $PID }}
@(Get-WmiObject Win32_Process | Where-Object $fit).Count"""


def how_of(said: Any, target: Target) -> str:
    if said.how:
        return str(said.how)
    return "windows" if isinstance(target, Host) and target.family == "windows" else "systemd"


def order(said: Any, target: Target, to: str) -> str:
    """The command that is sent."""
    if said.scripts:
        scripts = {"running": said.scripts.start, "stopped": said.scripts.stop}
        scripts["restarted"] = f"{said.scripts.stop}\n{said.scripts.start}"
        return str(scripts[to])
    return MANAGERS[how_of(said, target)].order(said.service, to)


def question(said: Any, target: Target) -> str:
    """A script that says one of ANSWERS on its first line, and on its second how many processes fit."""
    if said.scripts:
        asked = f"if ( {said.scripts.status} ) >/dev/null 2>&1; then echo running; else echo stopped; fi"
    else:
        asked = MANAGERS[how_of(said, target)].question(said.service)
    if not said.process:
        return asked
    if how_of(said, target) == "windows":
        return f"{asked}\n{COUNTED_ON_WINDOWS.format(pattern=quoted(said.process))}"
    return f"( {asked} )\n{counting(said.process)}"


def counting(pattern: str) -> str:
    """How many processes fit, this shell and what it started not among them."""
    quoted = "'" + pattern.replace("'", "'\\''") + "'"
    return (
        f"for p in $(pgrep -f -- {quoted}); do"
        ' case $(ps -o sid= -p "$p" | tr -d " ") in "$(ps -o sid= -p $$ | tr -d " ")"|"") ;;'
        ' *) echo "$p";; esac; done | wc -l'
    )
