"""Many stand-ins in a process of their own, so that they take nothing of the product's time but the
processor's: `with fleet(41, hanging=10) as databases: …`.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from tasks.model import Database
from tests.lab.oracle.server import FakeOracle
from tests.lab.oracle.standing import USER, standing

# Where the ones that hang do so, in turn.
STAGES = ("tcp", "connect", "accept", "protocol", "types", "auth1", "auth2", "call")


@contextmanager
def fleet(count: int, hanging: int = 0, **fields: object) -> Iterator[list[Database]]:
    """The first `hanging` of them hang, each in another stage."""
    process = subprocess.Popen(
        [sys.executable, "-m", __name__, str(count), str(hanging)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout
        ports = json.loads(process.stdout.readline())
        yield [database(number, port, **fields) for number, port in enumerate(ports, 1)]
    finally:
        process.communicate("")


def database(number: int, port: int, **fields: object) -> Database:
    made = Database(
        contract="lab",
        part="oracle",
        name=f"ORA-{number:02d}",
        engine="oracle",
        address="127.0.0.1",
        port=port,
        service="ORCL",
        credential=USER,
        login_seconds=5,
    )
    return replace(made, **fields)


def serve(count: int, hanging: int) -> None:
    """They share one dictionary: they are asked the same and are all healthy."""
    pattern = standing()
    with ExitStack() as stack:
        servers: Sequence[FakeOracle] = [
            stack.enter_context(FakeOracle(replace(pattern.db, hangs_at=stage)))
            for stage in [STAGES[at % len(STAGES)] if at < hanging else "" for at in range(count)]
        ]
        print(json.dumps([server.port for server in servers]), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    serve(int(sys.argv[1]), int(sys.argv[2]))
