"""What storage holds may be anything: a manifest whose names lead elsewhere is none."""

import json
from typing import Any

import pytest

from tasks.backups import manifest as manifests
from tasks.errors import OpsError
from tests.unit.backups.histories import backup


def said(**more: Any) -> bytes:
    document = json.loads(manifests.write(backup().manifest))
    return json.dumps({**document, **more}).encode()


def member(**more: Any) -> dict[str, Any]:
    return {
        "name": "log-bin.000001",
        "size": 1,
        "sha256": "",
        "object": "log-bin.000001.zst",
        "stored_size": 1,
        "stored_sha256": "",
        **more,
    }


def test_a_manifest_comes_back_as_it_was_written() -> None:
    before = manifests.read(said(members=[member()]))
    assert manifests.read(manifests.write(before)) == before


@pytest.mark.parametrize(
    "wrong",
    [
        {"system": "../../../../etc"},
        {"system": "a/b"},
        {"system": ".hidden"},
        {"target": ".."},
        {"target": "x/y"},
        {"contract": "../other"},
        {"chain": -1},
        {"number": float("nan")},
        {"started_at": "2026-01-01T00:00:00"},
        {"started_at": None},
        {"members": [member(name="log-../../../../etc/cron.d/x")]},
        {"members": [member(name="/etc/passwd")]},
        {"members": [member(name="")]},
        {"members": [member(size=-1)]},
        {"members": [member(stored_size=10**400)]},
        {"members": "all"},
        {"more": 1},
    ],
)
def test_what_leads_elsewhere_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(OpsError):
        manifests.read(said(**wrong))
