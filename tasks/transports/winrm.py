"""Windows over WinRM: a PowerShell session, the whole script in one trip.

pypsrp speaks; where its connections go, whose certificates they take and how long they live is decided
here. An unknown certificate ends the connection before the login has said a word.
"""

import importlib.util
import ssl
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pypsrp.exceptions
import requests
import spnego.exceptions
import urllib3
from pypsrp.complex_objects import PSInvocationState
from pypsrp.powershell import PowerShell, RunspacePool
from pypsrp.wsman import WSMan
from requests.adapters import HTTPAdapter

from tasks import clock
from tasks.errors import OpsError
from tasks.home import home
from tasks.inventory.credentials import Credential
from tasks.model import Host, Output, SecurityEvent
from tasks.texts import t
from tasks.transports import MOST, TRANSPORTS, Access
from tasks.transports.deadline import Deadline

CONNECT_SECONDS = 10
LOGIN_SECONDS = 30
# Not to look at a certificate is decided in the inventory, with a reason; the pin is looked at all the same.
urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)

# What the server may think about one request; the client waits a little longer for it to say so.
OPERATION_SECONDS = 20
READ_SECONDS = OPERATION_SECONDS + 10
FAREWELL_SECONDS = 5


@TRANSPORTS.add("winrm")
class WinRM:
    def __init__(self, host: Host, access: Access) -> None:
        self.host = host
        if not host.credential:
            raise OpsError(t("winrm.no_credential", name=host.name))
        self.credential = access.keyring(host.credential)
        self.login_seconds = host.login_seconds or LOGIN_SECONDS
        self.settings = {**login(host, self.credential), **trust(host)}

    def run(self, script: str, limit: timedelta, quiet: timedelta | None = None) -> Output:
        """In a thread of its own: looking up a name, or a library that waits for something nobody
        thought of, is left behind when the time is over."""
        asked = Asked(self, script, limit.total_seconds())
        asked.start()
        asked.join(asked.seconds + self.login_seconds + FAREWELL_SECONDS + 1)
        return asked.output()


