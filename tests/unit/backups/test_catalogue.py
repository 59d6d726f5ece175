"""Two at once on one entry of the catalogue: nothing that either says is lost."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from tasks.backups.catalogue import PROVED, Backup, Proved, proof_in
from tasks.backups.manifest import Level
from tasks.clock import now
from tasks.errors import OpsError, Refused
from tests.unit.backups.histories import backup
from tests.unit.backups.places import place


def test_a_proof_and_a_copy_at_once_are_both_known(tmp_path: Path) -> None:
    made, _ = place(tmp_path)
    one = backup()
    made.catalogue.add(one)
    begun = now()

    def proofs() -> None:
        for number in range(20):
            proof = Proved(begun + timedelta(seconds=number), Level.L3, Level.L3)
            made.catalogue.prove(one, proof)

    def copies() -> None:
        for number in range(20):
            made.catalogue.join(Backup(one.manifest, made.catalogue.named(one.name).digest, (f"s{number}",)))

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(proofs), pool.submit(copies)]:
            done.result()
    known = made.catalogue.named(one.name)
    assert len(known.proofs) == 20 and set(known.stores) == {"vault", *(f"s{n}" for n in range(20))}


def test_what_was_removed_meanwhile_does_not_come_back(tmp_path: Path) -> None:
    made, _ = place(tmp_path)
    one = backup()
    made.catalogue.add(one)
    made.catalogue.forget(one)
    with pytest.raises(Refused):
        made.catalogue.prove(one, Proved(now(), Level.L3, Level.L3))
    assert made.catalogue.all() == []


@pytest.mark.parametrize("wrong", [{"at": "2026-01-01T00:00:00"}, {"seconds": float("nan")}, {"level": "L9"}])
def test_a_proof_that_storage_made_up_is_refused(tmp_path: Path, wrong: dict[str, object]) -> None:
    made, _ = place(tmp_path)
    said = json.loads(PROVED.dump_json(Proved(now(), Level.L3, Level.L3)))
    made.stores["vault"].put("lab/proof-1.json", [json.dumps({**said, **wrong}).encode()])
    with pytest.raises(OpsError):
        proof_in(made.stores["vault"], "lab/proof-1.json")
