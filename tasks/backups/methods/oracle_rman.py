"""Oracle by RMAN: level 0, level 1 and archived logs, through a bounded folder on the host; restored and
opened on a host of its own, and its rows compared with those of the source at one SCN.

Never run against a real Oracle: tried on a stand-in of its command line only.
"""

import json
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from tasks import clock
from tasks.backups import METHODS, ChainBroken, CouldNotLook, Fetched, Order, Sink, Taken, Unsound
from tasks.backups.digests import Digest
from tasks.backups.manifest import Kind, Manifest
from tasks.backups.oracle import scripts, source
from tasks.backups.oracle.host import OracleHost
from tasks.backups.oracle.rowsums import Summed
from tasks.backups.oracle.safety import told
from tasks.backups.oracle.sentinel import plant, table_named
from tasks.backups.oracle.source import Facts, Log
from tasks.backups.oracle.staging import carry_off, clear_dead, root_of, staging
from tasks.backups.oracle.verifying import ScratchInstance, brought, instance
from tasks.backups.scratch import Scratch
from tasks.errors import OpsError
from tasks.texts import t

# A standby gets its logs when the primary switches: so long they are waited for.
WAIT_MINUTES = 15.0
POLL_SECONDS = 10.0
KEEP_FREE = 2**28


@METHODS.add("oracle-rman")
class OracleRman:
    kinds = frozenset({Kind.FULL, Kind.INCREMENTAL, Kind.LOG})
    serves = ("database", "oracle")
    # Its room is on the verification host.
    elsewhere = True

    def __init__(self) -> None:
        self._instance: ScratchInstance | None = None

    def take(self, order: Order, sink: Sink) -> Taken:
        host = source.host_of(order)
        facts = source.look(host)
        fitting(facts, order)
        bound = order.job.load.staging
        if bound is None:
            raise OpsError(t("oracle_backup.no_staging"))
        root = root_of(host, "staging", "no_staging")
        for path in clear_dead(host, root):
            order.say(t("oracle_backup.cleared", path=path))
        plant(host, facts, order)
        with staging(host, root, KEEP_FREE) as folder:
            return Taking(order, sink, host, facts, folder, bound).all()

    def unpack(self, chain: Sequence[Fetched], scratch: Scratch) -> None:
        """L1: every stored piece of every link is catalogued on the verification host and read to its end by
        RMAN, which then plans the restore from nothing but them."""
        last = chain[-1].manifest
        size = sum(one.manifest.size for one in chain)
        ready = scratch.afterwards.enter_context(instance(scratch, last.facts, size))
        pieces = whole_chain(chain, "pieces")
        held = {member.name for one in chain for member in one.manifest.members}
        if missing := sorted(pieces.keys() - held):
            raise Unsound(t("oracle_backup.piece_missing", names=" ".join(missing)[:300]))
        brought(chain, ready.host, ready.folder)
        ready.started()
        *earlier, control = [piece_of(one.manifest, "c_") for one in chain]
        if not all((*earlier, control)):
            raise Unsound(t("oracle_backup.no_control"))
        ready.mounted(control, piece_of(last, "s_"))
        ready.catalogued(pieces)
        ready.validated(until(last) + 1, all_ranges(chain), earlier)
        self._instance = ready

    @contextmanager
    def opened(
        self, chain: Sequence[Fetched], scratch: Scratch, until: Mapping[str, str]
    ) -> Iterator["Opened"]:
        ready = self._instance
        if ready is None:
            raise CouldNotLook(t("oracle_backup.no_verification"))
        ready.restored(int(until["scn"]))
        yield Opened(ready, chain[-1].manifest)


class Opened:
    def __init__(self, ready: ScratchInstance, manifest: Manifest) -> None:
        self._ready, self._manifest = ready, manifest

    def digests(self, expected: Sequence[Digest]) -> tuple[Digest, ...]:
        found = source.sums(self._ready.host, source.look(self._ready.host), None)
        left = self._manifest.not_digested
        return tuple(one for one in found.digests if one.name not in left)

    def sentinel(self) -> str:
        table = self._manifest.facts.get("sentinel", "")
        if not table:
            return ""
        found = self._ready.column(f"select max(value) from {table_named(table)}")  # noqa: S608 - quoted
        return found[0] if found else ""


