"""What has to be known of a database before and after its backup; every question is read only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from tasks.backups import ChainBroken, Order
from tasks.backups.oracle import rowsums
from tasks.backups.oracle.host import UNIT, OracleHost, Refusal, on
from tasks.backups.oracle.rowsums import Summed
from tasks.backups.oracle.verdicts import State, Verdict
from tasks.errors import OpsError
from tasks.model import Database, Host, Instance
from tasks.texts import t
from tasks.transports import Access

# Views of instances and control files only: a mounted standby answers them too.
DATABASE = """\
select d.name || chr(31) || d.db_unique_name || chr(31) || to_char(d.dbid) || chr(31) || d.log_mode
|| chr(31) || d.open_mode || chr(31) || d.database_role || chr(31) || to_char(d.resetlogs_change#)
|| chr(31) || i.version from v$database d cross join v$instance i"""
SCN = "select to_char(current_scn) from v$database"
PARAMETERS = "select name || chr(31) || value from v$parameter where name in {names}"
# `cdb` is no column before 12.1.
CONTAINERS = """\
select p.name || chr(31) || p.open_mode from v$pdbs p cross join v$database d
where d.cdb = 'YES' and p.name <> 'PDB$SEED' order by p.name"""
DATAFILES = """\
select to_char(file#) || chr(31) || to_char(bytes) || chr(31) || status || chr(31)
|| to_char(checkpoint_change#) || chr(31) || enabled from v$datafile order by file#"""
LOGS = """\
select to_char(thread#) || chr(31) || to_char(sequence#) || chr(31) || to_char(min(first_change#))
|| chr(31) || to_char(max(next_change#)) || chr(31) || to_char(max(blocks * block_size))
from v$archived_log where resetlogs_change# = {resetlogs} and deleted = 'NO' and status = 'A'
and standby_dest = 'NO' and name is not null
group by thread#, sequence# order by thread#, sequence#"""
PIECES = """\
select handle || chr(31) || to_char(set_stamp) || ':' || to_char(set_count) || ':' || to_char(piece#)
from v$backup_piece where handle like '{folder}/%' and status = 'A' order by handle"""
BACKED_UP = """\
select to_char(f.file#) || chr(31) || to_char(f.checkpoint_change#) || chr(31)
|| to_char(f.incremental_change#) || chr(31)
|| to_char(f.marked_corrupt + f.media_corrupt + f.logically_corrupt)
from v$backup_datafile f
where f.file# > 0 and (f.set_stamp, f.set_count) in
(select set_stamp, set_count from v$backup_piece where tag = '{tag}') order by f.file#"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    name: str
    unique_name: str
    dbid: str
    log_mode: str
    open_mode: str
    role: str
    resetlogs: str
    version: str
    compatible: str = ""
    recovery: str = ""
    block_size: str = "8192"
    containers: Mapping[str, str] = field(default_factory=dict)

    @property
    def release(self) -> tuple[int, int]:
        first, second, *_ = (*self.version.split("."), "0", "0")
        return int(first), int(second)

    @property
    def opened(self) -> bool:
        return self.open_mode.startswith("READ")

    @property
    def primary(self) -> bool:
        return self.role == "PRIMARY"


@dataclass(frozen=True, slots=True)
class Datafile:
    number: int
    size: int
    status: str
    checkpoint: int
    enabled: str = "READ WRITE"

    @property
    def online(self) -> bool:
        return self.status in ("ONLINE", "SYSTEM")

    @property
    def moves(self) -> bool:
        """A read-only one stands where it was made so, and needs no log since."""
        return self.online and self.enabled != "READ ONLY"


@dataclass(frozen=True, slots=True)
class Log:
    thread: int
    sequence: int
    first: int
    next: int
    size: int


def host_of(order: Order) -> OracleHost:
    target = order.target
    assert isinstance(target, Database)
    instance = chosen(target, order.job.side)
    host = order.access.hosts.get(instance.host)
    if host is None:
        raise OpsError(t("oracle_backup.no_host", name=target.name))
    return as_said(host, order.access, instance.name, order)


def as_said(host: Host, access: Access, sid: str, order: Order) -> OracleHost:
    job = order.job
    login = replace(host, credential=job.credential) if job.credential else host
    return on(login, access, sid, job.programs, job.load.gentle)


def chosen(target: Database, side: str) -> Instance:
    if not target.instances:
        raise OpsError(t("oracle_backup.no_host", name=target.name))
    if side == "primary":
        return next((one for one in target.instances if one.role != "standby"), target.instances[0])
    found = next((one for one in target.instances if one.role == "standby"), None)
    if found is None:
        raise OpsError(t("oracle_backup.no_standby", name=target.name))
    return found


def look(host: OracleHost) -> Facts:
    """In one trip; before 12.1 there are no containers to ask for, and the refusal says so."""
    wanted = ("compatible", "db_recovery_file_dest", "db_block_size")
    asked = [DATABASE, PARAMETERS.format(names=rowsums.listed(wanted)), CONTAINERS]
    answers = host.sqlplus(asked, stop=False)
    if problem := rowsums.failed([line for lines in answers[:2] for line in lines]):
        raise Refusal("sqlplus", Verdict(State.FAILED, (problem,)))
    database, more, containers = ([line.split(UNIT) for line in lines] for lines in answers)
    name, unique, dbid, log, mode, role, resetlogs, version = database[0]
    said = named(more)
    return Facts(
        name=name,
        unique_name=unique,
        dbid=dbid,
        log_mode=log,
        open_mode=mode,
        role=role,
        resetlogs=resetlogs,
        version=version,
        compatible=said.get("compatible", ""),
        recovery=said.get("db_recovery_file_dest", ""),
        block_size=said.get("db_block_size", "8192"),
        containers={row[0]: row[1] for row in containers if len(row) == 2},
    )


def hostname(host: OracleHost) -> str:
    return host.sh("uname -n").decode("utf-8", "replace").strip()


def parameters(host: OracleHost, names: Sequence[str]) -> dict[str, str]:
    return named(host.rows(PARAMETERS.format(names=rowsums.listed(names))))


def named(rows: Sequence[Sequence[str]]) -> dict[str, str]:
    return {row[0]: row[1] if len(row) > 1 else "" for row in rows}


def scn(host: OracleHost) -> int:
    return int(host.rows(SCN)[0][0])


def datafiles(host: OracleHost) -> list[Datafile]:
    return [
        Datafile(int(number), int(size), status, int(at or 0), enabled)
        for number, size, status, at, enabled in host.rows(DATAFILES)
    ]


def oldest(files: Sequence[Datafile]) -> int:
    """From here on the logs are needed; SYSTEM is never read only."""
    return min(file.checkpoint for file in files if file.moves)


def logs(host: OracleHost, resetlogs: str) -> list[Log]:
    return [Log(*map(int, row)) for row in host.rows(LOGS.format(resetlogs=int(resetlogs)))]


def unbroken(
    found: Sequence[Log], since: int, until: int, after: Mapping[str, int] | None = None
) -> list[Log]:
    """All that hold changes from `since` up to and with `until`; `after`: the last of each thread that the
    chain has already. One that is missing in between is an error now, not on the day of a restore."""
    needed: list[Log] = []
    for thread in sorted({log.thread for log in found}):
        behind = (after or {}).get(str(thread))
        first = behind if behind is not None else -1
        ours = [log for log in found if log.thread == thread and log.sequence > first and log.next > since]
        expected = behind + 1 if behind is not None else None
        for log in ours:
            if expected is not None and log.sequence != expected:
                raise ChainBroken(
                    t("oracle_backup.log_gap", thread=thread, first=expected, last=log.sequence - 1)
                )
            expected = log.sequence + 1
        if behind is None and ours and ours[0].first > since and ours[0].sequence > 1:
            last = ours[0].sequence - 1
            raise OpsError(t("oracle_backup.log_gap", thread=thread, first=last, last=last))
        needed += ours
    if not any(log.next > until for log in found):
        raise OpsError(t("oracle_backup.no_logs", scn=until))
    return needed


def grouped(sizes: Mapping[int, int], bound: int) -> list[list[int]]:
    """As many at once as fit what may be staged."""
    groups: list[list[int]] = []
    room = 0
    for number, size in sorted(sizes.items(), key=lambda one: (-one[1], one[0])):
        if size > bound:
            raise OpsError(t("oracle_backup.too_big", name=number, size=size / 2**30, bound=bound / 2**30))
        if not groups or size > room:
            groups.append([])
            room = bound
        groups[-1].append(number)
        room -= size
    return groups


def sums(
    host: OracleHost, facts: Facts, at: int | None, owners: Sequence[str] = (), moved: bool = False
) -> Summed:
    """Of the database and each container of it that is open; why not, where it cannot be."""
    if not facts.opened:
        return Summed((), {facts.name: t("oracle_backup.not_open", mode=facts.open_mode)})
    if facts.release < (12, 1):
        return Summed((), {facts.name: t("oracle_backup.no_hash", version=facts.version)})
    point = str(at) if at is not None else ""
    whole = rowsums.summed(host, point, owners, moved=moved)
    digests, left = list(whole.digests), dict(whole.not_digested)
    for name, mode in facts.containers.items():
        if not mode.startswith("READ"):
            left[name] = t("oracle_backup.not_open", mode=mode)
            continue
        part = rowsums.summed(host, point, owners, name, moved)
        digests += part.digests
        left.update(part.not_digested)
    return Summed(tuple(digests), left)
