"""A synthetic S3 for what a real one does not do: never answers, has pages for people, keeps no lock.

Behaviour at the wire only; contents are not kept.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal

Way = Literal["silent", "page", "ignores_locks", "forgets_bytes", "gateway_error"]
LOCK = b"<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled></ObjectLockConfiguration>"
NO_LOCK = b"<Error><Code>NoSuchObjectLockConfiguration</Code></Error>"
PAGE = b"<html><head><title>Welcome</title></head><body>It works</body></html>"


class Asked(BaseHTTPRequestHandler):
    way: Way
    over: threading.Event
    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        match self.way:
            case "silent":
                self.over.wait()
            case "page":
                self.say(200, PAGE, "text/html")
            case "gateway_error":
                self.say(502, PAGE, "text/html")
            case "forgets_bytes":
                self.say(200, b"", etag="0" * 32)
            case "ignores_locks" if self.path.endswith("?object-lock"):
                self.say(200, LOCK)
            case "ignores_locks" if self.command == "GET":
                self.say(404, NO_LOCK)
            case "ignores_locks":
                self.say(200, b"")

    do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = answer

    def say(self, status: int, body: bytes, kind: str = "application/xml", etag: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if etag:
            self.send_header("ETag", f'"{etag}"')
        self.end_headers()
        self.wfile.write(body if self.command != "HEAD" else b"")

    def log_message(self, *said: object) -> None:
        pass


@contextmanager
def standing_in(way: Way) -> Iterator[str]:
    """Its address."""
    over = threading.Event()
    handler = type("Asked", (Asked,), {"way": way, "over": over})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        over.set()
        server.shutdown()
        server.server_close()
