"""An SSH connection opened by Fabric, host key checked, logged in: each stage with its limit.

Nothing of this machine's own SSH set-up counts: neither its configuration, agent, keys nor known hosts.
"""

import contextlib
import logging
import re
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fabric
import paramiko
from cryptography.exceptions import UnsupportedAlgorithm

from tasks.errors import OpsError
from tasks.home import home
from tasks.inventory.credentials import Credential
from tasks.model import Host, SecurityEvent
from tasks.texts import listed, t
from tasks.transports import Access
from tasks.transports.alarm import Alarm
from tasks.transports.known_hosts import fingerprints, host_name, known_hosts_file, read_known_hosts

# For TCP alone, for the greeting from there to the host key, and for all of it, jump hosts included.
CONNECT_SECONDS = 10
GREETING_SECONDS = 15
LOGIN_SECONDS = 30
# OpenSSH before 7.2 does not know RSA keys with SHA-2, and does not say what it knows.
OLD = re.compile(r"OpenSSH_([1-6]\.|7\.[01]\D)")
# Fabric would otherwise ask who runs this.
NOBODY = "nobody"
RSA_SHA2 = ["rsa-sha2-512", "rsa-sha2-256"]

# It prints tracebacks for what is an ordinary failure here, with whatever the other side said in them.
logging.getLogger("paramiko").addHandler(logging.NullHandler())
logging.getLogger("paramiko").propagate = False

# No files of the user's or the machine's; shared, because making one takes longer than a handshake.
CONFIG = fabric.Config(lazy=True, ssh_config=paramiko.SSHConfig())


class Connection(fabric.Connection):  # type: ignore[misc]  # fabric has no types
    # Fabric's own writes what it has not declared into the shared configuration, which is empty for a
    # moment then, while another thread reads it.
    __setattr__ = object.__setattr__


class Failed(Exception):
    """The way to the host, or to root on it, ended here."""

    def __init__(self, reason: str, event: SecurityEvent | None = None) -> None:
        super().__init__(reason)
        self.event = event


@dataclass
class Hop:
    """One connection on the way, and how far it has come."""

    host: Host
    connection: Connection
    stage: str = "connect"
    transport: paramiko.Transport | None = None

    def end(self) -> None:
        """Wake whoever reads or waits on it."""
        if self.transport is None:
            return
        sock = self.transport.sock
        if isinstance(sock, socket.socket):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        self.transport.close()
        sock.close()  # left open where the other side ended first

    def close(self) -> None:
        """End it, and leave no thread behind."""
        self.end()
        if self.transport is not None and self.transport.ident is not None:
            self.transport.join(2)
            self.transport.packetizer.complete_handshake()  # its timer would run on for 15 s


class Strict:
    """Paramiko's policy for host keys it does not know: it is given none, so this is asked about each."""

    def __init__(self, hop: Hop, known: Mapping[str, str]) -> None:
        self.hop, self.known = hop, known

    def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:
        if self.known.get(key.get_name()) != key.get_base64():
            said = {"type": key.get_name(), "fingerprint": fingerprints(key.get_base64())[0]}
            if self.known:
                raise Failed(t("transports.key_changed", **said), SecurityEvent.KEY_CHANGED)
            raise Failed(t("transports.key_unknown", **said), SecurityEvent.KEY_UNKNOWN)
        self.hop.stage = "login"
        transport = self.hop.transport
        assert transport is not None
        # We ask for SHA-2 first: who answers with SHA-1 has nothing else.
        if transport.host_key_type == "ssh-rsa" or OLD.search(transport.remote_version):
            transport.disabled_algorithms = {"pubkeys": RSA_SHA2}


class Shown(Failed):
    """Only the key was wanted, and here it is."""

    def __init__(self, type_: str, key: str) -> None:
        super().__init__(type_)
        self.type, self.key = type_, key


class Looking:
    """A policy under which nobody is ever logged in."""

    def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:
        raise Shown(key.get_name(), key.get_base64())


def hop_to(host: Host, access: Access, gateway: Hop | None) -> Hop:
    """A connection to `host`, not open yet."""
    if not host.credential:
        raise OpsError(t("transports.no_credential", name=host.name))
    credential = access.keyring(host.credential)
    hop, known = hop_without_login(host, access, gateway)
    hop.connection.user = credential.user
    hop.connection.client.set_missing_host_key_policy(Strict(hop, known))
    hop.connection.connect_kwargs |= {
        **what_opens(credential, access),
        "allow_agent": False,
        "look_for_keys": False,
        "auth_timeout": LOGIN_SECONDS,
    }
    return hop


