"""What several kinds of tests share."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from tasks import clock
from tests.installation import Installation, running


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files are given out whole, in this order: what starts the whole product is not left for the end."""
    long = {item.path for item in items if "installation" in getattr(item, "fixturenames", ())}
    items.sort(key=lambda item: item.path not in long)


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """One installation for all tests that only use it. Within three minutes from when it runs, a schedule of
    its contract `local` is due, for the test that waits for it last."""
    with running(tmp_path_factory.mktemp("installation")) as started:
        due = clock.now() + timedelta(minutes=3)
        path = started.inventories / "local" / "schedules.yml"
        path.write_text(path.read_text("utf-8").replace('"20:00"', f'"{due:%H:%M}"'), "utf-8")
        yield started
