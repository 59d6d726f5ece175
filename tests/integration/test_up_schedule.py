"""Last of those that share the installation: a run is due by its schedule three minutes after its start."""

from typing import Any

from tests.installation import Installation, until


def test_the_schedule_starts_a_run_by_itself(installation: Installation) -> None:
    def scheduled() -> list[dict[str, Any]]:
        return [one for one in installation.records("--routine", "inspection") if one["plan_id"]]

    until(lambda: bool(scheduled()), "no scheduled run was recorded")
    (run,) = scheduled()
    assert run["started_by"] == "计划自动执行"
    assert run["plan_id"].startswith("local/inspection/")
    assert run["outcome"] in ("ok", "findings")