@dataclass
class Taking:
    """One backup on its way: pieces come into the folder, and leave it before the next ones come."""

    order: Order
    sink: Sink
    host: OracleHost
    facts: Facts
    folder: str
    bound: int

    def __post_init__(self) -> None:
        self.tag = f"OPS_{clock.now():%Y%m%dT%H%M%S}_{secrets.token_hex(2).upper()}"
        self.pieces: dict[str, str] = {}
        self.left: dict[str, str] = {}
        self.handles: list[str] = []

    def all(self) -> Taken:
        try:
            return self.taken()
        finally:
            with suppress(OpsError):  # what went wrong before is what counts
                self.forgotten()

    def forgotten(self) -> None:
        """RMAN's records of pieces that it will not find again; an increment needs those of its parent."""
        kept = () if self.order.job.between != "incr" else ("d_",)
        gone = [one for one in self.handles if not one.rpartition("/")[2].startswith(kept)]
        if gone:
            self.host.rman(scripts.forget(gone), self.folder, {})

    def taken(self) -> Taken:
        files = source.datafiles(self.host)
        for file in files:
            if not file.online:
                self.left[f"datafile {file.number}"] = file.status
        since = source.oldest(files)
        backed = self.datafiles(files)
        scn = source.scn(self.host)
        found = source.sums(self.host, self.facts, scn) if self.order.digests else Summed((), {})
        ranges = self.logs(since, scn)
        self.control()
        return Taken(
            point={"scn": str(scn), "time": clock.now().isoformat(timespec="seconds")},
            digest_point={"scn": str(scn)},
            digests=found.digests,
            not_digested={**self.left, **found.not_digested},
            facts=self.told(backed, ranges),
        )

    def told(self, backed: Mapping[str, str], ranges: Sequence[tuple[int, int, int]]) -> dict[str, str]:
        facts = self.facts
        return {
            "tag": self.tag,
            "name": facts.name,
            "unique_name": facts.unique_name,
            "dbid": facts.dbid,
            "resetlogs": facts.resetlogs,
            "role": facts.role,
            "version": facts.version,
            "hostname": source.hostname(self.host),
            "compatible": facts.compatible,
            "recovery": facts.recovery,
            "block_size": facts.block_size,
            "container": "YES" if facts.containers else "NO",
            "sentinel": self.order.job.programs.get("sentinel", "") if self.order.sentinel else "",
            "pieces": json.dumps(self.pieces),
            "files": json.dumps(dict(backed)),
            "logs": json.dumps(ranges),
        }

    def datafiles(self, files: Sequence[source.Datafile]) -> dict[str, str]:
        """In groups that fit the folder; what each was up to afterwards."""
        if self.order.kind is Kind.LOG:
            return {}
        level = 0 if self.order.kind is Kind.FULL else 1
        sizes = {file.number: file.size for file in files if file.online}
        load, programs = self.order.job.load, self.order.job.programs
        for group in source.grouped(sizes, self.bound):
            script = scripts.backup_datafiles(self.folder, self.tag, level, group, load, programs)
            self.rman(script, 1)
        return self.checked(sizes)

    def checked(self, sizes: Mapping[int, int]) -> dict[str, str]:
        """RMAN's own book of it: each file is there, whole, and follows what the chain has of it."""
        rows = self.host.rows(source.BACKED_UP.format(tag=self.tag))
        found = {row[0]: (row[1], row[2]) for row in rows}
        if missing := sorted(map(str, sizes.keys() - {int(number) for number in found})):
            raise OpsError(t("oracle_backup.missing_files", files=", ".join(missing)))
        if bad := [row[0] for row in rows if row[3] != "0"]:
            raise OpsError(t("oracle_backup.bad_blocks", files=", ".join(bad)))
        known = {
            number: int(str(scn))
            for one in self.order.chain
            for number, scn in told(one.facts, "files").items()
        }
        apart = [number for number, (_, since) in found.items() if int(since or 0) > known.get(number, 2**63)]
        if self.order.kind is Kind.INCREMENTAL and apart:
            raise ChainBroken(t("oracle_backup.chain_broken", files=", ".join(sorted(apart))))
        return {number: scn for number, (scn, _) in found.items()}

    def logs(self, since: int, scn: int) -> list[tuple[int, int, int]]:
        """From where the chain ends, or the oldest checkpoint, up to and with the log that holds `scn`."""
        found = self.switched(scn)
        after = last_logs(self.order.chain)
        needed = source.unbroken(found, 0 if after else since, scn, after)
        numbered = dict(enumerate(needed))
        ranges: list[tuple[int, int, int]] = []
        load, programs = self.order.job.load, self.order.job.programs
        for group in source.grouped({n: log.size for n, log in numbered.items()}, self.bound):
            these = runs([numbered[n] for n in group])
            self.rman(scripts.backup_logs(self.folder, self.tag, these, load, programs), len(these))
            ranges += these
        return sorted(ranges)

    def switched(self, scn: int) -> list[Log]:
        """The primary switches; a standby has to wait until its primary did."""
        if self.facts.primary:
            self.host.sqlplus(["alter system archive log current"])
        minutes = float(self.order.job.programs.get("wait", WAIT_MINUTES))
        ends = time.monotonic() + 60 * minutes
        while True:
            found = source.logs(self.host, self.facts.resetlogs)
            if any(log.next > scn for log in found) or self.facts.primary or time.monotonic() > ends:
                return found
            time.sleep(min(POLL_SECONDS, max(ends - time.monotonic(), 0)))

    def control(self) -> None:
        self.rman(scripts.backup_control(self.folder, self.tag), 2)

    def rman(self, script: str, times: int) -> None:
        self.order.say(t("oracle_backup.step", name=self.order.target.name, what=self.tag))
        said = self.host.rman(script, self.folder, {"backup": times})
        handles = [handle for handle, _ in said.pieces]
        self.handles += handles
        known = {row[0]: row[1] for row in self.host.rows(source.PIECES.format(folder=self.folder))}
        names = [handle.rpartition("/")[2] for handle in handles]
        carry_off(self.host, self.folder, names, self.sink)
        for handle, name in zip(handles, names, strict=True):
            self.pieces[name] = known.get(handle, "")


