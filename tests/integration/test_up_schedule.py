"""A run falls due by its schedule."""

from datetime import timedelta

from tasks import clock
from tests.installation import Installation, until


def test_the_schedule_starts_a_run_by_itself(installation: Installation) -> None:
    # Far enough for the runner to have read it by then.
    due = (clock.now() + timedelta(seconds=90)).replace(second=0, microsecond=0)
    path = installation.inventories / "local" / "schedules.yml"
    path.write_text(path.read_text("utf-8").replace('"20:00"', f'"{due:%H:%M}"'), "utf-8")
    until(lambda: clock.now() > due, "the clock stands still")

    def recorded() -> list[tuple[str, str]]:
        listed = installation.records("--routine", "inspection")
        return [(one["started_by"], one["outcome"]) for one in listed if one["planned_at"] == due.isoformat()]

    until(recorded, "no scheduled run was recorded")
    ((by, outcome),) = recorded()
    assert by == "计划自动执行" and outcome in ("ok", "findings")
