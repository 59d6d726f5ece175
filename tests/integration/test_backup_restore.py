"""Real servers restored: a dump into a live one, the files of a physical backup into a folder."""

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from tasks.backups.digests import compare
from tasks.backups.manifest import Kind
from tasks.backups.restore import able_to_load, into, to_folder
from tasks.backups.wanted import wanted
from tasks.errors import OpsError, Refused
from tasks.inventory.credentials import variable
from tests.lab import mariadb
from tests.lab.mysql_backup import PASSWORD, Kit, kit

pytestmark = pytest.mark.skipif(bool(mariadb.missing()), reason=mariadb.missing() or "-")


def allowed(made: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    """An account that may write: the one for backups may not."""
    quoted = PASSWORD.replace("\\", "\\\\").replace("'", "''")
    made.server.sql(
        f"CREATE OR REPLACE USER 'restorer'@'%' IDENTIFIED BY '{quoted}'",
        "GRANT ALL ON *.* TO 'restorer'@'%' WITH GRANT OPTION",
    )
    monkeypatch.setenv(variable("restorer", "user"), "restorer")
    monkeypatch.setenv(variable("restorer", "password"), PASSWORD)


def test_a_dump_into_the_live_server_it_came_from(monkeypatch: pytest.MonkeyPatch) -> None:
    with kit("mysql-dump") as made:
        allowed(made, monkeypatch)
        before = made.take()
        made.server.sql(
            "DROP TABLE app.texts", "DELETE FROM app.t WHERE id % 2", "CREATE TABLE app.unwanted (a INT)"
        )
        said: list[str] = []
        target = replace(made.item.target, credential="restorer")
        chosen = wanted(made.place, before.name)
        into(made.place, chosen, target, made.identities, made.access, said.append)
        after = made.take()
        # What has no snapshot, or no end, is in neither.
        left = {*before.manifest.not_digested, *after.manifest.not_digested}
        differing = [
            one.name
            for one in compare(before.manifest.digests, after.manifest.digests)
            if one.name not in left and "restorer" not in one.name
        ]
        assert differing == []
        assert made.server.sql("SELECT COUNT(*) AS n FROM app.t")[0]["n"] == 3000
        assert any("账号" in word for word in said)
        with pytest.raises(OpsError):  # the account for backups may not
            into(
                made.place,
                chosen,
                replace(made.item.target, credential="lab-backup"),
                made.identities,
                made.access,
                said.append,
            )


def test_a_physical_backup_into_a_folder_and_never_into_a_live_server(tmp_path: Path) -> None:
    with kit("mysql-physical") as made:
        backup = made.take()
        chosen = wanted(made.place, backup.name)
        with pytest.raises(Refused, match="停掉目标实例"):
            able_to_load(backup)
        folder = Path(made.place.home.root) / "restored"
        to_folder(made.place, chosen, folder, made.identities, lambda _: None)
        assert list(folder.rglob("ibdata1")) and not list(folder.glob(".opsproof*"))
        members = wanted(made.place, backup.name, members=True)
        to_folder(made.place, members, tmp_path / "members", made.identities, lambda _: None)
        sizes = {
            path.name: path.stat().st_size for path in (tmp_path / "members").rglob("*") if path.is_file()
        }
        assert all(sizes[one.name.rpartition("/")[2]] == one.size for one in backup.manifest.members)


def test_back_to_a_transaction_in_a_folder_that_starts() -> None:
    """What comes out is a data folder: a server of the same kind starts on it."""
    with kit("mysql-physical", filled=False) as made:
        made.server.sql("CREATE DATABASE app", "CREATE TABLE app.steps (id INT PRIMARY KEY)")
        made.take()
        made.server.sql("INSERT INTO app.steps VALUES (1)")
        gtid = made.server.sql("SELECT @@gtid_binlog_pos AS g")[0]["g"]
        made.server.sql("INSERT INTO app.steps VALUES (2)")
        logs = made.take(Kind.LOG)
        folder = Path(made.place.home.root) / "restored"
        chosen = wanted(made.place, logs.name, at=gtid)
        assert chosen.until == {"gtid": gtid} and len(chosen.chain) == 2
        to_folder(made.place, chosen, folder, made.identities, lambda _: None)
        subprocess.run(["chown", "-R", "mysql:", str(folder)], check=True)
        folder.chmod(0o755)
        server = mariadb.Server(folder)
        server.start()
        try:
            server.wait()
            assert server.sql("SELECT MAX(id) AS n FROM app.steps")[0]["n"] == 1
        finally:
            server.kill()
