"""`load`: the contracts, their targets and their thresholds, checked as a whole, or every problem at once."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tasks.errors import Refused
from tasks.inventory.build import BUILD
from tasks.inventory.contract import Contract, contract_files, unsound
from tasks.inventory.counts import differences
from tasks.inventory.drafts import Draft, drafts
from tasks.inventory.ledger.extras import unknown_extras
from tasks.inventory.ledger.registers import read_cloud, read_policies
from tasks.inventory.limits import Limits, LimitsFile
from tasks.inventory.logrules import FILE as LOGRULES
from tasks.inventory.logrules import ContractRules, LogRulesFile
from tasks.inventory.rules import ACROSS, WITHIN, Member, duplicate_names, unknown_hosts
from tasks.inventory.schema import FILES
from tasks.inventory.suggest import meant
from tasks.model import Host, Target
from tasks.strict import Document, Problem, is_there, read
from tasks.texts import t

CONTRACTS = "contracts"
LIMITS = "limits.yml"
KNOWN_FILES = (
    *(file for file, _, _ in FILES.values()),
    LIMITS,
    LOGRULES,
    "backups.yml",
    "changes.yml",
    "policies.yml",
    "cloud.yml",
    "schedules.yml",
)


@dataclass(frozen=True)
class Inventory:
    """Everything that was read, without a problem in it."""

    contracts: Mapping[str, Contract]
    everything: Sequence[Target]
    limits: Mapping[str, Limits]
    logrules: Mapping[str, ContractRules]
    places: Mapping[tuple[str, str], tuple[str, int]]
    # Contracts of which not every file could be read: what is missing here may be there.
    partial: frozenset[str] = frozenset()

    def contract(self, code: str) -> Contract:
        if code not in self.contracts:
            raise Refused(t("inventory.no_contract", code=code) + meant(code, self.contracts))
        return self.contracts[code]

    def targets(
        self, contract: str | None = None, type: str | None = None, names: Iterable[str] = ()
    ) -> list[Target]:
        """In the order of the files. `names` picks some; one that does not exist is refused."""
        if contract is not None:
            self.contract(contract)
        chosen = [
            target
            for target in self.everything
            if contract in (None, target.contract) and type in (None, target.type)
        ]
        wanted = list(names)
        known = {target.name for target in chosen}
        if missing := [name for name in wanted if name not in known]:
            texts = [t("inventory.no_target", name=name) + meant(name, known) for name in missing]
            raise Refused("\n".join(texts))
        return [target for target in chosen if not wanted or target.name in wanted]

    def target(self, contract: str, name: str) -> Target:
        return self.targets(contract, names=[name])[0]

    def origin(self, target: Target) -> str:
        """`file:line` of the entry it comes from."""
        return "{}:{}".format(*self.places[target.contract, target.name])

    def problem(self, target: Target, text: str, suggestion: str = "") -> Problem:
        """For rules that need more than the files: whether a credential is there, a check exists."""
        return Problem(*self.places[target.contract, target.name], text, suggestion)


@dataclass
class Reading:
    """One contract while it is read: what could be made of it so far."""

    code: str
    contract: Document[Contract] | None
    limits: Limits
    logrules: ContractRules
    members: list[Member]
    partial: bool


def load(inventories: Path, contract: str | None = None) -> Inventory:
    """All contracts, or one alone (a broken neighbour must not stop its work). Refused with every problem."""
    inventory, problems = survey(inventories, contract)
    if problems:
        raise Refused(t("inventory.problems", count=len(problems)), problems)
    return inventory


def survey(inventories: Path, contract: str | None = None) -> tuple[Inventory, list[Problem]]:
    """What can be read, and everything wrong with it in the order of files and lines."""
    problems: list[Problem] = []
    codes = [path.stem for path in contract_files(inventories)]
    if contract is not None:
        if contract not in codes:
            raise Refused(t("inventory.no_contract", code=contract) + meant(contract, codes))
        codes = [contract]
    else:
        problems += misplaced(inventories, codes)
    readings = [read_contract(inventories, code, problems) for code in codes]
    members = [member for reading in readings for member in reading.members]
    for rule in ACROSS:
        problems += rule(members)
    inventory = Inventory(
        contracts={one.code: one.contract.content for one in readings if one.contract},
        everything=tuple(member.target for member in members),
        limits={one.code: one.limits for one in readings},
        logrules={one.code: one.logrules for one in readings},
        places={(one.target.contract, one.target.name): one.draft.place for one in members},
        partial=frozenset(one.code for one in readings if one.partial),
    )
    return inventory, sorted(set(problems))


def misplaced(inventories: Path, codes: Sequence[str]) -> list[Problem]:
    """Folders of targets that no contract reads, and contracts whose name ends otherwise than .yml."""
    if not codes:
        return [Problem(CONTRACTS, 1, t("inventory.no_contracts", path=inventories))]
    found = [
        Problem(f"{CONTRACTS}/{path.name}", 1, t("inventory.not_yml"))
        for path in sorted((inventories / CONTRACTS).glob("*.yaml"))
    ]
    for folder in sorted(path for path in inventories.iterdir() if path.is_dir()):
        files = {path.name for path in folder.glob("*.yml")}
        if folder.name not in codes and files.intersection(KNOWN_FILES):
            text = t("inventory.folder_without_contract", code=folder.name)
            found.append(Problem(folder.name, 1, text, meant(folder.name, codes)))
    return found


def read_contract(inventories: Path, code: str, problems: list[Problem]) -> Reading:
    """One contract file and the folder of its targets."""
    folder = inventories / code
    path = inventories / CONTRACTS / f"{code}.yml"
    document = read(path, Contract, problems, f"{CONTRACTS}/{code}.yml")
    if document:
        problems += unsound(document)
    problems += misspelt_files(folder)
    drafted, whole = read_targets(folder, problems)
    members = build(drafted, problems)
    for rule in (*WITHIN, unknown_extras):
        problems += rule(members)
    problems += duplicate_names(drafted)
    problems += registers(folder, document)
    if document:
        problems += unknown_parts(document.content, members)
        built = {kind for kind in whole if all_built(kind, drafted, members)}
        problems += differences(document, [member.target for member in members], built)
    limits = read_limits(folder / LIMITS, problems)
    logrules = read_logrules(folder / LOGRULES, problems)
    partial = len(whole) < len(FILES)
    names = {draft.name for draft in drafted}
    if "host" in whole:
        problems += unknown_hosts(members, {draft.name for draft in drafted if draft.type == "host"})
    if not partial:
        groups = {group for draft in drafted for group in draft.settings["groups"]}
        problems += limits.unknown_places(groups, names) + logrules.unknown_targets(names)
    return Reading(code, document, limits, logrules, members, partial)


def misspelt_files(folder: Path) -> list[Problem]:
    """`host.yml` and `hosts.yaml` would be passed over in silence."""
    if not folder.is_dir():
        return []
    others = sorted(path.name for path in folder.glob("*.y*ml") if path.name not in KNOWN_FILES)
    return [
        Problem(f"{folder.name}/{name}", 1, t("inventory.unknown_file"), close)
        for name in others
        if (close := meant(name, KNOWN_FILES, 0.8))
    ]


def read_targets(folder: Path, problems: list[Problem]) -> tuple[list[Draft], set[str]]:
    """The drafts of a folder, and the kinds whose file was read whole (or is not there)."""
    drafted: list[Draft] = []
    whole: set[str] = set()
    for kind, (file, entries, shape) in FILES.items():
        before = len(problems)
        if is_there(folder / file):
            document = read(folder / file, shape, problems, f"{folder.name}/{file}")
            if document:
                drafted += drafts(folder.name, kind, entries, document, problems)
        if len(problems) == before:
            whole.add(kind)
    return drafted, whole


def build(drafted: Sequence[Draft], problems: list[Problem]) -> list[Member]:
    """Targets, hosts first: databases take their address from them."""
    members: list[Member] = []
    hosts: dict[str, Host] = {}
    for draft in drafted:
        target = BUILD[draft.type](draft, hosts, problems)
        if target:
            members.append(Member(target, draft))
        if isinstance(target, Host):
            hosts[target.name] = target
    return members


def all_built(kind: str, drafted: Sequence[Draft], members: Sequence[Member]) -> bool:
    return sum(draft.type == kind for draft in drafted) == sum(one.target.type == kind for one in members)


def unknown_parts(contract: Contract, members: Sequence[Member]) -> list[Problem]:
    return [
        one.draft.problem(
            "part", t("inventory.unknown_part", part=one.target.part), meant(one.target.part, contract.parts)
        )
        for one in members
        if one.target.part not in contract.parts
    ]


def registers(folder: Path, contract: Document[Contract] | None) -> list[Problem]:
    """What only ledgers list: nothing connects to it, but its files are people's work as well."""
    problems: list[Problem] = []
    read_policies(folder, problems)
    cloud = read_cloud(folder, problems)
    if cloud and contract:
        parts = contract.content.parts
        problems += [
            cloud.problem(
                ("cloud", number, "part"),
                t("inventory.unknown_part", part=one.part),
                meant(one.part, parts),
            )
            for number, one in enumerate(cloud.content.cloud)
            if one.part not in parts
        ]
    return problems


def read_limits(path: Path, problems: list[Problem]) -> Limits:
    if not is_there(path):
        return Limits()
    return Limits(read(path, LimitsFile, problems, f"{path.parent.name}/{path.name}"))


def read_logrules(path: Path, problems: list[Problem]) -> ContractRules:
    if not is_there(path):
        return ContractRules()
    return ContractRules(read(path, LogRulesFile, problems, f"{path.parent.name}/{path.name}"))
