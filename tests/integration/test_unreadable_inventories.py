"""Files and folders that may not be read are problems with a place, never a crash and never "not there"."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.inventory.sound import write

# Root reads everything: it has to give that up first.
WITHOUT = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search", "--inh-caps", "-all")


@pytest.mark.parametrize(
    "shut", ["shop", "shop/hosts.yml", "contracts/shop.yml", "operators.yml", "holidays"]
)
def test_what_may_not_be_read(tmp_path: Path, shut: str) -> None:
    if os.geteuid() == 0 and not shutil.which("setpriv"):
        pytest.skip("root reads every file, and setpriv is not installed")
    folder = write(tmp_path / "inventories")
    (folder / "holidays").mkdir()
    (folder / "operators.yml").write_text("operators: []\n")
    (folder / shut).chmod(0)
    environment = {"OPSPROOF_HOME": str(tmp_path / "home"), "OPSPROOF_INVENTORIES": str(folder)}
    done = subprocess.run(
        [*(WITHOUT if os.geteuid() == 0 else ()), sys.executable, "-m", "flows.cli", "inventory", "check"],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )
    (folder / shut).chmod(0o700)
    assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
    assert f"{shut}" in done.stdout and ":1: 无法读取文件：没有权限" in done.stdout
