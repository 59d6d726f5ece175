"""A port is listened on, or is not: seen on the host itself, where no firewall plays in."""

from datetime import timedelta
from typing import Any, Literal

from tasks.inventory.schema import Port as Number
from tasks.model import Host, Target
from tasks.playbooks import CONDITIONS, Holds, Kind, Seen, Site
from tasks.playbooks.sending import run
from tasks.texts import t

LIMIT = timedelta(seconds=20)
# /proc knows without any tool: listening is state 0A, the port in hex behind the colon.
LINUX = """port=$(printf %04X {port})
for f in /proc/net/tcp /proc/net/tcp6; do [ -r $f ] && found=yes; done
[ -n "$found" ] || {{ echo unknown; exit 0; }}
cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | while read -r _ local _ state _; do
  [ "$state" = 0A ] && [ "${{local##*:}}" = "$port" ] && echo open; done | head -n 1
echo end"""
# Get-NetTCPConnection came with 2012 R2; this is there since .NET 2.0.
WINDOWS = """$ErrorActionPreference = 'Stop'
$all = [Net.NetworkInformation.IPGlobalProperties]::GetIPGlobalProperties().GetActiveTcpListeners()
foreach ($one in $all) {{ if ($one.Port -eq {port}) {{ 'open'; break }} }}
'end'"""


class PortCondition(Kind):
    port: Number
    is_: Literal["open", "closed"]

    model_config = {"alias_generator": lambda name: name.removesuffix("_"), "populate_by_name": False}


@CONDITIONS.add("port")
class Port:
    Settings = PortCondition

    def shown(self, said: Any, target: Target) -> str:
        return t(f"playbooks.port_{said.is_}", port=said.port)

    def see(self, said: Any, target: Target, site: Site) -> Seen:
        windows = isinstance(target, Host) and target.family == "windows"
        output = run((WINDOWS if windows else LINUX).format(port=said.port), target, site, LIMIT)
        lines = output.text.split()
        if lines[-1:] != ["end"]:
            return Seen(Holds.UNKNOWN, t("playbooks.port_unknown", port=said.port))
        state = "open" if "open" in lines else "closed"
        return Seen(
            Holds.YES if state == said.is_ else Holds.NO, t(f"playbooks.port_{state}", port=said.port)
        )
