from pathlib import Path

import pytest


@pytest.fixture
def inventories(tmp_path: Path) -> Path:
    (tmp_path / "holidays").mkdir()
    (tmp_path / "x").mkdir()
    return tmp_path
