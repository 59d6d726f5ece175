"""Routine: prove backups on a scratch instance, the newest of each item or those that are named."""

import json
from collections.abc import Iterator, Sequence

from flows.backup_items import Ready, named, ready, summary
from flows.backup_proof_form import row
from flows.backup_trial import Trial, Trying, judged, tried
from flows.header import header
from flows.routine import Piece, Request, Routine, Run, Work, names_in
from tasks.backups import is_elsewhere, method_named
from tasks.backups import manifest as manifests
from tasks.backups.catalogue import PROVED, Backup, Catalogue, proof_key
from tasks.backups.chains import newest
from tasks.backups.manifest import Level
from tasks.backups.neighbours import refusal
from tasks.backups.plan import Backups, Item
from tasks.errors import OpsError, Refused
from tasks.home import Home
from tasks.inspection.findings import title
from tasks.inventory import Inventory
from tasks.model import Record
from tasks.reports import backup_proof as record_of
from tasks.reports.form import Form
from tasks.texts import t

TOPIC, RESTORE_TOPIC = "backup.proof", "restore"


def prove_backups(run: Run) -> Work:
    found = ready(run, proving=True)
    wanted = trials(found, run.request)
    against = refused(run, found)
    for number, trial in enumerate(wanted, 1):
        here = "" if away(trial) else against
        tried(Trying(run=run, ready=found, number=number, total=len(wanted), against=here), trial)
        kept(found, trial)
        judged(run.request.contract, trial)
    findings = [one for trial in wanted for one in trial.findings]
    held = [one for one in wanted if one.proof and one.proof.holds]
    pieces = list(evidence(wanted))

    def form(record: Record, number: str) -> Form:
        return record_of.build(
            record_of.Facts(
                record=record,
                number=number,
                header=header(run, record, number),
                findings=findings,
                titles={one.check: title(one.check) for one in findings},
                done=len(held),
                expected=len(wanted),
                attachments={piece.name: piece.content for piece in pieces},
                rows=[row(found.place, one, one.backup) for one in wanted if one.backup],
            )
        )

    return Work(
        findings=findings,
        expected=len(wanted),
        topics=topics(wanted),
        summary=summary("proof", findings, len(held), len(wanted)),
        not_reached={"/".join(one.item): one.reason for one in wanted if one.reason},
        pieces=pieces,
        form=form,
        facts={"levels": {one.backup.name: one.proof.level for one in wanted if one.backup and one.proof}},
    )


def refused(run: Run, found: Ready) -> str:
    """Why nothing may be restored on this machine."""
    if found.place.plan.verification.beside:
        return ""
    return refusal(run.inventory.targets(contract=run.request.contract), found.access.hosts)


def away(trial: Trial) -> bool:
    """Proven on the verification host, whatever lives on this one; others are proven here all the same."""
    return trial.backup is not None and is_elsewhere(method_named(trial.backup.manifest.method))


def topics(trials: Sequence[Trial]) -> tuple[str, ...]:
    """What could not be looked at is about nothing; from L2 on something was restored."""
    tried = [one.proof for one in trials if one.proof and not one.proof.unsure]
    restored = any(proof.level.rank >= Level.L2.rank for proof in tried)
    return (*([TOPIC] if tried else []), *([RESTORE_TOPIC] if restored else []))


def trials(found: Ready, request: Request) -> list[Trial]:
    level = asked_level(request)
    catalogue = found.place.catalogue
    if names := names_in(request.asked.get("backups", "")):
        return [of_backup(found.place.plan, catalogue.named(name), level) for name in names]
    return [of_item(item, newest(catalogue.of(item.key)), level) for item in found.items]


def of_item(item: Item, backup: Backup | None, level: Level | None) -> Trial:
    return Trial(item=item.key, asked=level or item.job.asked, job=item.job, backup=backup)


def of_backup(plan: Backups, backup: Backup, level: Level | None) -> Trial:
    """A backup outlives its job: then it is proven as far as one can."""
    job = next((one for one in plan.jobs if one.name == backup.manifest.job), None)
    asked = level or (job.asked if job else Level.L3)
    return Trial(item=backup.item, asked=asked, job=job, backup=backup, chosen=True)


def kept(found: Ready, trial: Trial) -> None:
    """In the catalogue, and beside the backup what says something of it."""
    if trial.backup is None or trial.proof is None:
        return
    place, proof = found.place, trial.proof
    try:
        place.catalogue.prove(trial.backup, proof)
    except OpsError as problem:  # retention gave it up meanwhile
        trial.reason = str(problem)
        return
    if proof.unsure:
        return
    for store in trial.backup.stores:
        if store not in place.stores:
            trial.not_written(store, found.closed.get(store, ""))
            continue
        try:
            place.stores[store].put(
                proof_key(trial.backup.manifest, proof), [PROVED.dump_json(proof, indent=1)]
            )
        except OpsError as problem:
            trial.not_written(store, str(problem))


def evidence(trials: Sequence[Trial]) -> Iterator[Piece]:
    for one in trials:
        if one.backup and one.proof:
            steps = [{"seconds": round(at, 3), "said": said} for at, said in one.steps]
            document = {
                "backup": one.backup.name,
                "manifest_sha256": one.backup.digest,
                "proof": json.loads(PROVED.dump_json(one.proof)),
                "steps": steps,
            }
            content = json.dumps(document, ensure_ascii=False, indent=1).encode()
            yield Piece(name=f"{one.backup.name}.proof.json", content=content)
            yield Piece(name=f"{one.backup.name}.manifest.json", content=manifests.write(one.backup.manifest))


def asked_level(request: Request) -> Level | None:
    said = request.asked.get("level", "").upper()
    known = [str(level) for level in Level if level is not Level.NONE]
    if said and said not in known:
        raise Refused(t("backup_runs.bad_level", level=said))
    return Level(said) if said else None


def sensible(home: Home, inventory: Inventory, request: Request) -> object:
    asked_level(request)
    for name in names_in(request.asked.get("backups", "")):
        Catalogue(home, request.contract).named(name)
    return named(home, inventory, request)


PROOF = Routine(code="backup-proof", work=prove_backups, named=sensible)
