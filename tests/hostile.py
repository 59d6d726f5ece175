"""SSH servers that hang, each at a stage of its own; on loopback, in threads of this process."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import paramiko

HOST_KEY = paramiko.ECDSAKey.generate()
BANNER = b"SSH-2.0-OpenSSH_7.4\r\n"


class Stage(paramiko.ServerInterface):
    """A server that goes as far as its stage and then says no more."""

    def __init__(self, stage: str, over: threading.Event) -> None:
        self.stage, self.over = stage, over

    def check_auth_password(self, username: str, password: str) -> int:
        if self.stage == "login":
            self.over.wait()
        return paramiko.AUTH_SUCCESSFUL

    def get_allowed_auths(self, username: str) -> str:
        return "password"

    def check_channel_request(self, kind: str, chanid: int) -> int:
        if self.stage == "channel":
            self.over.wait()
        return paramiko.OPEN_SUCCEEDED

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        if self.stage == "exec":
            self.over.wait()
        threading.Thread(target=self.answer, args=(channel,), daemon=True).start()
        return True

    def answer(self, channel: paramiko.Channel) -> None:
        time.sleep(0.2)  # the answer to the request itself goes first
        with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
            if self.stage != "silent command":
                channel.sendall(b"half an answer\n")
            if self.stage == "cut":
                channel.transport.close()
            if self.stage == "exit, never closed":
                channel.send_exit_status(0)
            self.over.wait()


def speak_ssh(sock: socket.socket, stage: str, over: threading.Event) -> None:
    transport = paramiko.Transport(sock)
    transport.add_server_key(HOST_KEY)
    with contextlib.suppress(paramiko.SSHException, EOFError, OSError):
        transport.start_server(event=threading.Event(), server=Stage(stage, over))
        over.wait()
    transport.close()


def accept_only(sock: socket.socket, over: threading.Event) -> None:
    over.wait()


def drip(sock: socket.socket, over: threading.Event) -> None:
    """The banner, one byte a second."""
    with contextlib.suppress(OSError):
        for byte in BANNER * 100:
            sock.sendall(bytes([byte]))
            if over.wait(1):
                return


def chatter(sock: socket.socket, over: threading.Event) -> None:
    """Lines before the banner, without end."""
    with contextlib.suppress(OSError):
        while not over.wait(0.05):
            sock.sendall(b"please wait\r\n")


def banner_only(sock: socket.socket, over: threading.Event) -> None:
    with contextlib.suppress(OSError):
        sock.sendall(BANNER)
        over.wait()


EARLY: dict[str, Callable[[socket.socket, threading.Event], None]] = {
    "accepted": accept_only,
    "drip": drip,
    "chatter": chatter,
    "kex": banner_only,
}
LATE = ("login", "channel", "exec", "silent command", "output", "exit, never closed", "cut")


@contextlib.contextmanager
def hostile(stage: str) -> Iterator[int]:
    """The port of a server that hangs at `stage`; its threads end with it."""
    over = threading.Event()
    threads: list[threading.Thread] = []
    socks: list[socket.socket] = []

    def serve(sock: socket.socket) -> None:
        act: Any = EARLY.get(stage)
        with sock:
            act(sock, over) if act else speak_ssh(sock, stage, over)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = listener.accept()
                socks.append(sock)
                threads.append(threading.Thread(target=serve, args=(sock,), daemon=True))
                threads[-1].start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threads.append(threading.Thread(target=accept, daemon=True))
        threads[0].start()
        try:
            yield listener.getsockname()[1]
        finally:
            over.set()
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            for thread in threads:
                thread.join(5)
            time.sleep(0.1)