class Asked(threading.Thread):
    """One conversation, and how far it has come."""

    def __init__(self, way: WinRM, script: str, seconds: float) -> None:
        super().__init__(daemon=True, name=f"winrm {way.host.name}")
        self.way, self.script, self.seconds = way, script, seconds
        self.started_at, self.started = clock.now(), time.monotonic()
        self.stage, self.failure, self.event = "login", "", None  # type: str, str, SecurityEvent | None
        self.lines: list[str] = []
        self.errors: list[str] = []
        self.ended = False

    def output(self) -> Output:
        text = "".join(f"{line}\n" for line in self.lines)
        failure = self.failure or ("" if self.ended else self._late())
        return Output(
            command=f"winrm {self.way.settings['auth']}",
            exit_code=0 if self.ended and not failure else None,
            raw=text.encode(),
            text=text,
            stderr="\n".join(self.errors),
            started_at=self.started_at,
            duration=timedelta(seconds=time.monotonic() - self.started),
            failure=failure,
            event=self.event,
        )

    def run(self) -> None:
        try:
            with WSMan(**self.way.settings, no_proxy=True, **TIMES) as wsman:
                self._talk(wsman)
        except TROUBLE as problem:
            if not self.ended:
                self.failure, self.event = told(problem)

    def _talk(self, wsman: WSMan) -> None:
        with Deadline(self.way.login_seconds) as until:
            try:
                guard(wsman, until, self.way.host.winrm.pin)
                with RunspacePool(wsman) as pool:
                    self.stage = "answer"
                    until.move(self.seconds)
                    self._ask(pool)
                    # Whoever has answered owes nothing more: a farewell that hangs is hardly waited for.
                    until.move(FAREWELL_SECONDS)
            except TROUBLE:
                if not until.passed:
                    raise
                self.failure = self.failure or ("" if self.ended else self._late())

    def _ask(self, pool: RunspacePool) -> None:
        shell = PowerShell(pool)
        shell.add_script(self.script)
        shell.begin_invoke()
        size = 0
        while shell.state == PSInvocationState.RUNNING:
            shell.poll_invoke()
            fresh = [str(line) for line in shell.output[len(self.lines) :]]
            self.lines += fresh
            size += sum(map(len, fresh))
            if size > MOST:
                self.failure = t("checks.flood", mib=MOST // 2**20)
                return
        self.errors = [str(problem) for problem in shell.streams.error]
        if shell.state != PSInvocationState.COMPLETED:
            reason = self.errors[-1] if self.errors else "?"
            self.failure = t("winrm.ended", reason=reason[:200])
        self.ended = True

    def _late(self) -> str:
        seconds = self.way.login_seconds if self.stage == "login" else self.seconds
        return t("winrm.late", seconds=round(seconds), stage=t(f"winrm.stage_{self.stage}"))


TIMES: dict[str, Any] = {
    "connection_timeout": CONNECT_SECONDS,
    "read_timeout": READ_SECONDS,
    "operation_timeout": OPERATION_SECONDS,
}
TROUBLE = (
    pypsrp.exceptions.WinRMError,
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    spnego.exceptions.SpnegoError,
    OSError,
    # A server that answers with something else than its protocol.
    ValueError,
    LookupError,
    AttributeError,
    TypeError,
)


def login(host: Host, credential: Credential) -> dict[str, Any]:
    """How the host is told who we are; the secret goes nowhere else."""
    auth = host.winrm.auth
    known = {"server": host.address, "port": host.port, "ssl": host.winrm.tls, "auth": auth}
    if auth == "certificate":
        if not credential.key_file:
            raise OpsError(t("winrm.needs_key", name=credential.name))
        pem = {"certificate_pem": credential.key_file, "certificate_key_pem": credential.key_file}
        return {**known, **pem, "certificate_key_password": credential.passphrase or None}
    if auth == "kerberos" and not importlib.util.find_spec("krb5"):
        raise OpsError(t("winrm.no_kerberos"))
    if not credential.password and auth != "kerberos":
        raise OpsError(t("winrm.needs_password", name=credential.name, auth=auth))
    return {**known, "username": credential.user, "password": credential.password or None}


def trust(host: Host) -> dict[str, Any]:
    """Always a decision: a file of authorities, a pin, or a reason written in the inventory. Never what
    the environment of the process happens to say."""
    if not host.winrm.tls:
        return {"cert_validation": False, "encryption": "always"}
    if host.winrm.pin or host.winrm.insecure:
        return {"cert_validation": False}
    if not host.winrm.ca:
        paths = ssl.get_default_verify_paths()
        return {"cert_validation": paths.cafile or paths.openssl_cafile}
    path = Path(home().inventories) / host.winrm.ca
    if not path.is_file():
        raise OpsError(t("winrm.no_file", path=path, name=host.name))
    return {"cert_validation": str(path)}


def told(problem: BaseException) -> tuple[str, SecurityEvent | None]:
    """What went wrong, for people; a certificate that is not the right one is a matter of security."""
    chain = [problem]
    while (cause := chain[-1].__cause__ or chain[-1].__context__) and cause not in chain:
        chain.append(cause)
    reason = str(problem)
    if bad := next((one for one in chain if isinstance(one, ssl.SSLCertVerificationError)), None):
        return t("winrm.untrusted", reason=bad.verify_message), SecurityEvent.KEY_UNKNOWN
    if "Fingerprints did not match" in reason:
        return t("winrm.other_pin"), SecurityEvent.KEY_CHANGED
    if broken := next((one for one in chain if isinstance(one, ssl.SSLError)), None):
        return t("winrm.no_tls", reason=broken.reason or broken), None
    if isinstance(problem, pypsrp.exceptions.AuthenticationError | spnego.exceptions.SpnegoError):
        return t("winrm.refused"), None
    if isinstance(problem, OSError):  # requests' own errors are, too
        deepest = chain[-1]
        return t("winrm.unreachable", reason=getattr(deepest, "strerror", None) or str(deepest)[:200]), None
    return t("winrm.protocol", reason=reason[:200] or type(problem).__name__), None


def guard(wsman: WSMan, until: Deadline, pin: str) -> None:
    """Every connection that the client opens is watched, and held against the pin."""
    transport = wsman.transport
    transport.session = transport._build_session()
    transport.session.trust_env = False
    keys = {"assert_fingerprint": pin or None, "key_password": transport.certificate_key_password}
    transport.session.mount("https://", Guarded(until, keys))
    transport.session.mount("http://", Guarded(until, {}))


class Guarded(HTTPAdapter):
    def __init__(self, until: Deadline, keys: dict[str, Any]) -> None:
        self.until, self.keys = until, {name: value for name, value in keys.items() if value}
        super().__init__(max_retries=0)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **kwargs: Any) -> None:
        super().init_poolmanager(connections, maxsize, block, **kwargs, **self.keys)
        until = self.until

        class Watched:
            def _new_conn(self) -> Any:
                made = super()._new_conn()  # type: ignore[misc]
                until.watch(made)
                return made

        class Plain(urllib3.HTTPConnectionPool):
            ConnectionCls = type("Plain", (Watched, urllib3.connection.HTTPConnection), {})

        class Secure(urllib3.HTTPSConnectionPool):
            ConnectionCls = type("Secure", (Watched, urllib3.connection.HTTPSConnection), {})

        self.poolmanager.pool_classes_by_scheme = {"http": Plain, "https": Secure}
