"""The host where proof is done, and the scratch instance on it: found to be safe before each step, gone with
its folder at the end.
"""

import secrets
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from tasks.backups import CouldNotLook, Fetched, Unsound
from tasks.backups.oracle import safety, scripts, source
from tasks.backups.oracle.host import OracleHost, Refusal, on
from tasks.backups.oracle.staging import bring, clear_dead, root_of, staging
from tasks.backups.oracle.verdicts import State
from tasks.backups.scratch import Scratch
from tasks.errors import OpsError
from tasks.texts import t

# Ours, not the backup's: no space, no recovery area, no memory, no right, no way.
OURS = frozenset(
    {"ORA-00845", "ORA-01031", "ORA-01034", "ORA-01078", "ORA-01081", "ORA-04031", "ORA-09925", "ORA-12154"}
    | {"ORA-12541", "ORA-19502", "ORA-19504", "ORA-19804", "ORA-19809", "ORA-19815", "ORA-27040", "ORA-27044"}
    | {"ORA-27072", "ORA-27102", "ORA-27125", "ORA-27300", "ORA-27301", "ORA-27302"}
)
FILES = """\
select name from v$datafile union all select name from v$tempfile
union all select member from v$logfile union all select name from v$controlfile"""
MEMBERS = "select member from v$logfile order by group#, member"
TEMPORARY = "select to_char(file#) from v$tempfile order by file#"
HANDLES = "select handle from v$backup_piece where status = 'A' order by handle"
SETS = "select to_char(recid) from v$backup_set order by recid"
IDENTITIES = """\
select handle || chr(31) || to_char(set_stamp) || ':' || to_char(set_count) || ':' || to_char(piece#)
from v$backup_piece where status = 'A' order by handle"""
# A control file stands among the copies under the number 0.
CONTROLS = "select name from v$datafile_copy where file# = 0 and status = 'A' order by name"
TRACKING = "select status from v$block_change_tracking"
FLASHBACK = "select flashback_on from v$database"
LOST = """\
select to_char(count(*)) from v$datafile where status not in ('ONLINE', 'SYSTEM')
or file# in (select file# from v$recover_file)"""
ROOM = 2.6  # the pieces, and what is made of them


@dataclass(frozen=True)
class ScratchInstance:
    host: OracleHost
    folder: str
    name: str
    facts: Mapping[str, str]

    @property
    def standby(self) -> bool:
        return self.facts.get("role") != "PRIMARY"

    def started(self) -> None:
        said = scripts.parameters(
            self.folder,
            self.facts["name"],
            self.name,
            self.facts.get("compatible", ""),
            self.facts.get("block_size", "8192"),
            self.facts.get("container") == "YES",
        )
        quoted = shlex.quote(self.folder)
        self.host.sh(
            f"mkdir -p {quoted}/data {quoted}/recovery {quoted}/admin {quoted}/controls\n"
            f"cat > {quoted}/admin/scratch.ora <<'END'\n{said}\nEND"
        )
        self.host.sqlplus([f"startup nomount pfile='{self.folder}/admin/scratch.ora'"])
        names = ("db_unique_name", *safety.INSIDE, *safety.WANTED)
        parameters = source.parameters(self.host, names)
        refuse([*safety.unsafe(parameters, self.name, self.folder, self.facts)])

    def rman(self, commands: str, wanted: Mapping[str, int]) -> None:
        """What fails is the backup's, unless it is known to be ours."""
        try:
            self.host.rman(commands, self.folder, wanted)
        except Refusal as problem:
            raise blamed(problem) from problem

    def sql(self, *statements: str) -> None:
        try:
            self.host.sqlplus(statements)
        except Refusal as problem:
            raise blamed(problem) from problem

    def column(self, statement: str) -> list[str]:
        return [row[0] for row in self.host.rows(statement)]

    def mounted(self, control: str, parameter: str = "") -> None:
        """On the stored control file; the stored parameters are restored only to see that they can be."""
        pieces = f"{self.folder}/pieces"
        said = scripts.restore_control(f"{pieces}/{control}", self.standby)
        if parameter:
            said += "\n" + scripts.restore_spfile(self.folder, f"{pieces}/{parameter}")
        self.rman(said, {"restore": 2 if parameter else 1})
        self.sql("alter database mount")
        found = source.look(self.host)
        if found.dbid != self.facts["dbid"]:
            raise Unsound(t("oracle_backup.wrong_identity", found=found.dbid, expected=self.facts["dbid"]))
        if found.unique_name.lower() != self.name.lower():
            raise CouldNotLook(t("oracle_backup.same_name", name=found.unique_name))

    def catalogued(self, pieces: Mapping[str, str]) -> None:
        """`pieces`: name → identity, as the source knew them."""
        self.rman(scripts.catalog(self.folder, self.column(HANDLES)), {})
        found = {row[0].rpartition("/")[2]: row[1] for row in self.host.rows(IDENTITIES)}
        if missing := sorted(pieces.keys() - found.keys()):
            raise Unsound(t("oracle_backup.piece_missing", names=" ".join(missing)[:300]))
        if other := sorted(name for name, known in pieces.items() if found[name] != known):
            raise Unsound(t("oracle_backup.piece_other", name=" ".join(other)[:300]))

    def validated(self, until: int, ranges: Sequence[tuple[int, int, int]], earlier: Sequence[str]) -> None:
        """`earlier`: pieces with control files that nothing is restored from here."""
        said = [scripts.validate(self.column(SETS), until), scripts.validate_logs(ranges)]
        said += [scripts.controls(self.folder, earlier, self.standby)] if earlier else []
        self.rman("\n".join(said), {"validate": 1, "restore": 1 + len(ranges) + len(earlier)})
        known = {name.rpartition("/")[2] for name in self.column(CONTROLS)} if earlier else set()
        if other := sorted(set(earlier) - known):
            raise Unsound(t("oracle_backup.control_other", names=" ".join(other)[:300]))

    def restored(self, until: int) -> None:
        """To the state after `until` exactly; every file of it in our folder before it is opened."""
        temporary = self.column(TEMPORARY)
        self.rman(scripts.restore(self.folder, until + 1, temporary), {"restore": 1, "recover": 1})
        tracking, flashback, members = self.host.answers(TRACKING, FLASHBACK, MEMBERS)
        changes = [] if tracking != [["ENABLED"]] else ["alter database disable block change tracking"]
        changes += [] if flashback == [["NO"]] else ["alter database flashback off"]
        for number, (member,) in enumerate(members):
            escaped = member.replace("'", "''")
            changes.append(
                f"alter database rename file '{escaped}' to '{self.folder}/data/redo_{number}.log'"
            )
        self.sql(*changes)
        refuse([*safety.strangers(self.column(FILES), self.folder)])
        self.opened()

    def opened(self) -> None:
        """Read only, which changes nothing; where Oracle wants new logs first, with them."""
        try:
            self.host.sqlplus(["alter database open read only"])
        except Refusal:
            self.sql("alter database open resetlogs")
        if self.facts.get("container") == "YES":
            self.sql("alter pluggable database all open read only")
        found = source.look(self.host)
        if not found.opened:
            raise Unsound(t("oracle_backup.not_opened", mode=found.open_mode))
        if (lost := self.column(LOST)) != ["0"]:
            raise Unsound(t("oracle_backup.not_online", count=lost[0] if lost else "?"))


