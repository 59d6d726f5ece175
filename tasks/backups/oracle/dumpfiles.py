"""What each file of a Data Pump export says of itself: whose job it is of, which number, written when.

DBMS_DATAPUMP.GET_DUMPFILE_INFO (10.2 and later) as Oracle documents it; never asked of a real Oracle.
"""

from collections.abc import Mapping, Sequence

from tasks.backups import Unsound
from tasks.backups.oracle.host import OracleHost, Refusal
from tasks.backups.oracle.source import named
from tasks.backups.oracle.verifying import blamed
from tasks.errors import OpsError
from tasks.texts import t

HEADER = """\
declare
    info ku$_dumpfile_info;
    kind number;
begin
    dbms_datapump.get_dumpfile_info('{name}', '{directory}', info, kind);
    for n in 1 .. info.count loop
        dbms_output.put_line(info(n).item_code || chr(31) || info(n).value);
    end loop;
end;
/"""
# KU$_DFHDR_GUID, KU$_DFHDR_FILE_NUMBER and KU$_DFHDR_CREATION_DATE of the package.
GUID, NUMBER, CREATED = "3", "4", "6"


def headers(host: OracleHost, directory: str, names: Sequence[str]) -> dict[str, list[str]]:
    """Name → job, number and creation."""
    asked = [HEADER.format(name=name, directory=directory) for name in names]
    _, *answers = host.answers("set serveroutput on", *asked)
    items = [named(rows) for rows in answers]
    found = [[said.get(item, "") for item in (GUID, NUMBER, CREATED)] for said in items]
    return dict(zip(names, found, strict=True))


def one_set(host: OracleHost, directory: str, names: Sequence[str]) -> dict[str, list[str]]:
    """Of an export that has just been made: files of one job, each with a number of its own."""
    found = headers(host, directory, names)
    jobs, numbers = {said[0] for said in found.values()}, {said[1] for said in found.values()}
    if len(jobs) != 1 or len(numbers) != len(names) or "" in jobs | numbers:
        raise OpsError(t("oracle_backup.dump_other", names=" ".join(names)[:300]))
    return found


def same_set(host: OracleHost, directory: str, names: Sequence[str], expected: Mapping[str, object]) -> None:
    """An import takes its files in any order and under any name: who is who is only in them."""
    if missing := sorted(expected.keys() ^ set(names)):
        raise Unsound(t("oracle_backup.dump_missing", names=" ".join(missing)[:300]))
    try:
        found = headers(host, directory, names)
    except Refusal as problem:
        raise blamed(problem) from problem
    if other := sorted(name for name in names if found[name] != expected[name]):
        raise Unsound(t("oracle_backup.dump_other", names=" ".join(other)[:300]))
