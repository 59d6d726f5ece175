import subprocess
import sys

from tasks.transports import TRANSPORTS

ASKED = """
import sys
from tasks.databases import ENGINES
from tasks.transports import TRANSPORTS
assert TRANSPORTS.get("local") and ENGINES.get("sqlite")
print(*sorted({"pypsrp", "oracledb", "psycopg"} & set(sys.modules)))
"""


def test_who_asks_for_one_piece_does_not_wait_for_the_libraries_of_the_others() -> None:
    done = subprocess.run([sys.executable, "-c", ASKED], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_what_is_not_there_is_not_there_whatever_it_is_called() -> None:
    for name in ("telnet", "deadline", "../ssh", ""):
        assert TRANSPORTS.get(name) is None
    assert {"ssh", "winrm", "local"} <= set(TRANSPORTS.all())
