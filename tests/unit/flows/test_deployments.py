"""What the UI offers for a contract."""

from pathlib import Path

from flows.deployments import FLOWS, deployments
from flows.routines import ROUTINES, routine
from tasks.home import Home
from tests.unit.inventory.sound import write


def test_only_a_contract_with_such_devices_has_their_form(tmp_path: Path) -> None:
    house = Home(tmp_path / "var", write(tmp_path / "inventories"))
    titles = {made.name: made for made in deployments(house, "shop")}
    fields = titles["设备人工检查"]._parameter_openapi_schema.properties
    assert "contract" not in fields and "CAM-1" in fields["only"]["description"]
    assert all(any("\u4e00" <= char <= "\u9fff" for char in field["title"]) for field in fields.values())


def test_every_routine_has_a_title() -> None:
    assert list(FLOWS) == list(ROUTINES)
    assert all(routine(code).code == code and FLOWS[code].flow.name == routine(code).title for code in FLOWS)
