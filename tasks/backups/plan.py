"""`inventories/<code>/backups.yml`: what is backed up how, to where, kept how long, proven how far."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from tasks.backups.manifest import Level
from tasks.calendar.schedules import Days, Duration
from tasks.errors import Refused
from tasks.inventory import Inventory
from tasks.inventory.ranges import spelt_out
from tasks.inventory.schema import PathPattern
from tasks.inventory.suggest import meant
from tasks.model import Database, Host, Target
from tasks.storage import STORES
from tasks.strict import Document, Name, Problem, Shape, Text, is_there, printable, read
from tasks.texts import listed, t

FILE = "backups.yml"
Recipient = Annotated[str, StringConstraints(pattern=r"^age1[0-9a-z]{58}$")]
StoreSettings: Any = Annotated[
    reduce(or_, [kind.Settings for kind in STORES.all().values()]),  # type: ignore[attr-defined]
    Field(discriminator="kind"),
]
Amount = Annotated[int, Field(ge=0, le=10_000, strict=True)]
Wild = Annotated[str, StringConstraints(min_length=1, max_length=500), AfterValidator(printable)]


def mebibytes(value: object) -> object:
    """`50M`, `1G`, `500K`: bytes (a second)."""
    if isinstance(value, str) and value[-1:] in "KMG" and value[:-1].isdecimal() and int(value[:-1]):
        return int(value[:-1]) * 1024 ** ("KMG".index(value[-1]) + 1)
    raise PydanticCustomError("size", t("backups.bad_size"))


Size = Annotated[int, BeforeValidator(mebibytes)]


class Keep(Shape):
    """Grandfather, father, son: the newest of so many days, weeks, months and years. Whatever depends on one
    that is kept is kept, and so is the last that was proven."""

    daily: Amount = 7
    weekly: Amount = 4
    monthly: Amount = 12
    yearly: Amount = 0


class Load(Shape):
    """What a backup may take of the machine it is made on and of the way to storage."""

    rate: Size | None = None
    # `nice` and `ionice -c 3` on the source's host.
    gentle: Annotated[bool, Field(strict=True)] = True
    # Of zstd: 1 is fast, 19 small.
    compression: Annotated[int, Field(ge=1, le=19, strict=True)] = 1
    # What RMAN or Data Pump may put down on the source's host before it is carried off.
    staging: Size | None = None


class Job(Shape):
    """Backups of some targets by one method. How often: the routine `backup` in schedules.yml; on `full` days
    a full backup, in between what `between` says."""

    name: Name
    targets: Annotated[tuple[Name, ...], Field(min_length=1), BeforeValidator(spelt_out)]
    method: Name
    store: Name
    # Other stores that get a copy of each.
    copies: tuple[Name, ...] = ()
    full: Days = "every"
    between: Literal["incr", "log", "nothing"] = "nothing"
    # `standby`: taken there where the database has one.
    side: Literal["primary", "standby"] = "primary"
    # Another login than the inspection's, and programs and settings on the host that its path does not find.
    credential: Name | None = None
    programs: dict[Name, Wild] = {}
    # A database's schemas (empty: all), a host's directories; what is left out of them.
    schemas: tuple[Wild, ...] = ()
    paths: tuple[PathPattern | Wild, ...] = ()
    exclude: tuple[Wild, ...] = ()
    level: Literal["L0", "L1", "L2", "L3"] = "L3"
    load: Load = Load()
    keep: Keep = Keep()
    # A known value is planted in the source before each backup and has to come back.
    sentinel: Annotated[bool, Field(strict=True)] = False
    # Promised: restored within, and at most so old.
    rto: Duration | None = None
    rpo: Duration | None = None

    @property
    def asked(self) -> Level:
        return Level(self.level)


class Verification(Shape):
    """Where proof is done: this machine, or for Oracle a host of its own."""

    folder: Wild = "scratch"
    # GiB that stay free there.
    keep_free: Annotated[float, Field(ge=0)] = 1
    host: Name | None = None
    # Programs and settings there, as a job's.
    programs: dict[Name, Wild] = {}
    # Why proof may be done on a machine where databases of the contract run; empty: it is refused there.
    beside: Text = ""


class Backups(Shape):
    stores: dict[Name, StoreSettings] = {}
    # Name → public half of an age key. All of them can open each backup: one is the client's, in a safe.
    keys: dict[Name, Recipient] = {}
    # The credential whose key_file is the private half used for proof and restore.
    identity: Name | None = None
    verification: Verification = Verification()
    # Backups taken at once, each from another host.
    parallel: Annotated[int, Field(ge=1, le=16, strict=True)] = 1
    jobs: tuple[Job, ...] = ()

    def job(self, name: str) -> Job:
        for job in self.jobs:
            if job.name == name:
                return job
        known = [job.name for job in self.jobs]
        raise Refused(t("backups.no_job", name=name) + meant(name, known))


@dataclass(frozen=True, slots=True)
class Item:
    """One job for one of its targets: what has a chain, a schedule and a proof of its own."""

    job: Job
    target: Target

    @property
    def key(self) -> tuple[str, str]:
        return self.job.name, self.target.name


def items(backups: Backups, inventory: Inventory, contract: str, only: Sequence[str] = ()) -> list[Item]:
    """In the order of the file. `only` picks by the names of jobs or targets."""
    found = [
        Item(job, inventory.target(contract, name))
        for job in backups.jobs
        for name in job.targets
        if not only or job.name in only or name in only
    ]
    known = {word for item in found for word in item.key}
    if missing := [name for name in only if name not in known]:
        everything = {name for job in backups.jobs for name in (job.name, *job.targets)}
        raise Refused(
            "\n".join(t("backups.no_item", name=name) + meant(name, everything) for name in missing)
        )
    return found


def load(inventories: Path, contract: str, inventory: Inventory) -> Backups:
    """A contract without the file has no backups; a file that is wrong is refused with all that is."""
    problems: list[Problem] = []
    document = read_backups(inventories, contract, problems)
    if document and not problems:
        problems += unsound(document, inventory, contract)
    if problems:
        raise Refused(t("backups.invalid", contract=contract), sorted(problems))
    return document.content if document else Backups()


def read_backups(inventories: Path, contract: str, problems: list[Problem]) -> Document[Backups] | None:
    path = inventories / contract / FILE
    return read(path, Backups, problems, f"{contract}/{FILE}") if is_there(path) else None


def unsound(document: Document[Backups], inventory: Inventory, contract: str) -> Iterator[Problem]:
    """What only shows beside the other files: targets, methods, stores, keys."""
    from tasks.backups import METHODS

    said = document.content
    targets = {target.name: target for target in inventory.targets(contract=contract)}
    seen: set[tuple[str, str]] = set()
    for number, job in enumerate(said.jobs):
        where = ("jobs", number)
        for name in (job.store, *job.copies):
            if name not in said.stores:
                text = t("backups.no_store", name=name)
                yield document.problem((*where, "store"), text, meant(name, said.stores))
        method = METHODS.get(job.method)
        if method is None:
            known = METHODS.all()
            text = t("backups.no_method", name=job.method) + t("backups.methods", known=listed(known))
            yield document.problem((*where, "method"), text, meant(job.method, known))
            continue
        for name in job.targets:
            if (job.name, name) in seen:
                yield document.problem((*where, "targets"), t("backups.twice", job=job.name, name=name))
            seen.add((job.name, name))
            yield from misplaced(document, where, name, targets, method().serves)
        if job.between != "nothing" and job.between not in method().kinds:
            text = t("backups.no_kind", method=job.method, kind=job.between)
            yield document.problem((*where, "between"), text)
    if said.keys and not said.identity and any(job.asked > Level.L0 for job in said.jobs):
        yield document.problem(("keys",), t("backups.no_identity"))


def misplaced(
    document: Document[Backups],
    where: tuple[str, int],
    name: str,
    targets: Mapping[str, Target],
    serves: tuple[str, str],
) -> Iterator[Problem]:
    target = targets.get(name)
    if target is None:
        text = t("inventory.no_target", name=name)
        yield document.problem((*where, "targets"), text, meant(name, targets))
    elif kind_of(target) != serves:
        text = t("backups.wrong_target", name=name, serves="/".join(filter(None, serves)))
        yield document.problem((*where, "targets"), text)


def kind_of(target: Target) -> tuple[str, str]:
    match target:
        case Database():
            return "database", target.engine
        case Host():
            return "host", target.family
        case _:
            return target.type, ""
