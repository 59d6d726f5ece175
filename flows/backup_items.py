"""What the three routines about backups begin with, and the words their forms share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flows.credential_blocks import lookup
from flows.inspection import hosts_of
from flows.routine import Request, Run
from tasks.backups.manifest import Manifest
from tasks.backups.opening import opened
from tasks.backups.plan import Backups, Item, Job, items, load, read_backups
from tasks.backups.taking import Place
from tasks.calendar.schedules import WEEKDAYS, Rule
from tasks.errors import OpsError
from tasks.home import Home
from tasks.inventory import Inventory
from tasks.inventory.credentials import Keyring
from tasks.model import Finding, Status
from tasks.texts import listed, t
from tasks.transports import Access

MIB = 2**20


@dataclass(frozen=True, slots=True)
class Ready:
    """The items asked for; `closed`: stores that cannot be used, and why."""

    place: Place
    items: list[Item]
    closed: Mapping[str, str]
    access: Access


def named(home: Home, inventory: Inventory, request: Request) -> list[Item]:
    """`only` names jobs as well as targets."""
    return items(
        load(home.inventories, request.contract, inventory), inventory, request.contract, request.only
    )


def backup_names(home: Home, inventory: Inventory, contract: str) -> list[str]:
    """What may be typed: jobs first. A plan that cannot be read is told when it is asked for."""
    plan = read_backups(home.inventories, contract, [])
    jobs = plan.content.jobs if plan else ()
    return list(dict.fromkeys([*(job.name for job in jobs), *(name for job in jobs for name in job.targets)]))


def ready(run: Run, *, proving: bool = False) -> Ready:
    contract = run.request.contract
    plan = load(run.home.inventories, contract, run.inventory)
    wanted = items(plan, run.inventory, contract, run.request.only)
    if not wanted:
        raise OpsError(t("backup_runs.nothing", contract=contract))
    access = Access(Keyring(run.home, lookup), hosts_of(run))
    found = opened(run.home, contract, plan, access.keyring, access if proving else None)
    return Ready(found.place, wanted, found.closed, access)


def summary(kind: str, findings: Sequence[Finding], done: int, expected: int) -> str:
    """`kind`: `taken`, `proof` or `check`."""
    counts = {str(status): sum(one.status is status for one in findings) for status in Status}
    return t(f"backup_runs.summary_{kind}", done=done, expected=expected) + t("backup_runs.summary", **counts)


def size(amount: float) -> str:
    return f"{amount / 2**30:.2f} GiB" if amount >= 2**30 else f"{amount / MIB:.2f} MiB"


def policy(job: Job) -> str:
    between = t(f"backup_runs.between_{job.between}")
    return t("backup_runs.policy", job=job.name, method=job.method, days=days(job), between=between)


def days(job: Job) -> str:
    rule = job.full
    if not isinstance(rule, Rule):
        return t(f"backup_runs.days_{rule}")
    if rule.weekly is not None:
        return listed(t(f"backup_runs.day_{WEEKDAYS[day]}") for day in rule.weekly)
    if rule.holiday is not None:
        return t(f"backup_runs.holiday_{rule.holiday}")
    assert rule.monthly is not None
    kind, number = rule.monthly
    return t(f"backup_runs.monthly_{kind.replace('-', '_')}", number=number)


def kept(job: Job) -> str:
    return t("backup_runs.keep", **job.keep.model_dump())


# What of a store's settings says where it is.
PLACES = ("path", "endpoint", "bucket", "prefix")


def medium(plan: Backups, name: str) -> str:
    """A store as people know it: its kind, and where it is."""
    settings = plan.stores.get(name)
    if settings is None:
        return name
    said = settings.model_dump()
    where = "/".join(said[part] for part in PLACES if said.get(part))
    return t("backup_runs.medium", name=name, kind=settings.kind, where=where)


def protection(manifest: Manifest) -> str:
    if not manifest.keys:
        return t("backup_runs.not_encrypted")
    return t("backup_runs.encrypted", keys=listed(manifest.keys))


def point(values: Mapping[str, str]) -> str:
    return listed(f"{name}={value}" for name, value in values.items()) or "—"
