"""What a proof is refused for, and what its record says of it."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from flows.backup_proof import away, refused
from flows.backup_proof_form import compared, where
from flows.backup_trial import Trial, judged
from tasks.backups.catalogue import Proved
from tasks.backups.manifest import Level
from tasks.clock import now
from tests.unit.backups.histories import backup
from tests.unit.backups.places import place

VERIFICATION = {"host": "verify", "programs": {"folder": "/u02/proof"}}


def trial(method: str) -> Trial:
    return Trial(item=("app", "app-db"), asked=Level.L3, job=None, backup=backup(method=method))


def test_a_verification_host_is_for_those_that_are_proven_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, _ = place(tmp_path, verification=VERIFICATION)
    assert away(trial("oracle-rman")) and not away(trial("mysql-physical"))
    assert "verify" in where(made, backup(method="oracle-rman"))
    assert "verify" not in where(made, backup(method="mysql-physical"))
    monkeypatch.setattr("flows.backup_proof.refusal", lambda targets, hosts: "production is here")
    run: Any = SimpleNamespace(
        inventory=SimpleNamespace(targets=lambda contract: []), request=SimpleNamespace(contract="lab")
    )
    ready: Any = SimpleNamespace(place=made, access=SimpleNamespace(hosts={}))
    assert refused(run, ready) == "production is here"


def test_what_was_not_compared_is_said_beside_l3() -> None:
    """Synthetic."""
    one = trial("mysql-physical")
    assert one.backup
    one.proof = Proved(now(), Level.L3, Level.L3, compared=3, rows=30)
    judged("lab", one)
    assert "没有比对" not in one.findings[0].summary
    one.backup = replace(
        one.backup, manifest=replace(one.backup.manifest, not_digested={"shop.cache": "MEMORY", "x.y": "-"})
    )
    one.findings.clear()
    judged("lab", one)
    assert "2 项" in one.findings[0].summary and "shop.cache" in one.findings[0].summary
    assert {number.name: number.value for number in one.findings[0].numbers}["left_out"] == 2
    assert "shop.cache" in compared(one, one.backup, one.proof)
