"""Credentials out of a real Prefect server, as a Secret block holds them."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError

import pytest

from flows.settings import server_settings
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
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    """A server of its own that tells nobody, and what its clients need to reach it."""
    folder = tmp_path_factory.mktemp("blocks")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "OPSPROOF_"))
    }
    made = (
        kept
        | server_settings()
        | {
            "PREFECT_HOME": str(folder / "prefect"),
            "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
            "OPSPROOF_HOME": str(folder / "home"),
            "OPSPROOF_INVENTORIES": str(write(folder / "inventories")),
        }
    )
    start = [sys.executable, "-m", "prefect", "server", "start", "--port", str(port)]
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(start, env=made, stdout=log, stderr=log)
    try:
        wait_for(f"{made['PREFECT_API_URL']}/health", server)
        yield made
    finally:
        server.terminate()
        server.wait(30)


def wait_for(url: str, server: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until and server.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except (URLError, OSError):
            time.sleep(0.2)
    pytest.fail("the Prefect server did not start")


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
