"""A slow line on loopback: what is sent to it arrives at `to`, no faster than so many bytes a second."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

PIECE = 64 * 1024


def carry(source: socket.socket, target: socket.socket, rate: float) -> None:
    with contextlib.suppress(OSError):
        while piece := source.recv(PIECE):
            time.sleep(len(piece) / rate)
            target.sendall(piece)
    for end in (source, target):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


@contextmanager
def slow_line(to: int, rate: float) -> Iterator[int]:
    """The port at its near end."""
    with socket.create_server(("127.0.0.1", 0)) as near:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    client, _ = near.accept()
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, PIECE)
                    far = socket.create_connection(("127.0.0.1", to))
                    for one, other in ((client, far), (far, client)):
                        threading.Thread(target=carry, args=(one, other, rate), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        yield int(near.getsockname()[1])
        near.shutdown(socket.SHUT_RDWR)
