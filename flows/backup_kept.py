"""The verbs of `opsproof backup` about what is kept: list, show, retain, rebuild, key."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flows.commands import verb
from tasks.texts import listed, t

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tasks.backups.catalogue import Backup
    from tasks.backups.plan import Item
    from tasks.backups.rebuilding import Change
    from tasks.backups.removing import Removed
    from tasks.backups.retention import Retention
    from tasks.backups.taking import Place
    from tasks.home import Home
    from tasks.inventory import Inventory
    from tasks.transports import Access

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class AtHand:
    """A contract's backups, for whoever asks outside of a run."""

    home: "Home"
    inventory: "Inventory"
    place: "Place"
    closed: "Mapping[str, str]"
    access: "Access"


def add(verbs: Any) -> None:
    shown = verb(verbs, "list", t("backup_kept.list_help"), run_list, table=True)
    shown.add_argument("--item", default="", metavar="NAME", help=t("backup_kept.arg_item"))
    one = verb(verbs, "show", t("backup_kept.show_help"), run_show, table=True)
    one.add_argument("name", metavar="NAME", help=t("backup_kept.arg_name"))
    kept = verb(verbs, "retain", t("backup_kept.retain_help"), run_retain, table=True)
    kept.add_argument("--only", nargs="+", default=(), metavar="NAME", help=t("backup_commands.arg_only"))
    made = verb(verbs, "rebuild", t("backup_kept.rebuild_help"), run_rebuild, table=True)
    for asked in (kept, made):
        asked.add_argument("--yes", action="store_true", help=t("backup_kept.arg_yes"))
    for asked in (shown, one, kept, made):
        asked.add_argument("--contract", required=True, metavar="CODE", help=t("routine.run_contract"))
    key = verb(verbs, "key", t("backup_kept.key_help"), run_key)
    key.add_argument("what", choices=("new",), help=t("backup_kept.arg_key"))
    key.add_argument("name", metavar="NAME", help=t("backup_kept.arg_key_name"))
    key.add_argument("--show", action="store_true", help=t("backup_kept.arg_key_show"))


def at_hand(contract: str) -> AtHand:
    from flows.credential_blocks import lookup
    from tasks.backups.opening import opened
    from tasks.backups.plan import load
    from tasks.home import home
    from tasks.inventory import load as inventory_of
    from tasks.inventory.credentials import Keyring
    from tasks.model import Host
    from tasks.operations import Operations
    from tasks.transports import Access

    here = home()
    inventory = inventory_of(here.inventories, contract)
    inventory.contract(contract)
    plan = load(here.inventories, contract, inventory)
    hosts = {one.name: one for one in inventory.targets(contract, "host") if isinstance(one, Host)}
    access = Access(Keyring(here, lookup), hosts, sent=Operations())
    found = opened(here, contract, plan, access.keyring, access)
    return AtHand(here, inventory, found.place, found.closed, access)


def run_list(options: Any) -> int:
    from flows.terminal import say, show

    found = at_hand(options.contract)
    backups = found.place.catalogue.all()
    if options.item:
        backups = [one for one in backups if options.item in one.item]
    rows = [row(one, options.json) for one in backups]
    columns = ("name", "kind", "level", "age", "size", "stored", "stores")
    show(rows, {key: t(f"backup_kept.col_{key}") for key in columns}, options.json)
    for name, reason in found.closed.items():
        say(t("backup_kept.closed", store=name, reason=reason))
    if not backups:
        say(t("backup_kept.none", contract=options.contract))
    return 0


