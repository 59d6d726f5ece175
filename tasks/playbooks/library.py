"""The folder `playbooks/`: everything that may be run, by contract and name."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.errors import Refused
from tasks.home import Home
from tasks.inventory import Inventory, load, survey
from tasks.inventory.contract import contract_files
from tasks.inventory.suggest import meant
from tasks.playbooks.fitting import misfits
from tasks.playbooks.schema import SUFFIX, Playbook, read_playbook
from tasks.playbooks.services import Services, playbooks, read_services
from tasks.strict import Document, Location, Problem
from tasks.texts import listed, t

SERVICES = "services"
# Of each other folder, the kind of what lies in it.
FOLDERS = {"drills": "drill", "patches": "patch", "hardening": "hardening", "changes": "change"}


@dataclass(frozen=True, slots=True)
class File:
    """One file, and the playbooks that come of it."""

    document: Document[Any]
    playbooks: tuple[Playbook, ...]

    @property
    def contract(self) -> str:
        return str(self.document.content.contract)


def every(home: Home, problems: list[Problem]) -> list[Playbook]:
    """Of all contracts; what is wrong with them, and with the files beside them, goes to `problems`."""
    inventory, _ = survey(home.inventories)
    found = read(home, problems)
    problems += check(home, found, inventory)
    return [one for file in found for one in file.playbooks]


def check(home: Home, files: Sequence[File], inventory: Inventory) -> list[Problem]:
    """What takes more than the file itself to see; nothing about contracts that `inventory` leaves out."""
    codes = {path.stem for path in contract_files(home.inventories)}
    problems = []
    for file in files:
        if file.contract not in codes:
            text = t("inventory.no_contract", code=file.contract)
            problems.append(file.document.problem(("contract",), text, meant(file.contract, codes)))
        elif file.contract in inventory.contracts and file.contract not in inventory.partial:
            problems += misfits(file.document, inventory)
    return problems + list(twice(files))


def named(home: Home, contract: str, name: str) -> Playbook:
    """Sound as far as it goes itself: an error in another file does not stop it."""
    problems: list[Problem] = []
    files = [file for file in read(home, problems) if file.contract == contract]
    of_name = {one.name: (file, one) for file in files for one in file.playbooks}
    if name not in of_name:
        text = t("playbooks.no_playbook", name=name, contract=contract) + meant(name, of_name)
        raise Refused(text, sorted(problems))
    file, found = of_name[name]
    problems += check(home, files, load(home.inventories, contract))
    if wrong := sorted({one for one in problems if one.file == file.document.name}):
        raise Refused(t("playbooks.invalid", path=file.document.name), wrong)
    return found


def names(home: Home, contract: str, kind: str = "") -> list[str]:
    ours = [one for file in read(home, []) if file.contract == contract for one in file.playbooks]
    return [one.name for one in ours if kind in ("", one.kind)]


def read(home: Home, problems: list[Problem]) -> list[File]:
    """Every file that could be read; a missing folder is no playbooks."""
    found = [services(path, problems) for path in files_in(home.playbooks / SERVICES)]
    for folder, kind in FOLDERS.items():
        found += [written(path, kind, problems) for path in files_in(home.playbooks / folder)]
    problems += misplaced(home.playbooks)
    return [one for one in found if one]


def files_in(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"*{SUFFIX}"))


def services(path: Path, problems: list[Problem]) -> File | None:
    before = len(problems)
    document: Document[Services] | None = read_services(path, problems)
    if document is None:
        return None
    # A list with an error in it would come to something else than what was meant.
    return File(document, tuple(playbooks(document.content)) if len(problems) == before else ())


def written(path: Path, kind: str, problems: list[Problem]) -> File | None:
    document = read_playbook(path, problems)
    if document is None:
        return None
    if document.content.kind != kind:
        text = t("playbooks.wrong_folder", kind=document.content.kind, wanted=kind, folder=path.parent.name)
        problems.append(document.problem(("kind",), text))
    return File(document, (document.content,))


def misplaced(folder: Path) -> Iterator[Problem]:
    """YAML that nobody would ever read."""
    known = [SERVICES, *FOLDERS]
    for path in sorted(folder.rglob("*.y*ml")):
        place = path.relative_to(folder)
        if len(place.parts) != 2 or place.parts[0] not in known or path.suffix != SUFFIX:
            text = t("playbooks.misplaced", known=listed(f"{one}/*{SUFFIX}" for one in known))
            yield Problem(place.as_posix(), 1, text, meant(place.parts[0], known))


def twice(files: Iterable[File]) -> Iterator[Problem]:
    first: dict[tuple[str, str], str] = {}
    for file in files:
        for one in file.playbooks:
            other = first.setdefault((one.contract, one.name), file.document.name)
            if other != file.document.name:
                location: Location = ("name",)
                text = t("playbooks.name_twice", name=one.name, other=other)
                yield file.document.problem(location, text)
