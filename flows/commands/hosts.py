"""`opsproof hosts`: which hosts are reached by SSH, and whose keys are trusted."""

from typing import TYPE_CHECKING, Any

from flows.commands import noun, verb
from flows.terminal import confirmed, say, show
from tasks.texts import t

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks.home import Home
    from tasks.model import Host
    from tasks.transports.trust import Offer

COLUMNS = ("name", "address", "state", "type", "sha256", "md5")


def add(nouns: Any) -> None:
    verbs = noun(nouns, "hosts", t("transports.noun"))
    listed = verb(verbs, "list", t("transports.list_help"), list_hosts, table=True)
    listed.add_argument("--contract", metavar="CODE", help=t("transports.contract_help"))
    made = verb(verbs, "trust", t("transports.trust_help"), trust, table=True)
    made.add_argument("names", nargs="*", metavar="NAME", help=t("transports.names_help"))
    made.add_argument("--contract", metavar="CODE", required=True, help=t("transports.contract_help"))
    made.add_argument("--replace", action="store_true", help=t("transports.replace_help"))
    made.add_argument("--yes", action="store_true", help=t("cli.yes"))


def list_hosts(options: Any) -> int:
    from tasks.home import home
    from tasks.transports.known_hosts import fingerprints
    from tasks.transports.trust import known

    rows = []
    for host in ssh_hosts(home(), options.contract):
        keys = known(home(), host)
        rows.append(
            {
                "contract": host.contract,
                "name": host.name,
                "address": f"{host.address}:{host.port}",
                "jump": list(host.jump) if options.json else " → ".join(host.jump),
                "sudo": host.sudo
                if options.json
                else t("transports.sudo_true" if host.sudo else "transports.sudo_false"),
                "credential": host.credential,
                "type": " ".join(keys),
                "sha256": " ".join(fingerprints(key)[0] for key in keys.values())
                or ("" if options.json else t("transports.not_trusted")),
            }
        )
    columns = ("contract", "name", "address", "jump", "sudo", "credential", "sha256")
    show(rows, {key: t(f"transports.column_{key}") for key in columns}, options.json)
    return 0


def ssh_hosts(here: "Home", contract: str | None, names: "Sequence[str]" = ()) -> "list[Host]":
    from tasks.inventory import load
    from tasks.model import Host

    targets = load(here.inventories, contract).targets(contract, "host", names)
    return [host for host in targets if isinstance(host, Host) and host.transport == "ssh"]


def trust(options: Any) -> int:
    """0: every key asked for is trusted. 1: some are not."""
    from flows.credential_blocks import lookup
    from tasks.home import home
    from tasks.inventory.credentials import Keyring
    from tasks.transports import Access
    from tasks.transports.trust import State, enrol, offers

    here = home()
    hosts = ssh_hosts(here, options.contract, options.names)
    refuse_documented(hosts)
    everyone = {host.name: host for host in ssh_hosts(here, options.contract)}
    found = offers(here, hosts, Access(Keyring(here, lookup), everyone))
    show_offers(found, options.json)
    wanted = [one for one in found if one.state is State.NEW]
    changed = [one for one in found if one.state is State.CHANGED]
    silent = [one for one in found if one.state is State.SILENT]
    if options.replace:
        wanted, changed = wanted + changed, []
    if changed:
        say(t("transports.changed_stay", count=len(changed)))
    if wanted:
        if not confirmed(t("transports.ask_trust", count=len(wanted)), options.yes):
            say(t("transports.none_trusted"))
            return 1
        enrol(here, wanted)
        record(here, options.contract, wanted)
        say(t("transports.trusted", count=len(wanted)))
    return 1 if changed or silent else 0


def refuse_documented(hosts: "Sequence[Host]") -> None:
    from tasks.errors import Refused
    from tasks.inventory.addresses import is_documentation

    if documented := [host.address for host in hosts if is_documentation(host.address)]:
        raise Refused(t("transports.documented", examples=" ".join(documented[:3])))


def show_offers(found: "Sequence[Offer]", as_json: bool) -> None:
    rows = []
    for one in found:
        sha256, md5 = one.fingerprints
        row = {"name": one.host.name, "address": f"{one.host.address}:{one.host.port}", "type": one.type}
        rows.append({**row, "state": str(one.state), "sha256": sha256, "md5": md5, "failure": one.failure})
    plain = [
        {**row, "state": t(f"transports.state_{row['state']}"), "sha256": row["sha256"] or row["failure"]}
        for row in rows
    ]
    show(rows if as_json else plain, {key: t(f"transports.column_{key}") for key in COLUMNS}, as_json)


def record(here: "Home", contract: str, trusted: "Sequence[Offer]") -> None:
    """Whose word it was, and for which keys: a key trusted by mistake can be found later."""
    from flows.routine import user
    from tasks import clock
    from tasks.inventory.contract import contract_named
    from tasks.model import Outcome, Record
    from tasks.records import Book

    now, title = clock.now(), t("transports.trust_title")
    names = {one.host.name: f"{one.type} {one.fingerprints[0]} ({one.state})" for one in trusted}
    Book(here.ready(here.book)).append(
        Record(
            contract=contract,
            routine="hosts.trust",
            title=title,
            started_at=now,
            ended_at=now,
            started_by=user(),
            outcome=Outcome.NOTED,
            mode=contract_named(here.inventories, contract).mode,
            summary=t("transports.trusted", count=len(names)),
            facts={"host_keys": names},
        )
    )
