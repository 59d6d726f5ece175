"""The WinRM transport against the stand-in Windows (synthetic) and against servers that mean no good."""

import contextlib
import hashlib
import shutil
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tasks.errors import OpsError
from tasks.home import home
from tasks.inventory.credentials import Keyring
from tasks.model import Host, Output, SecurityEvent, Winrm
from tasks.transports import Access, open_transport
from tests.certificates import self_signed
from tests.lab.winrm.fakewinrm import FakeWindows, Reply

PASSWORD = "密码-P@ss"


@pytest.fixture
def windows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeWindows]:
    monkeypatch.setenv("OPSPROOF_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("OPSPROOF_INVENTORIES", str(tmp_path))
    monkeypatch.setenv("OPSPROOF_CREDENTIAL_WIN_USER", "ops")
    monkeypatch.setenv("OPSPROOF_CREDENTIAL_WIN_PASSWORD", PASSWORD)
    with FakeWindows("WEB01", {"ops": PASSWORD}, https=True, basic=False) as host:
        shutil.copy(host.ca_file, tmp_path / "ca.pem")
        yield host
        assert not host.rule_errors


def target(port: int, login_seconds: int | None = None, credential: str = "win", **winrm: object) -> Host:
    return Host(
        contract="c",
        part="p",
        name="WEB01",
        os="windows",
        transport="winrm",
        address="127.0.0.1",
        port=port,
        credential=credential,
        login_seconds=login_seconds,
        winrm=Winrm(**winrm),  # type: ignore[arg-type]
    )


def ask(host: Host, script: str = "Get-It", seconds: float = 20) -> Output:
    return open_transport(host, Access(Keyring(home()))).run(script, timedelta(seconds=seconds))


def pin(windows: FakeWindows) -> str:
    pem = Path(windows.ca_file).read_text()
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()


def test_the_answer_comes_line_by_line_whatever_the_way(windows: FakeWindows) -> None:
    windows.on("Get-It", output=["a", "中文"])
    ways = [
        {"ca": "ca.pem"},
        {"ca": "ca.pem", "auth": "ntlm"},
        {"pin": pin(windows)},
        {"insecure": "试用环境"},
    ]
    for way in ways:
        answer = ask(target(windows.ports["https"], **way))
        assert (answer.text, answer.failure, answer.exit_code) == ("a\n中文\n", "", 0), way
    plain = ask(target(windows.ports["http"], tls=False))
    assert (plain.text, plain.failure) == ("a\n中文\n", "")
    assert not windows.shells, "a session was left behind"


def test_without_tls_every_message_is_encrypted(windows: FakeWindows) -> None:
    windows.allow_unencrypted = False
    windows.on("Get-It", output="x")
    assert ask(target(windows.ports["http"], tls=False)).text == "x\n"


@pytest.mark.parametrize(
    ("way", "event"), [({}, SecurityEvent.KEY_UNKNOWN), ({"pin": "0" * 64}, SecurityEvent.KEY_CHANGED)]
)
def test_a_certificate_nobody_vouches_for_ends_it_before_the_login(
    windows: FakeWindows, way: dict[str, str], event: SecurityEvent, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Not even if the process's own environment says that it is fine.
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", windows.ca_file)
    answer = ask(target(windows.ports["https"], **way))
    assert "证书" in answer.failure and answer.event is event and not answer.text
    assert not windows.requests and not windows.failed_logons


def test_a_certificate_for_another_name_is_none(windows: FakeWindows, tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path, "127.0.0.9")
    (tmp_path / "ca.pem").write_bytes(Path(certificate).read_bytes())
    with tls_server(certificate, key) as port:
        assert "证书" in ask(target(port, ca="ca.pem")).failure


def test_wrong_password_missing_password_and_missing_kerberos_say_so(
    windows: FakeWindows, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(OpsError, match="Kerberos"):
        ask(target(windows.ports["https"], ca="ca.pem", auth="kerberos"))
    monkeypatch.setenv("OPSPROOF_CREDENTIAL_WIN_PASSWORD", "wrong")
    answer = ask(target(windows.ports["https"], ca="ca.pem"))
    assert "不被接受" in answer.failure and "wrong" not in repr(answer)
    monkeypatch.delenv("OPSPROOF_CREDENTIAL_WIN_PASSWORD")
    with pytest.raises(OpsError, match="没有密码"):
        ask(target(windows.ports["https"], ca="ca.pem"))
    with pytest.raises(OpsError, match="key_file"):
        ask(target(windows.ports["https"], ca="ca.pem", auth="certificate"))


def test_what_arrived_before_the_script_broke_is_kept(windows: FakeWindows) -> None:
    windows.on("Get-It", Reply(output=["first"], throw="拒绝访问"))
    answer = ask(target(windows.ports["https"], ca="ca.pem"))
    assert answer.text == "first\n" and "拒绝访问" in answer.failure


def test_a_script_that_never_ends_keeps_what_it_said(windows: FakeWindows) -> None:
    def slow(call: object) -> Reply:
        call.write("first")  # type: ignore[attr-defined]
        return Reply(hang=True)

    windows.on("Get-It", slow)
    started = time.monotonic()
    answer = ask(target(windows.ports["https"], ca="ca.pem"), seconds=2)
    assert time.monotonic() - started < 5
    assert answer.text == "first\n" and "采集" in answer.failure


@pytest.mark.parametrize("mode", ["refuse", "hang"])
def test_a_host_that_is_down(windows: FakeWindows, mode: str) -> None:
    windows.down(mode)
    started = time.monotonic()
    answer = ask(target(windows.ports["https"], login_seconds=2, ca="ca.pem"))
    assert answer.failure and not answer.text and time.monotonic() - started < 4


def tls_server(certificate: object, key: object) -> "Hostile":
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(str(certificate), str(key))

    def serve(connection: socket.socket) -> None:
        context.wrap_socket(connection, server_side=True).recv(1)

    return Hostile(serve)


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
        with contextlib.suppress(OSError):
            self.serve(connection)

    def __exit__(self, *_: object) -> None:
        self.listener.close()


def drip(text: bytes, stuff: bytes) -> Callable[[socket.socket], None]:
    def serve(connection: socket.socket) -> None:
        connection.sendall(text)
        while True:
            time.sleep(0.2)
            connection.sendall(stuff)

    return serve


SERVERS = {
    "silent": lambda connection: time.sleep(30),
    "byte-a-second": drip(b"HTTP/1.1 200 OK\r\n", b"X"),
    "header-without-end": drip(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n"),
    "body-without-end": drip(b"HTTP/1.1 401 No\r\nContent-Length: 99999999\r\n\r\n", b"x"),
    "closes": lambda connection: connection.close(),
    "nonsense": lambda connection: connection.sendall(b"220 ftp ready\r\n"),
    "empty-200": lambda connection: connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
}


@pytest.mark.parametrize("tls", [True, False], ids=["https", "http"])
@pytest.mark.parametrize("name", SERVERS)
def test_a_server_that_hangs_anywhere_is_left_at_its_limit(
    windows: FakeWindows, name: str, tls: bool
) -> None:
    with Hostile(SERVERS[name]) as port:
        started = time.monotonic()
        answer = ask(target(port, login_seconds=2, tls=tls))
        assert time.monotonic() - started < 3.5
        assert answer.failure and not answer.text
    assert PASSWORD not in repr(answer)


def test_a_hanging_host_leaves_no_thread_behind(windows: FakeWindows) -> None:
    with Hostile(SERVERS["byte-a-second"]) as port:
        ask(target(port, login_seconds=1, tls=False))
        time.sleep(0.5)
        assert not [one for one in threading.enumerate() if one.name == "winrm WEB01"]
