from pathlib import Path

import pytest

from tasks.home import Home, home


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """An empty installation with its own inventories."""
    monkeypatch.setenv("OPSPROOF_HOME", str(tmp_path / "var"))
    monkeypatch.setenv("OPSPROOF_INVENTORIES", str(tmp_path / "inventories"))
    monkeypatch.delenv("OPSPROOF_LOGIN_FILE", raising=False)
    (tmp_path / "inventories").mkdir()
    return home()
