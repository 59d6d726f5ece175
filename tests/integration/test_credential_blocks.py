"""Credentials out of a real Prefect server, as a Secret block holds them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.installation import Installation
from tests.unit.inventory.sound import write

SAVE = """
from flows.credential_blocks import block_name
from prefect.blocks.system import Secret
Secret(value={"user": "ops", "password": "geheim"}).save(block_name("web-linux"), _sync=True)
Secret(value="geheim").save(block_name("my"), _sync=True)
"""
READ = """
from flows.credential_blocks import lookup
from tasks.home import home
from tasks.inventory.credentials import resolve
found = resolve("web-linux", home(), lookup)
assert (found.user, found.password, found.source) == ("ops", "geheim", "block")
"""
Environment = dict[str, str]


@pytest.fixture(scope="module")
def environment(installation: Installation, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """What clients of the installation's server need, with inventories and a state of their own."""
    folder = tmp_path_factory.mktemp("blocks")
    own = {"OPSPROOF_HOME": str(folder / "home"), "OPSPROOF_INVENTORIES": str(write(folder / "inventories"))}
    return {**installation.environment, **installation.client, **own}


def run(environment: Environment, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, text=True)


def test_a_block_gives_user_and_password(environment: Environment) -> None:
    saved = run(environment, "-c", SAVE)
    assert saved.returncode == 0, saved.stderr
    read = run(environment, "-c", READ)
    assert read.returncode == 0, read.stderr
    listed = run(environment, "-m", "flows.cli", "credential", "list", "--json")
    assert listed.returncode == 1
    assert "凭据 my 不完整" in listed.stderr
    assert "geheim" not in listed.stdout + listed.stderr


def test_a_name_without_a_block_is_missing(environment: Environment) -> None:
    secrets = Path(environment["OPSPROOF_HOME"]) / "secrets"
    secrets.mkdir(parents=True, mode=0o700)
    (secrets / "credentials.yml").touch(0o600)
    (secrets / "credentials.yml").write_text("my: {user: u}")
    listed = run(environment, "-m", "flows.cli", "credential", "list", "--json")
    sources = {one["name"]: one["source"] for one in json.loads(listed.stdout)}
    assert sources == {"my": "file", "ora": None, "web-linux": "block", "web-windows": None}


def test_no_server_is_not_no_credential(environment: Environment) -> None:
    nobody = environment | {"PREFECT_API_URL": "http://127.0.0.1:9/api"}
    listed = run(nobody, "-m", "flows.cli", "credential", "list")
    assert listed.returncode == 2
    assert "无法向 Prefect 服务 http://127.0.0.1:9/api 查询凭据" in listed.stderr
