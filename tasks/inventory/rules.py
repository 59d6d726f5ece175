"""What holds between targets: names and addresses once, roles in pairs, counts as contracted."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tasks.inventory.addresses import is_loopback
from tasks.inventory.drafts import Draft
from tasks.inventory.suggest import meant
from tasks.model import Database, Device, Host, Instance, Site, Target
from tasks.strict import Problem
from tasks.texts import t


@dataclass(frozen=True, slots=True)
class Member:
    """A target and the draft that knows where its parts are written."""

    target: Target
    draft: Draft


Members = Sequence[Member]


def duplicate_names(drafts: Sequence[Draft]) -> Iterator[Problem]:
    """Within one contract, over all kinds: records and `--only` tell targets apart by name alone."""
    first: dict[str, Draft] = {}
    for draft in drafts:
        known = first.setdefault(draft.name.casefold(), draft)
        if known is not draft:
            yield draft.problem("name", t("inventory.duplicate_name", name=draft.name, first=known.origin))


def duplicate_addresses(members: Members) -> Iterator[Problem]:
    """Over all contracts. Without a port a device takes its whole address; a loopback address is
    another one in every contract.
    """
    taken: dict[str, list[tuple[int | None, Member]]] = {}
    for member in members:
        target = member.target
        if not isinstance(target, Host | Device) or not target.address:
            continue
        address = target.address.casefold()
        others = taken.setdefault(f"{target.contract} {address}" if is_loopback(address) else address, [])
        for port, other in others:
            if port == target.port or port is None or target.port is None:
                yield collision(member, other, "address", target.address)
                break
        others.append((target.port, member))


def collision(member: Member, other: Member, key: str, value: str) -> Problem:
    text = t(
        "inventory.duplicate_address",
        value=value,
        name=member.target.name,
        other=other.target.name,
        first=other.draft.origin,
    )
    return member.draft.problem(key, text)


def duplicate_databases(members: Members) -> Iterator[Problem]:
    """The same service at the same port of the same host, or the same file, written down twice."""
    first: dict[tuple[object, ...], Member] = {}
    for member in members:
        target = member.target
        if not isinstance(target, Database):
            continue
        for host in target.hosts:
            key = (target.contract, host, target.port, target.service.casefold(), target.path)
            known = first.setdefault(key, member)
            if known is not member:
                where = f"{host}:{target.port or ''}/{target.service or target.path}"
                yield collision(member, known, "host", where)


def duplicate_sites(members: Members) -> Iterator[Problem]:
    """A path on another site's host is a site of its own; the same page twice is not."""
    first: dict[str, Member] = {}
    for member in members:
        if isinstance(member.target, Site):
            known = first.setdefault(member.target.url.rstrip("/").casefold(), member)
            if known is not member:
                yield collision(member, known, "url", member.target.url)


def unknown_hosts(members: Members, hosts: Collection[str]) -> Iterator[Problem]:
    """Instances run on hosts of the same contract."""
    for member in members:
        if isinstance(member.target, Database):
            for name in member.target.hosts:
                if name not in hosts:
                    text = t("inventory.unknown_host", name=member.target.name, host=name)
                    yield member.draft.problem("host", text, meant(name, hosts))


def jump_hosts(members: Members) -> Iterator[Problem]:
    """What a connection goes through is an SSH host of the same contract, and another one."""
    hosts = {one.target.name: one.target for one in members if isinstance(one.target, Host)}
    for member in members:
        for name in member.target.jump if isinstance(member.target, Host) else ():
            where = {"name": member.target.name, "jump": name}
            if name not in hosts or name == member.target.name:
                yield member.draft.problem("jump", t("inventory.unknown_jump", **where), meant(name, hosts))
            elif hosts[name].transport != "ssh":
                yield member.draft.problem("jump", t("inventory.jump_transport", **where))


def database_files(members: Members) -> Iterator[Problem]:
    """A file lies on this machine, or its path is absolute; it never climbs out of the state folder."""
    hosts = {one.target.name: one.target for one in members if isinstance(one.target, Host)}
    for member in members:
        target = member.target
        if isinstance(target, Database) and target.engine == "sqlite":
            here = all(hosts[name].transport == "local" for name in target.hosts if name in hosts)
            if not target.path or not (here or target.path.startswith("/")):
                yield member.draft.problem("path", t("inventory.sqlite_path", name=target.name))
            if ".." in target.path.split("/"):
                yield member.draft.problem("path", t("inventory.path_upwards", name=target.name))


def single(instances: Sequence[Instance]) -> str:
    if len(instances) != 1:
        return "single_instances"
    return "single_role" if instances[0].role else ""


def rac(instances: Sequence[Instance]) -> str:
    if len({one.host for one in instances}) < 2 or len({one.host for one in instances}) < len(instances):
        return "rac_instances"
    return "rac_role" if any(one.role for one in instances) else ""


def dataguard(instances: Sequence[Instance]) -> str:
    roles = Counter(one.role for one in instances)
    if roles["primary"] != 1:
        return "dataguard_primary"
    if not roles["standby"] or roles[""]:
        return "dataguard_standby"
    return "dataguard_hosts" if len({one.host for one in instances}) < len(instances) else ""


# Form → what is wrong with its instances, as a key of the texts; empty: nothing.
FORMS: Mapping[str, Callable[[Sequence[Instance]], str]] = {
    "single": single,
    "rac": rac,
    "dataguard": dataguard,
}


def forms(members: Members) -> Iterator[Problem]:
    for member in members:
        target = member.target
        if isinstance(target, Database):
            if target.form != "single" and target.engine != "oracle":
                text = t("inventory.form_engine", name=target.name, form=target.form, engine=target.engine)
                yield member.draft.problem("form", text)
            elif wrong := FORMS[target.form](target.instances):
                yield member.draft.problem("instances", t(f"inventory.{wrong}", name=target.name))
            names = Counter(one.name for one in target.instances)
            for name in sorted(name for name, count in names.items() if count > 1):
                text = t("inventory.duplicate_instance", name=target.name, instance=name)
                yield member.draft.problem("instances", text)


def roles(members: Members) -> Iterator[Problem]:
    """Targets that are one pair by themselves: a standby names its primary, a primary is named."""
    by_name = {one.target.name: one.target for one in members}
    followed = {one.target.partner for one in members if one.target.role == "standby"}
    for member in members:
        target = member.target
        if target.role == "primary" and target.name not in followed:
            yield member.draft.problem("role", t("inventory.primary_alone", name=target.name))
        if target.role != "standby":
            if target.partner:
                yield member.draft.problem("partner", t("inventory.partner_without_role", name=target.name))
            continue
        partner = by_name.get(target.partner)
        if partner is None or partner.role != "primary" or type(partner) is not type(target):
            text = t("inventory.standby_alone", name=target.name, partner=target.partner or "—")
            yield member.draft.problem("partner", text, meant(target.partner, by_name) if not partner else "")


# Rules within one contract, and rules over everything that was read.
WITHIN: Sequence[Callable[[Members], Iterator[Problem]]] = (
    jump_hosts,
    database_files,
    duplicate_databases,
    forms,
    roles,
)
ACROSS: Sequence[Callable[[Members], Iterator[Problem]]] = (duplicate_addresses, duplicate_sites)