def refuse(reasons: Sequence[str]) -> None:
    if reasons:
        raise CouldNotLook("; ".join(reasons))


def blamed(problem: Refusal) -> OpsError:
    """A verdict that is none blames nobody; neither does a disk of ours that is full."""
    verdict = problem.verdict
    ours = verdict.codes & OURS or not damaged(verdict.said)
    return CouldNotLook(str(problem)) if verdict.state is State.UNKNOWN or ours else Unsound(str(problem))


def damaged(said: Sequence[str]) -> bool:
    return any(not line.startswith("exit ") for line in said)


def verifier(scratch: Scratch, facts: Mapping[str, str], sid: str, allowed: Sequence[str] = ()) -> OracleHost:
    """The verification host, found to be none of production's; what dead runs left there is gone."""
    if scratch.elsewhere is None:
        raise CouldNotLook(t("oracle_backup.no_verification"))
    there = scratch.elsewhere
    programs = {key: said for key, said in there.programs.items() if key != "sid"}
    host = on(there.host, there.access, sid, programs, gentle=True)
    seen = safety.seen(host.sh(safety.PROCESSES).decode("utf-8", "replace"))
    refuse([*safety.refused(seen, facts, allowed)])
    return host


@contextmanager
def instance(scratch: Scratch, facts: Mapping[str, str], size: int) -> Iterator[ScratchInstance]:
    """A place for one on the verification host; shut down and removed afterwards, whatever happened."""
    name = f"OPS{secrets.token_hex(4).upper()}"
    host = verifier(scratch, facts, name)
    root = root_of(host, "folder", "no_verification")
    clear_dead(host, root, lambda folder: ended(host, folder))
    with staging(host, root, int(size * ROOM)) as folder:
        quoted = shlex.quote(folder)
        host.sh(f"mkdir {quoted}/pieces && printf %s {name} > {quoted}/instance")
        try:
            yield ScratchInstance(host, folder, name, facts)
        finally:
            ended(host, folder)


def ended(host: OracleHost, folder: str) -> None:
    """The instance whose name lies in a folder of ours, and no other."""
    name = (
        host.sh(f"cat {shlex.quote(folder)}/instance 2>/dev/null || true").decode("ascii", "replace").strip()
    )
    if not safety.OURS.match(name):
        return
    running = safety.seen(host.sh(safety.PROCESSES).decode("utf-8", "replace")).instances
    if name in running:
        replace(host, sid=name).sqlplus(["shutdown abort"], stop=False)


def brought(chain: Sequence[Fetched], host: OracleHost, folder: str) -> None:
    for one in chain:
        for member in one.manifest.members:
            with one.open(member.name) as stream:
                bring(host, f"{folder}/pieces", member.name, stream)
