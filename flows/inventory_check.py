"""What is checked beyond the files of targets themselves, because it takes several rooms: schedules,
checks, credentials on this machine, and whether a contract may be activated.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from flows.credential_blocks import lookup
from tasks.backups.plan import Backups, read_backups, unsound
from tasks.calendar.notices import read_notices, read_overrides
from tasks.calendar.schedules import FILE, read_schedules
from tasks.checks import CHECKS
from tasks.checks.logrules import shipped_entries
from tasks.contracts.activation import active
from tasks.errors import OpsError, Refused
from tasks.home import Home
from tasks.inventory import Inventory, load, survey
from tasks.inventory.addresses import is_documentation
from tasks.inventory.contract import contract_files
from tasks.inventory.credentials import source_of
from tasks.inventory.suggest import meant
from tasks.inventory.vocabulary import Routine
from tasks.model import Target
from tasks.people.operators import read_operators, unknown_contracts
from tasks.playbooks import library
from tasks.playbooks.windows import read_changes
from tasks.records import Book
from tasks.strict import Document, Problem, is_there
from tasks.texts import t

# Routines whose `only` names jobs of backups.yml as well.
BACKUPS = frozenset({Routine.BACKUP, Routine.BACKUP_PROOF, Routine.BACKUP_CHECK})


def examine(here: Home, contract: str | None = None) -> tuple[Inventory, list[Problem], set[str]]:
    """What was read, everything wrong with it, and the credentials that inactive contracts still lack."""
    inventory, problems = survey(here.inventories, contract)
    codes = [contract] if contract else list(inventory.contracts)
    for code in codes:
        problems += schedule_problems(here, code, inventory)
        problems += backup_problems(here, code, inventory)
        read_changes(here.inventories, code, problems)
    problems += playbook_problems(here, inventory, contract)
    if contract is None:
        problems += shared_problems(here.inventories, inventory)
    for limits in inventory.limits.values():
        problems += limits.unknown_checks(CHECKS.all())
    for logrules in inventory.logrules.values():
        problems += logrules.unknown_rules(shipped_entries())
    running = active(Book(here.book))
    missing, troubles = unresolved(here, inventory.targets())
    problems += troubles
    problems += [without(inventory, target) for target in missing if target.contract in running]
    later = {credential(target) for target in missing if target.contract not in running}
    later |= {name for code in codes if code not in running for name in backup_logins_missing(here, code)}
    return inventory, sorted(set(problems)), later


def shared_problems(inventories: Path, inventory: Inventory) -> list[Problem]:
    """The files that serve every contract: the holidays, and who may do what."""
    problems: list[Problem] = []
    read_overrides(inventories / "holidays", problems)
    read_notices(inventories / "holidays", problems)
    people = read_operators(inventories, problems)
    # The files' names, not what they say: a contract that cannot be read is told of already.
    codes = {path.stem for path in contract_files(inventories)} | set(inventory.contracts)
    return problems + (list(unknown_contracts(people, codes)) if people else [])


def schedule_problems(here: Home, code: str, inventory: Inventory) -> list[Problem]:
    """Besides what the calendar says itself: names in `only` that are not there, or services without any."""
    problems: list[Problem] = []
    path = here.inventories / code / FILE
    document = read_schedules(path, problems) if is_there(path) else None
    if document is None or code in inventory.partial:
        return problems
    targets = {target.name for target in inventory.everything if target.contract == code}
    plan = read_backups(here.inventories, code, [])
    jobs = {job.name for job in plan.content.jobs} if plan else set()
    known = dict.fromkeys(BACKUPS, targets | jobs)
    known[Routine.SERVICE] = set(library.names(here, code, Routine.SERVICE))
    for index, entry in enumerate(document.content.schedules):
        names = known.get(entry.routine, targets)
        place = ("schedules", index, "only")
        problems += [
            document.problem(place, t("inventory.schedule_only", name=name), meant(name, names))
            for name in entry.only
            if name not in names
        ]
        if entry.routine == Routine.SERVICE and not entry.only:
            problems.append(document.problem(place[:2], t("inventory.schedule_services")))
    return problems


def backup_problems(here: Home, code: str, inventory: Inventory) -> list[Problem]:
    """Besides what the plan of backups says itself: logins of a contract at work that are nowhere."""
    problems: list[Problem] = []
    document = read_backups(here.inventories, code, problems)
    if document is None or code in inventory.partial or code not in inventory.contracts:
        return problems
    problems += unsound(document, inventory, code)
    if code in active(Book(here.book)):
        problems += without_login(here, document)
    return problems


def playbook_problems(here: Home, inventory: Inventory, contract: str | None) -> list[Problem]:
    """Of one contract: what its files say, and what nobody can tell whose it is."""
    problems: list[Problem] = []
    files = library.read(here, problems)
    others = {file.document.name for file in files if contract not in (None, file.contract)}
    problems += library.check(here, files, inventory)
    return [one for one in problems if one.file not in others]


def without_login(here: Home, document: Document[Backups]) -> list[Problem]:
    """Those of stores, of jobs, and the one that opens what is encrypted."""
    problems = []
    for place, name in logins(document.content):
        try:
            found = source_of(name, here, lookup) is not None
        except OpsError as problem:
            problems.append(document.problem(place, str(problem)))
            continue
        if not found:
            advice = t("inventory.credential_advice", credential=name)
            text = t("inventory.backup_credential", credential=name)
            problems.append(document.problem(place, text, advice))
    return problems


def backup_logins_missing(here: Home, code: str) -> set[str]:
    plan = read_backups(here.inventories, code, [])
    names = {name for _, name in logins(plan.content)} if plan else set()
    return {name for name in names if not resolvable(here, name)}


def resolvable(here: Home, name: str) -> bool:
    """A source that must not be used is told where it is used."""
    try:
        return source_of(name, here, lookup) is not None
    except OpsError:
        return True


def logins(said: Backups) -> Iterator[tuple[tuple[str | int, ...], str]]:
    for store, settings in said.stores.items():
        if name := getattr(settings, "credential", ""):
            yield ("stores", store, "credential"), name
    if said.identity:
        yield ("identity",), said.identity
    for number, job in enumerate(said.jobs):
        if job.credential:
            yield ("jobs", number, "credential"), job.credential


def credential(target: Target) -> str:
    return str(getattr(target, "credential", ""))


def unresolved(here: Home, targets: list[Target]) -> tuple[list[Target], list[Problem]]:
    """Whose credential is nowhere on this machine; a source that must not be used is a problem."""
    names = {credential(target) for target in targets} - {""}
    lacking: set[str] = set()
    troubles: list[Problem] = []
    for name in sorted(names):
        try:
            if source_of(name, here, lookup) is None:
                lacking.add(name)
        except OpsError as problem:
            troubles.append(Problem("credentials.yml", 1, str(problem)))
    return [target for target in targets if credential(target) in lacking], troubles


def without(inventory: Inventory, target: Target) -> Problem:
    name = credential(target)
    text = t("inventory.credential_missing", name=target.name, credential=name)
    return inventory.problem(target, text, t("inventory.credential_advice", credential=name))


def endpoint(settings: Any) -> str:
    """The address of a store that has one."""
    return urlsplit(getattr(settings, "endpoint", "")).hostname or ""


def refuse_unready(here: Home, code: str) -> Inventory:
    """What may be activated: sound files, real addresses, and every credential at hand."""
    inventory = load(here.inventories, code)
    problems = [
        *schedule_problems(here, code, inventory),
        *backup_problems(here, code, inventory),
    ]
    read_changes(here.inventories, code, problems)
    if plan := read_backups(here.inventories, code, []):
        problems += without_login(here, plan)
    problems += inventory.limits[code].unknown_checks(CHECKS.all())
    problems += inventory.logrules[code].unknown_rules(shipped_entries())
    targets = inventory.targets(code)
    missing, troubles = unresolved(here, targets)
    problems += troubles + [without(inventory, target) for target in missing]
    addresses = [target.address for target in targets if target.address]
    if plan:
        addresses += filter(None, (endpoint(settings) for settings in plan.content.stores.values()))
    documented = list(filter(is_documentation, addresses))
    if documented:
        examples = " ".join(documented[:3])
        text = t("inventory.documentation", code=code, count=len(documented), examples=examples)
        raise Refused(text)
    if problems:
        raise Refused(t("inventory.problems", count=len(problems)), sorted(set(problems)))
    if not targets:
        raise Refused(t("inventory.nothing_to_do", code=code))
    return inventory
