"""The listener of a stand-in: `with FakeOracle(db) as server: … server.port`."""

import socket
import socketserver
import ssl
import threading
from typing import Self

from tests.lab.oracle.database import FakeDb
from tests.lab.oracle.session import Session


class FakeOracle(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, db: FakeDb | None = None, host: str = "127.0.0.1", port: int = 0) -> None:
        self.live: set[socket.socket] = set()
        self.stopped = threading.Event()
        super().__init__((host, port), Session)
        self.db = db or FakeDb()
        # With it the listener speaks TCPS.
        self.tls: ssl.SSLContext | None = None

    def get_request(self) -> tuple[socket.socket, object]:
        connection, peer = super().get_request()
        if self.tls:
            connection = self.tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, peer

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *problem: object) -> None:
        self.stop()

    def stop(self) -> None:
        """A database that stops drops its sessions."""
        self.stopped.set()
        self.shutdown()
        self.server_close()
        for connection in list(self.live):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                self.live.discard(connection)

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    @property
    def dsn(self) -> str:
        return f"127.0.0.1:{self.port}/{self.db.service}"
