"""PostgreSQL as files: a base backup with the log up to one exact point, and the log from there on."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from tasks import clock
from tasks.backups import (
    METHODS,
    START_LIMIT,
    ChainBroken,
    CouldNotLook,
    Fetched,
    Order,
    Sink,
    Taken,
    Unsound,
)
from tasks.backups.digests import Digest
from tasks.backups.manifest import Kind
from tasks.backups.postgres.cluster import Cluster, programs, quoted
from tasks.backups.postgres.comparing import Made, compared, found_at, names_of
from tasks.backups.postgres.files import BASE, LIST, LOG, SLOW, TABLESPACE, put_log, untar, validate
from tasks.backups.postgres.point import NoPoint, Points, points
from tasks.backups.postgres.replication import (
    BaseBackup,
    LogStream,
    Shipped,
    Wire,
    identify,
    keep_log,
)
from tasks.backups.postgres.restored import Restored
from tasks.backups.postgres.sentinel import planted
from tasks.backups.postgres.sessions import Failed, Way, troubles, version_of, way_to
from tasks.backups.postgres.wal import number, text
from tasks.backups.scratch import Scratch
from tasks.errors import OpsError
from tasks.texts import t

RECYCLED = "58P01"
SIGNALS = 120000
# The first role of the cluster, who may do everything in a restored one.
ABOUT = """SELECT pg_get_userbyid(10)::text, pg_size_bytes(current_setting('wal_segment_size'))::text,
    current_setting('data_checksums'), current_setting('wal_level')"""


@METHODS.add("postgres-physical")
class PostgresPhysical:
    kinds = frozenset({Kind.FULL, Kind.LOG})
    serves = ("database", "postgres")

    def take(self, order: Order, sink: Sink) -> Taken:
        way = way_to(order)
        facts = about(way)
        facts["sentinel"] = planted(order)
        with ExitStack() as opened:
            keeper = opened.enter_context(closing(Wire(way.replication(), way.database.name)))
            identity = identify(keeper)
            facts |= {"system": identity.system, "timeline": str(identity.timeline)}
            slot = ""
            if order.kind is Kind.FULL:
                slot = keep_log(keeper)
                facts |= base(order, way, facts, sink)
            else:
                facts |= continued(order, facts)
            return self._up_to_a_point(order, way, keeper, slot, facts, sink)

    def _up_to_a_point(
        self, order: Order, way: Way, keeper: Wire, slot: str, facts: dict[str, str], sink: Sink
    ) -> Taken:
        """The log is sent as soon as the point is known: then the source need not keep it any longer."""
        without: dict[str, str] = {}
        timeline, digests = int(facts["timeline"]), tuple[Digest, ...]()
        with points(way, names_of(way), timeline, int(facts["segment"])) as looking:
            order.say(t("backup_postgres.looking"))
            made = whereto(order, looking, without)
            point = made.point
            facts |= {"log_end": text(point.end)}
            with continuous(order.target.name):
                stream = LogStream(keeper, number(facts["log_start"]), timeline, slot)
                sink.send(LOG, Shipped(stream, point.end))
            keeper.close()
            if point.snapshots:
                digests = compared(way, looking, made, without)
        where = {"lsn": text(point.target), "timeline": facts["timeline"]}
        running = {"running": ",".join(map(str, point.running))} if point.running else {}
        return Taken(
            point={**where, "time": clock.now().isoformat(timespec="seconds")},
            digest_point={**where, **running},
            digests=digests,
            not_digested=without,
            facts=facts,
        )

    def unpack(self, chain: Sequence[Fetched], scratch: Scratch) -> None:
        version = int(chain[0].manifest.facts["version"])
        found = programs(version)
        untar(chain[0], scratch)
        put_log(chain, scratch)
        validate(chain, scratch, found, version)

    @contextmanager
    def opened(
        self, chain: Sequence[Fetched], scratch: Scratch, until: Mapping[str, str]
    ) -> Iterator[Restored]:
        facts = chain[-1].manifest.facts
        cluster = Cluster(scratch, int(facts["version"]), facts["superuser"])
        log = sum(member.size for one in chain for member in one.manifest.members if member.name == LOG)
        settings = recovering(cluster.data, int(facts["version"]), recovery(facts["timeline"], until))
        cluster.start(START_LIMIT + timedelta(seconds=log / SLOW), **settings)
        try:
            # Before 13 a server that did not get there only went on.
            if until and "recovery stopping" not in cluster.log.read_text("utf-8", "replace"):
                raise Unsound(t("backup_postgres.not_reached", point=" ".join(until.values())))
            yield Restored(cluster, chain[-1].manifest, logical=False)
        finally:
            cluster.stop()


def about(way: Way) -> dict[str, str]:
    with closing(way.session()) as session, troubles(way.database.name):
        version = version_of(session)
        ((superuser, segment, checksums, level),) = session.execute(ABOUT).fetchall()
    if level == "minimal":
        raise OpsError(t("backup_postgres.minimal"))
    return {"version": str(version), "superuser": superuser, "segment": segment, "checksums": checksums}


def base(order: Order, way: Way, facts: Mapping[str, str], sink: Sink) -> dict[str, str]:
    """All of its files; the log is wanted from the beginning of the segment that it starts in."""
    label = f"opsproof {way.database.name} {clock.now():%Y%m%dT%H%M%S}"
    with closing(Wire(way.replication(), way.database.name)) as wire:
        order.say(t("backup_postgres.checkpoint"))
        backup = BaseBackup(wire, int(facts["version"]), label, fast=not order.job.load.gentle)
        for name, part in backup.parts():
            special = {"base": BASE, "manifest": LIST}
            sink.send(special.get(name, TABLESPACE.format(name)), part)
    start = number(backup.start)
    return {
        "label": label,
        "start": backup.start,
        "stop": backup.end,
        "log_start": text(start - start % int(facts["segment"])),
        "tablespaces": json.dumps(backup.tablespaces),
    }


def continued(order: Order, facts: Mapping[str, str]) -> dict[str, str]:
    """From the segment in which the parent ends, of the same cluster on the same timeline."""
    before = order.parent.facts
    if any(before[key] != facts[key] for key in ("system", "timeline", "segment")):
        found = f"{facts['system']}/{facts['timeline']}"
        raise ChainBroken(t("backup_postgres.other_source", parent=order.parent.name, found=found))
    end = number(before["log_end"])
    return {"log_start": text(end - end % int(facts["segment"]))}


@contextmanager
def continuous(name: str) -> Iterator[None]:
    """What the source no longer keeps cannot be followed."""
    try:
        yield
    except Failed as problem:
        if problem.code != RECYCLED:
            raise
        raise ChainBroken(t("backup_postgres.recycled", name=name, reason=problem)) from problem


def whereto(order: Order, looking: Points, without: dict[str, str]) -> Made:
    if not order.digests:
        return Made(looking.last_record())
    try:
        return found_at(looking, without)
    except NoPoint as problem:
        without[order.target.name] = str(problem)
        looking.end()
        return Made(looking.last_record())


def recovery(timeline: str, until: Mapping[str, str]) -> dict[str, object]:
    """Up to and with the record, the restore point or the transaction; a time means what was committed by
    then."""
    target = next((key for key in ("lsn", "name", "xid", "time") if until.get(key)), "")
    stop: dict[str, object] = {}
    if target:
        stop = {f"recovery_target_{target}": until[target]}
        stop["recovery_target_inclusive"] = until.get("inclusive", "on")
        if target == "time":
            stop["recovery_target_time"] = with_zone(until[target])
    return {
        # All of the log is in pg_wal already.
        "restore_command": "false",
        "recovery_target_timeline": timeline,
        "recovery_target_action": "promote",
        **stop,
    }


def recovering(data: Path, version: int, settings: dict[str, object]) -> dict[str, object]:
    """What is left to say to the server; before 12 recovery has a file of its own."""
    (data / "standby.signal").unlink(missing_ok=True)
    if version >= SIGNALS:
        (data / "recovery.signal").touch()
        return settings
    lines = [f"{name} = {quoted(value)}" for name, value in settings.items()]
    (data / "recovery.conf").write_text("\n".join(lines) + "\n")
    return {}


def with_zone(said: str) -> str:
    try:
        return datetime.fromisoformat(said).astimezone().isoformat(sep=" ")
    except ValueError:
        raise CouldNotLook(t("backup_postgres.bad_time", time=said)) from None
