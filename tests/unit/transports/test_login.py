"""What connections of one run share must not change under them: each has a thread of its own."""

from pathlib import Path

import pytest

from tasks.home import home
from tasks.inventory.credentials import Keyring
from tasks.model import Host
from tasks.transports import Access
from tasks.transports.login import CONFIG, hop_without_login


def test_a_new_connection_leaves_the_shared_configuration_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fabric makes it anew, empty at first, whenever something is written to it."""
    monkeypatch.setenv("OPSPROOF_HOME", str(tmp_path))
    host = Host(contract="lab", part="linux", name="WEB01", os="linux", address="192.0.2.1")
    values = CONFIG._config
    hop_without_login(host, Access(Keyring(home())), None)
    assert CONFIG._config is values
