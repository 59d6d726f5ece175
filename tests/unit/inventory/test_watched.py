"""What a host is watched for beside what every host is: backup files and antivirus software."""

from pathlib import Path

import pytest

from tasks.errors import Refused
from tasks.inventory import load
from tasks.model import Antivirus, BackupFile, Host
from tests.unit.inventory.sound import spoil, write

PLACE = '    version: "7.9"\n'


def host(folder: Path) -> Host:
    found = load(folder).target("shop", "WEB-5")
    assert isinstance(found, Host)
    return found


def test_ages_and_sizes_in_the_units_people_write(tmp_path: Path) -> None:
    folder = write(tmp_path)
    assert host(folder).backups == () and host(folder).antivirus is None
    spoil(
        folder,
        "shop/hosts.yml",
        PLACE,
        PLACE
        + "    backups:\n"
        + "      - {path: '/backup/orcl_*.dmp', max_age: 3d, min_size: 2G}\n"
        + "      - {path: /backup/files.tar, min_size: 100}\n"
        + "    antivirus: {processes: [scand], until: 2027-08-31}\n",
    )
    assert host(folder).backups == (
        BackupFile(path="/backup/orcl_*.dmp", max_age=72, min_size=2 * 1024**3),
        BackupFile(path="/backup/files.tar", max_age=26, min_size=100),
    )
    assert host(folder).antivirus == Antivirus(processes=("scand",), until="2027-08-31")


@pytest.mark.parametrize(
    "wrong",
    [
        "backups: [{path: 'relative/*.gz'}]",
        "backups: [{path: '/b/$(id)'}]",
        "backups: [{path: /b, max_age: 3w}]",
        "backups: [{path: /b, min_size: 0}]",
        "antivirus: {processes: ['a b']}",
        "antivirus: {licence: '/a;b'}",
        "antivirus: {until: soon}",
    ],
)
def test_what_no_probe_may_be_told_is_refused(tmp_path: Path, wrong: str) -> None:
    folder = write(tmp_path)
    spoil(folder, "shop/hosts.yml", PLACE, f"{PLACE}    {wrong}\n")
    with pytest.raises(Refused) as refused:
        load(folder)
    assert "shop/hosts.yml:" in str(refused.value)
