from pathlib import Path

import pytest

from tasks.errors import OpsError
from tasks.transports.known_hosts import KnownHosts, fingerprints, host_name, read_known_hosts

KEY = "AAAAC3NzaC1lZDI1NTE5AAAAIJ1hYmNkZWZnaGlqa2xtbm9wcXJzdHV2d3h5ejAxMjM0"
OTHER = "AAAAC3NzaC1lZDI1NTE5AAAAIJ1hYmNkZWZnaGlqa2xtbm9wcXJzdHV2d3h5ejAxMjM1"


def test_a_port_of_its_own_makes_another_host() -> None:
    assert host_name("192.0.2.1", 22) == host_name("192.0.2.1", None) == "192.0.2.1"
    assert host_name("Web.example", 2222) == "[web.example]:2222"


def test_what_is_written_is_read_again_and_only_for_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"
    KnownHosts().replaced("192.0.2.1", {"ssh-ed25519": KEY}).write(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert read_known_hosts(path).keys("192.0.2.1") == {"ssh-ed25519": KEY}
    assert read_known_hosts(path).keys("192.0.2.11") == {}
    assert read_known_hosts(tmp_path / "none").keys("192.0.2.1") == {}


def test_new_keys_replace_the_old_and_leave_everything_else(tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"
    path.write_text(f"# ours\n\n192.0.2.1,192.0.2.2 ssh-ed25519 {KEY} note\n192.0.2.1 ssh-rsa {OTHER}\n")
    read_known_hosts(path).replaced("192.0.2.1", {"ssh-ed25519": OTHER}).write(path)
    known = read_known_hosts(path)
    assert known.keys("192.0.2.1") == {"ssh-ed25519": OTHER}
    assert known.keys("192.0.2.2") == {"ssh-ed25519": KEY}
    assert path.read_text().startswith("# ours\n\n")


@pytest.mark.parametrize(
    "line",
    [
        f"*.example ssh-ed25519 {KEY}",
        f"!192.0.2.1 ssh-ed25519 {KEY}",
        f"@revoked 192.0.2.1 ssh-ed25519 {KEY}",
        f"@cert-authority * ssh-ed25519 {KEY}",
        "192.0.2.1 ssh-ed25519",
        "192.0.2.1 ssh-ed25519 not/base64!",
        f"|1|half ssh-ed25519 {KEY}",
        "\x00",
    ],
)
def test_a_line_that_is_not_understood_is_told_with_its_number(tmp_path: Path, line: str) -> None:
    (tmp_path / "known_hosts").write_text(f"# one\n{line}\n")
    with pytest.raises(OpsError, match="2"):
        read_known_hosts(tmp_path / "known_hosts")


def test_fingerprints_as_ssh_keygen_shows_them() -> None:
    sha256, md5 = fingerprints(KEY)
    assert sha256.startswith("SHA256:") and len(sha256) == 50 and not sha256.endswith("=")
    assert md5.startswith("MD5:") and len(md5.split(":")) == 17
