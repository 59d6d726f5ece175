"""Real servers on loopback: nginx from Debian's package, and ones that mean no good."""

import contextlib
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.certificates import self_signed
from tests.installation import free_ports

PAGE = '<html><head><meta charset="utf-8"><title>门户</title></head><body>用户登录 <b>首页</b></body></html>'

NGINX = """
user root; daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 64; }}
http {{
  access_log off; client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2;
  fastcgi_temp_path {folder}/t3; uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
  default_type text/html; root {folder}/html;
  server {{
    listen 127.0.0.1:{plain};
    location /old {{ return 302 /; }}
    location /loop {{ return 302 /loop; }}
    location /down {{ return 503; }}
    location /zip {{ gzip on; gzip_min_length 1; alias {folder}/html/; }}
  }}
  server {{ listen 127.0.0.1:{good} ssl; ssl_certificate {folder}/good/cert.pem; ssl_certificate_key {folder}/good/key.pem; }}
  server {{ listen 127.0.0.1:{expired} ssl; ssl_certificate {folder}/expired/cert.pem; ssl_certificate_key {folder}/expired/key.pem; }}
  server {{ listen 127.0.0.1:{soon} ssl; ssl_certificate {folder}/soon/cert.pem; ssl_certificate_key {folder}/soon/key.pem; }}
  server {{ listen 127.0.0.1:{other} ssl; ssl_certificate {folder}/other/cert.pem; ssl_certificate_key {folder}/other/key.pem; }}
}}
"""


@contextlib.contextmanager
def nginx(folder: Path) -> Iterator[dict[str, int]]:
    """Ports by name. `<kind>/cert.pem` in the folder vouches for itself."""
    kinds = {"good": ("127.0.0.1", 366), "expired": ("127.0.0.1", 0), "soon": ("127.0.0.1", 12)}
    kinds["other"] = ("127.0.0.9", 366)
    for kind, (address, days) in kinds.items():
        (folder / kind).mkdir(parents=True)
        self_signed(folder / kind, address, days)
    (folder / "html").mkdir()
    (folder / "html" / "index.html").write_text(PAGE, "utf-8")
    (folder / "html" / "gbk.html").write_bytes(PAGE.replace("utf-8", "gb2312").encode("gbk"))
    (folder / "html" / "empty.html").write_bytes(b"")
    ports = dict(zip(("plain", *kinds), free_ports(5), strict=True))
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, **ports))
    folder.chmod(0o755)
    process = subprocess.Popen(["nginx", "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")])
    try:
        wait_for(ports["plain"])
        yield ports
    finally:
        process.terminate()
        process.wait(10)


def wait_for(port: int) -> None:
    end = time.monotonic() + 10
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        assert time.monotonic() < end, port
        time.sleep(0.05)


class Hostile:
    """A server that does with each connection what it is told, for as long as it likes."""

    def __init__(self, serve: Callable[[socket.socket], object]) -> None:
        self.serve, self.listener = serve, socket.create_server(("127.0.0.1", 0))

    def __enter__(self) -> int:
        threading.Thread(target=self._accept, daemon=True).start()
        return int(self.listener.getsockname()[1])

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._one, args=(connection,), daemon=True).start()

    def _one(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            self.serve(connection)

    def __exit__(self, *_: object) -> None:
        self.listener.close()


def drip(first: bytes, more: bytes) -> Callable[[socket.socket], None]:
    """`first` at once, and `more` five times a second for ever: no read of it is ever late."""

    def serve(connection: socket.socket) -> None:
        connection.sendall(first)
        while True:
            time.sleep(0.2)
            connection.sendall(more)

    return serve


HANGING: dict[str, Callable[[socket.socket], object]] = {
    "silent": lambda connection: time.sleep(30),
    "status-without-end": drip(b"HTTP/1.1 200 ", b"O"),
    "header-without-end": drip(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n"),
    "body-without-end": drip(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n", b"x"),
}
BROKEN: dict[str, Callable[[socket.socket], object]] = {
    "closes": lambda connection: None,
    "nonsense": lambda connection: connection.sendall(b"220 ftp ready\r\n"),
    "cut": lambda connection: connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n"),
}
