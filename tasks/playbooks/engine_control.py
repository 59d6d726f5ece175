"""How a database is started and stopped on its hosts by its engine's own means, and asked whether it runs.

Oracle by sqlplus as the owner of its software, MySQL, MariaDB and PostgreSQL by their unit; PostgreSQL
without one by pg_ctl; on Windows each by its service.
"""

import shlex
from collections.abc import Iterator
from typing import Any, Literal

from tasks.backups.oracle.host import AS_OWNER, ENVIRONMENT
from tasks.checks.powershell import quoted
from tasks.errors import OpsError
from tasks.inventory.schema import Service
from tasks.model import Database, Host, Instance, Target
from tasks.playbooks import Kind, Site
from tasks.strict import Name, Text
from tasks.texts import t

UNITS = {"mysql": ("mysqld", "mariadb", "mysql"), "postgres": ("postgresql",)}
PROCESSES = {"mysql": ("mysqld", "mariadbd"), "postgres": ("postgres", "postmaster", "gaussdb")}
SYSTEMCTL = {"running": "start", "stopped": "stop"}
SQLPLUS = {"running": "startup", "stopped": "shutdown immediate"}
WINDOWS = {"running": "Start-Service", "stopped": "Stop-Service"}

# Whatever sqlplus says of an ORA- error: `whenever sqlerror` knows nothing of its own commands.
ORACLE = """body=$(cat <<'OPSPROOF_BODY'
{environment}said=$(sqlplus -S -L / as sysdba <<'OPSPROOF_SQL' 2>&1
{command}
exit
OPSPROOF_SQL
)
printf '%s\\n' "$said"
case $said in *ORA-*|*SP2-*) exit 1;; esac
OPSPROOF_BODY
)
{environment}{owner}printf '%s\\n' "$body" | as_owner sh -s
"""
ORACLE_RUNS = """if ps -eo args | grep -q '^ora_pmon_{sid}$'; then echo running; else echo stopped; fi"""
UNIT = """for unit in {units}; do
  if systemctl cat "$unit.service" >/dev/null 2>&1; then systemctl {verb} "$unit"; exit $?; fi
  if [ -x "/etc/init.d/$unit" ]; then service "$unit" {verb}; exit $?; fi
done
"""
NO_UNIT = "echo opsproof-no-unit >&2; exit 97"
PG_CTL = """data={data}; [ -f "$data/PG_VERSION" ] || {{ echo opsproof-no-unit >&2; exit 97; }}
ctl=$(command -v pg_ctl)
[ -n "$ctl" ] || ctl=$(ls -d /usr/pgsql-*/bin/pg_ctl /usr/lib/postgresql/*/bin/pg_ctl 2>/dev/null | tail -n 1)
owner=$(stat -c %U "$data")
run="'$ctl' {verb} -w -m fast -D '$data' -l '$data/opsproof-start.log'"
if [ "$(id -un)" = "$owner" ]; then sh -c "$run"; else su -s /bin/sh "$owner" -c "$run"; fi"""
# Its working directory is its data: of several servers on one host this is the one.
RUNS = """data={data}; found=
for p in $(for name in {processes}; do pgrep -x "$name"; done); do
  here=$(readlink "/proc/$p/cwd")
  # Dead and not yet buried.
  grep -q '^State:.*Z' "/proc/$p/status" 2>/dev/null && continue
  [ -d "/proc/$p" ] || continue
  if [ -z "$data" ] || [ -z "$here" ] || [ "$here" = "${{data%/}}" ]; then found=yes; fi
done
[ -n "$found" ] && echo running || echo stopped"""
WINDOWS_RUNS = """$s=Get-Service -Name {unit} -ErrorAction SilentlyContinue
if($null -eq $s){{'absent'}}elseif("$($s.Status)" -eq 'Running'){{'running'}}
elseif("$($s.Status)" -eq 'Stopped'){{'stopped'}}else{{'between'}}"""


class Named(Kind):
    """`sid`: of an Oracle whose instance is called otherwise than in databases.yml; `home`: of one that
    stands in no oratab; `unit`: of a service that is called otherwise than its engine's usually is."""

    usable_on = ("database",)

    engine: Literal["running", "stopped"]
    sid: Name | None = None
    home: Text = ""
    unit: Service | None = None


def places(target: Target, site: Site) -> Iterator[tuple[Instance, Host]]:
    """Where it runs, in the order that the inventory names."""
    if not isinstance(target, Database):
        raise OpsError(t("playbooks.not_a_database", name=target.name))
    for one in target.instances:
        host = site.targets.get(one.host)
        if not isinstance(host, Host):
            raise OpsError(t("playbooks.no_host", name=one.host))
        yield one, host


def order(said: Any, target: Database, instance: Instance, host: Host, to: str) -> str:
    """The script that is sent."""
    if host.family == "windows":
        return f"{WINDOWS[to]} -Name {quoted(service(said, target, instance))} -ErrorAction Stop"
    if target.engine == "oracle":
        sid = shlex.quote(said.sid or instance.name)
        environment = ENVIRONMENT.format(sid=sid, home=shlex.quote(said.home), program="sqlplus")
        owner = AS_OWNER.format(owner="''")
        return ORACLE.format(environment=environment, owner=owner, command=command(target, instance, to))
    verb, data = SYSTEMCTL[to], shlex.quote(target.data)
    last = PG_CTL.format(data=data, verb=verb) if target.engine == "postgres" and target.data else NO_UNIT
    return UNIT.format(units=" ".join(units(said, target)), verb=verb) + last


def command(target: Database, instance: Instance, to: str) -> str:
    """A standby is opened by whoever knows what it is for."""
    mounted = to == "running" and (instance.role or target.role) == "standby"
    return "startup mount" if mounted else SQLPLUS[to]


def question(said: Any, target: Database, instance: Instance, host: Host) -> str:
    """A script that says `running` or `stopped`."""
    if host.family == "windows":
        return WINDOWS_RUNS.format(unit=quoted(service(said, target, instance)))
    if target.engine == "oracle":
        return ORACLE_RUNS.format(sid=said.sid or instance.name)
    processes = " ".join(PROCESSES[known(target)])
    return RUNS.format(data=shlex.quote(target.data), processes=processes)


def units(said: Any, target: Database) -> tuple[str, ...]:
    return (said.unit,) if said.unit else UNITS[known(target)]


def service(said: Any, target: Database, instance: Instance) -> str:
    if said.unit:
        return str(said.unit)
    return (
        f"OracleService{said.sid or instance.name}" if target.engine == "oracle" else units(said, target)[0]
    )


def known(target: Database) -> str:
    if target.engine not in UNITS:
        raise OpsError(t("playbooks.no_engine_control", engine=target.engine))
    return target.engine


def summary(said: Any, target: Database, instance: Instance, to: str) -> str:
    """What its order comes to, for people."""
    if target.engine == "oracle":
        return f"sqlplus / as sysdba ({said.sid or instance.name}): {command(target, instance, to)}"
    return f"{SYSTEMCTL[to]} {'|'.join(units(said, target))}"