def fitting(facts: Facts, order: Order) -> None:
    if facts.log_mode != "ARCHIVELOG":
        raise OpsError(t("oracle_backup.no_archivelog"))
    if facts.primary != (order.job.side == "primary"):
        raise OpsError(t("oracle_backup.role", role=facts.role, side=order.job.side))
    if not order.chain:
        return
    before = order.parent.facts
    same = (before.get("dbid"), before.get("resetlogs"))
    if same != (facts.dbid, facts.resetlogs):
        found, expected = f"{facts.dbid}/{facts.resetlogs}", "/".join(map(str, same))
        raise ChainBroken(t("oracle_backup.other_database", found=found, expected=expected))


def until(manifest: Manifest) -> int:
    return int((manifest.digest_point or manifest.point)["scn"])


def piece_of(manifest: Manifest, form: str) -> str:
    return next((name for name in sorted(told(manifest.facts, "pieces")) if name.startswith(form)), "")


def whole_chain(chain: Sequence[Fetched], name: str) -> dict[str, str]:
    return {key: str(said) for one in chain for key, said in told(one.manifest.facts, name).items()}


def ranges_of(manifest: Manifest) -> list[tuple[int, int, int]]:
    said: list[Any] = json.loads(manifest.facts.get("logs", "[]"))
    return [(int(one[0]), int(one[1]), int(one[2])) for one in said]


def all_ranges(chain: Sequence[Fetched]) -> list[tuple[int, int, int]]:
    return [one for link in chain for one in ranges_of(link.manifest)]


def last_logs(chain: Sequence[Manifest]) -> dict[str, int]:
    last: dict[str, int] = {}
    for manifest in chain:
        for thread, _, sequence in ranges_of(manifest):
            last[str(thread)] = max(sequence, last.get(str(thread), 0))
    return last


def runs(logs: Sequence[Log]) -> list[tuple[int, int, int]]:
    """Neighbours together: thread, first and last sequence."""
    found: list[tuple[int, int, int]] = []
    for log in sorted(logs, key=lambda one: (one.thread, one.sequence)):
        if found and found[-1][0] == log.thread and found[-1][2] + 1 == log.sequence:
            found[-1] = (log.thread, found[-1][1], log.sequence)
        else:
            found.append((log.thread, log.sequence, log.sequence))
    return found