def hop_without_login(host: Host, access: Access, gateway: Hop | None) -> tuple[Hop, dict[str, str]]:
    """What only looks at the host's key, and the keys of it that we know."""
    connection = Connection(
        host.address,
        user=NOBODY,
        port=host.port or paramiko.config.SSH_PORT,
        config=CONFIG,
        gateway=gateway.connection if gateway else None,
        connect_timeout=CONNECT_SECONDS,
    )
    hop = Hop(host, connection)
    path = known_hosts_file(home())
    whole = access.once(path, lambda: read_known_hosts(path))
    known = whole.keys(host_name(host.address, host.port))
    connection.client.set_missing_host_key_policy(Looking())
    connection.connect_kwargs = {
        "banner_timeout": GREETING_SECONDS,
        "channel_timeout": CONNECT_SECONDS,
        "transport_factory": greeter(hop, known),
    }
    return hop, known


def greeter(hop: Hop, known: Mapping[str, str]) -> Callable[..., paramiko.Transport]:
    """Makes the transport, which asks for a kind of host key that we know, if we know any."""

    def greet(sock: Any, **options: Any) -> paramiko.Transport:
        hop.transport = paramiko.Transport(sock, **options)
        hop.stage = "greeting"
        security = hop.transport.get_security_options()
        ours = {*known, *(RSA_SHA2 if "ssh-rsa" in known else ())}
        security.key_types = sorted(security.key_types, key=lambda kind: kind not in ours)
        # Its own choice takes twice the CPU for a byte: it sums them up in a second pass.
        security.ciphers = sorted(security.ciphers, key=lambda name: "gcm" not in name)
        return hop.transport

    return greet


def what_opens(credential: Credential, access: Access) -> dict[str, Any]:
    if not (credential.password or credential.key_file):
        raise OpsError(t("transports.nothing_to_log_in_with", name=credential.name))
    found: dict[str, Any] = {"password": credential.password or None}
    if credential.key_file:
        # A passphrase is meant to take long: once a run, not once a host.
        found["pkey"] = access.once(credential, lambda: private_key(credential))
    return found


def private_key(credential: Credential) -> paramiko.PKey:
    path = Path(credential.key_file)
    try:
        return paramiko.PKey.from_path(path, (credential.passphrase or "").encode() or None)
    except OSError as problem:
        raise OpsError(t("transports.bad_key", path=path, reason=problem.strerror)) from problem
    except (paramiko.PasswordRequiredException, TypeError) as problem:
        raise OpsError(t("transports.key_locked", path=path)) from problem
    except (paramiko.SSHException, paramiko.UnknownKeyType, UnsupportedAlgorithm, ValueError) as problem:
        # From a wrong passphrase, too; the libraries tell it in many ways.
        key = "transports.key_locked" if credential.passphrase else "transports.bad_key"
        raise OpsError(t(key, path=path, reason=type(problem).__name__)) from problem


def log_in(hop: Hop, seconds: float, whole: int) -> None:
    """Open it within `seconds`, what is left of `whole`."""
    limits = {"connect": CONNECT_SECONDS, "greeting": GREETING_SECONDS, "login": whole}
    try:
        with ended_after(seconds, hop.end) as late:
            hop.connection.open()
    except paramiko.BadAuthenticationType as problem:
        methods = listed(problem.allowed_types)
        raise Failed(t("transports.no_method", methods=methods)) from problem
    except TimeoutError as problem:
        raise Failed(t(f"transports.late_{hop.stage}", seconds=limits[hop.stage])) from problem
    except (paramiko.SSHException, OSError, EOFError) as problem:
        if late.is_set() or str(problem) in SILENT:
            stage = f"transports.late_{hop.stage}"
            raise Failed(t(stage, seconds=whole if late.is_set() else limits[hop.stage])) from problem
        raise Failed(t(f"transports.failed_{hop.stage}", reason=told(problem))) from problem
    if late.is_set():
        raise Failed(t("transports.late_login", seconds=whole))


# Paramiko's words when its own limits pass.
SILENT = ("No existing session", "Authentication timeout.", "Timeout opening channel.")


def told(problem: Exception) -> str:
    """In words, where the libraries have a class for it; never with what a credential holds."""
    match problem:
        case paramiko.AuthenticationException():
            return t("transports.refused")
        case paramiko.ssh_exception.NoValidConnectionsError():
            return listed(sorted({one.strerror or str(one) for one in problem.errors.values()}))
        case OSError() if problem.strerror:
            return problem.strerror
        case EOFError():
            return t("transports.lost")
        case _:
            return str(problem) or type(problem).__name__


@contextlib.contextmanager
def ended_after(seconds: float, end: Callable[[], None]) -> Iterator[threading.Event]:
    """Paramiko waits in places that take no limit: when the time is over, `end` is called from aside.
    The event tells that this is what happened."""
    late = threading.Event()

    def over() -> None:
        late.set()
        end()

    alarm = Alarm(seconds, over)
    try:
        yield late
    finally:
        alarm.put_off()
