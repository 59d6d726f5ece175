"""An empty data directory of the engine's own making."""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tasks.backups import CouldNotLook
from tasks.backups.mysql.server import USER
from tasks.backups.scratch import Scratch
from tasks.texts import t

INSTALLERS = ("mariadb-install-db", "mysql_install_db")
# Laid down when it is made.
LAID_DOWN = ("innodb_page_size", "innodb_data_file_path", "lower_case_table_names", "innodb_undo_tablespaces")
LIMIT_SECONDS = 300


def installed(scratch: Scratch, server: str, settings: Mapping[str, str]) -> Path:
    data = scratch.folder / "data"
    data.mkdir(mode=0o700)
    scratch.give_to(USER)
    fixed = [f"--{name.replace('_', '-')}={settings[name]}" for name in LAID_DOWN if settings.get(name)]
    user = [f"--user={USER}"] if os.geteuid() == 0 else []
    # Of its own: a server that starts clears away what it takes for its temporary files, anybody's.
    temporary = f"--tmpdir={scratch.folder}"
    command = [*maker(server, settings["flavour"]), f"--datadir={data}", temporary, *user, *fixed]
    try:
        done = subprocess.run(
            command, cwd=scratch.folder, capture_output=True, timeout=LIMIT_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as problem:
        raise CouldNotLook(t("backup_mysql_dump.not_installed", reason=problem)) from problem
    if done.returncode:
        last = re.sub(r"\s+", " ", (done.stdout + done.stderr).decode("utf-8", "replace"))[-500:]
        raise CouldNotLook(t("backup_mysql_dump.not_installed", reason=last))
    return data


def maker(server: str, flavour: str) -> list[str]:
    if flavour == "mysql":
        return [server, "--no-defaults", "--initialize-insecure"]
    found = next(filter(None, map(shutil.which, INSTALLERS)), None)
    if found is None:
        raise CouldNotLook(t("backup_mysql_dump.no_replay", names=" / ".join(INSTALLERS)))
    quick = ["--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve"]
    return [found, "--no-defaults", *quick]