def row(one: "Backup", whole: bool) -> Row:
    from flows.backup_items import size
    from tasks import clock

    manifest = one.manifest
    age = clock.now() - manifest.started_at
    if whole:
        return {
            "name": one.name,
            "job": manifest.job,
            "target": manifest.target,
            "kind": manifest.kind,
            "level": one.level,
            "failed": one.proved.failed if one.proved else "",
            "started_at": manifest.started_at.isoformat(),
            "age_hours": round(age.total_seconds() / 3600, 2),
            "size": manifest.size,
            "stored_size": manifest.stored_size,
            "stores": list(one.stores),
            "parent": manifest.parent.name if manifest.parent else "",
        }
    failed = one.proved is not None and one.proved.failed
    return {
        "name": one.name,
        "kind": t(f"backup_runs.kind_{manifest.kind}"),
        "level": t("backup_kept.proof_failed") if failed else t(f"backup_kept.level_{one.level}"),
        "age": t("backup_kept.days", days=age.days, hours=age.seconds // 3600),
        "size": size(manifest.size),
        "stored": size(manifest.stored_size),
        "stores": " ".join(one.stores),
    }


def run_show(options: Any) -> int:
    import json

    from flows.terminal import as_json, plain
    from tasks.backups import manifest as manifests

    place = at_hand(options.contract).place
    one = place.catalogue.named(options.name)
    if options.json:
        document = json.loads(manifests.write(one.manifest))
        proofs = [proof_row(proof) for proof in one.proofs]
        print(as_json({**row(one, True), "manifest": document, "digest": one.digest, "proofs": proofs}))
        return 0
    for heading, text in told(place, one):
        print(f"{t(f'backup_kept.show_{heading}')}: {plain(text)}")
    return 0


def told(place: "Place", one: "Backup") -> "list[tuple[str, str]]":
    """What people look for first, and a line for each member and proof."""
    from collections import Counter

    from flows.backup_items import point, protection, size
    from tasks.errors import OpsError

    manifest = one.manifest
    try:
        chain = t("backup_kept.arrow").join(link.name for link in place.catalogue.chain(one))
    except OpsError as problem:
        chain = str(problem)
    what = Counter(digest.what for digest in manifest.digests)
    rows = sum(digest.count for digest in manifest.digests if digest.what == "rows")
    members = [
        (
            "member",
            t(
                "backup_kept.member",
                name=each.object,
                size=size(each.size),
                stored=size(each.stored_size),
                sha=each.stored_sha256,
            ),
        )
        for each in manifest.members
    ]
    proofs = [("proof", t("backup_kept.proof", **proof_row(proof))) for proof in one.proofs]
    return [
        ("name", one.name),
        ("item", "/".join(one.item)),
        ("method", f"{manifest.engine} / {manifest.method} / {t(f'backup_runs.kind_{manifest.kind}')}"),
        ("time", f"{manifest.started_at:%Y-%m-%d %H:%M:%S} – {manifest.ended_at:%H:%M:%S}"),
        ("point", point(manifest.point)),
        ("digest_point", point(manifest.digest_point)),
        ("size", f"{size(manifest.size)} → {size(manifest.stored_size)}"),
        ("stores", listed(one.stores)),
        ("keys", protection(manifest)),
        ("chain", chain),
        ("digest", one.digest),
        (
            "digests",
            t("backup_kept.digests", tables=what["rows"], rows=rows, others=what.total() - what["rows"]),
        ),
        ("not_digested", listed(f"{name}: {why}" for name, why in manifest.not_digested.items()) or "—"),
        ("facts", listed(f"{name}={said}"[:200] for name, said in manifest.facts.items()) or "—"),
        *members,
        *(proofs or [("proof", t("backup_kept.level_none"))]),
    ]


def proof_row(proof: Any) -> Row:
    return {
        "at": f"{proof.at:%Y-%m-%d %H:%M:%S}",
        "level": proof.level,
        "asked": proof.asked,
        "seconds": round(proof.seconds, 1),
        "compared": proof.compared,
        "rows": proof.rows,
        "said": proof.failed or proof.unsure or t("backup_kept.holds"),
    }


def run_retain(options: Any) -> int:
    """Without --yes it only says what it would do, and asks."""
    from flows.terminal import confirmed, say, show
    from tasks.backups.plan import items

    found = at_hand(options.contract)
    wanted = items(found.place.plan, found.inventory, options.contract, options.only)
    plans = {item.key: planned(found.place, item) for item in wanted}
    rows = [
        {
            "name": one.backup.name,
            "stays": one.stays if options.json else t(f"backup_kept.stays_{one.stays}"),
            "why": listed(one.why),
        }
        for plan in plans.values()
        for one in plan.verdicts
    ]
    show(rows, {key: t(f"backup_kept.col_{key}") for key in ("name", "stays", "why")}, options.json)
    going = sum(len(plan.goes) for plan in plans.values())
    if not going:
        say(t("backup_kept.nothing_goes"))
        return 0
    if options.json and not options.yes:
        return 0
    if not confirmed(t("backup_kept.ask_retain", count=going), options.yes):
        return 1
    return retained(found, options.contract, wanted)


def planned(place: "Place", item: "Item") -> "Retention":
    from tasks import clock
    from tasks.backups.retention import retention

    return retention(place.catalogue.of(item.key), item.job.keep, item.job.asked, clock.now())


def retained(found: AtHand, contract: str, wanted: "Sequence[Item]") -> int:
    """Reckoned anew behind the locks: between question and answer a backup may have come."""
    from contextlib import ExitStack

    from flows.backup_restore import noted
    from flows.terminal import say
    from tasks import clock
    from tasks.backups.removing import tidy
    from tasks.locks import held

    title, begun = t("backup_kept.retain_title"), clock.now()
    gone: list[Removed] = []
    with ExitStack() as stack:
        for code in ("backup", "backup-proof", "backup-check", "restore"):
            stack.enter_context(held(found.home, contract, code, changes=False, title=title))
        for item in wanted:
            for one in tidy(found.place, planned(found.place, item), item.job.asked):
                gone.append(one)
                say(one.problem or t("backup_kept.removed", name=one.name, store=one.store))
    kept = [one.problem for one in gone if one.problem]
    summary = t("backup_kept.retained", gone=len(gone) - len(kept), kept=len(kept))
    lines = [{"name": one.name, "store": one.store, "problem": one.problem} for one in gone]
    noted(found, contract, title, "backup.retention", begun, summary, {"removed": lines}, ok=not kept)
    say(summary)
    return 1 if kept else 0


def run_rebuild(options: Any) -> int:
    from flows.backup_believed import recorded
    from flows.terminal import confirmed, say, show
    from tasks.backups.rebuilding import difference, rebuild
    from tasks.locks import held
    from tasks.records import Book

    found = at_hand(options.contract)
    shut = [t("backup_kept.closed", store=name, reason=why) for name, why in found.closed.items()]
    with held(found.home, options.contract, "backup", changes=False, title=t("backup_kept.rebuild_title")):
        believed = recorded(Book(found.home.book), options.contract)
        differs = difference(found.place, shut, believed)
        rows = [changed_row(one, options.json) for one in differs.changes]
        show(rows, {key: t(f"backup_kept.col_{key}") for key in ("change", "name", "stores")}, options.json)
        for problem in differs.problems:
            say(problem)
        if not differs.changes and not differs.spoilt:
            say(t("backup_kept.same"))
            return 1 if differs.problems else 0
        if options.json and not options.yes:
            return 0
        if not confirmed(t("backup_kept.ask_rebuild", count=len(differs.changes)), options.yes):
            return 1
        rebuild(found.place.catalogue, differs)
    say(t("backup_kept.rebuilt", count=len(found.place.catalogue.all())))
    return 1 if differs.problems else 0


def changed_row(one: "Change", whole: bool) -> Row:
    change = one.what if whole else t(f"backup_kept.change_{one.what}")
    return {"change": change, "name": one.backup.name, "stores": " ".join(one.backup.stores)}


def run_key(options: Any) -> int:
    """The private half into a file of its own, and known by its name; the public one for backups.yml."""
    from flows.terminal import say
    from tasks.backups.keys import new_identity
    from tasks.errors import Refused
    from tasks.files import write_whole
    from tasks.home import home
    from tasks.inventory.credentials import checked
    from tasks.inventory.schema import NAME
    from tasks.inventory.secret_files import store, stored

    if not NAME.fullmatch(options.name):
        raise Refused(t("credentials.bad_name", name=ascii(options.name)))
    here = home()
    path = here.ready(here.secrets) / f"{options.name}.agekey"
    if path.exists() or options.name in stored(here):
        raise Refused(t("backup_kept.key_there", name=options.name))
    private, public = new_identity()
    write_whole(path, f"# public key: {public}\n{private}\n".encode(), 0o600)
    store(here, {options.name: checked(options.name, {"user": "age", "key_file": str(path)})})
    print(t("backup_kept.key_made", name=options.name, public=public, path=path))
    if options.show:
        print(private)
    else:
        say(t("backup_kept.key_hidden"))
    return 0
