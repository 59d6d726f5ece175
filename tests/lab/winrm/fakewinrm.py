"""A stand-in for a Windows Server's WinRM endpoint, in this process, for tests. SYNTHETIC: what it
answers was never compared with a real Windows.

It speaks WS-Management over HTTP and HTTPS (Basic, NTLM and Negotiate with message encryption), the
cmd shell (WinRS) and the PowerShell remoting shell (PSRP), so that unmodified pypsrp connects to it.
Nothing is really executed: answers come from rules, the newest rule first. Not there: Kerberos,
CredSSP, client certificates, channel binding, WMI resources and event subscriptions, Connect from
another client, host calls (Read-Host).

    with FakeWindows("WEB01", {"Administrator": "P@ss"}, https=True) as host:
        host.on(r"Get-Service\\s+(\\w+)", lambda call: {"Name": call.match[1]})
        host.on(r"^ipconfig", stdout="...", encoding="cp936", kind="cmd")
        client = pypsrp.client.Client(**host.client_args())
"""

from __future__ import annotations

import base64
import collections
import contextlib
import dataclasses
import datetime
import hashlib
import http.server
import ipaddress
import os
import re
import select
import shutil
import socket
import socketserver
import ssl
import struct
import tempfile
import threading
import time
import typing as t
import uuid
import xml.etree.ElementTree as ET
from xml.sax.saxutils import escape

import psrpcore
import spnego
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from psrpcore.types import (
    ErrorCategory,
    ErrorCategoryInfo,
    ErrorRecord,
    NETException,
    PSCustomObject,
    PSInvocationState,
    PSNoteProperty,
    PSObject,
    PSRPMessageType,
    PSSecureString,
    PSVersion,
)
from spnego._ntlm_raw.crypto import ntowfv1  # pyspnego has no public helper for the NT hash

S = "http://www.w3.org/2003/05/soap-envelope"
A = "http://schemas.xmlsoap.org/ws/2004/08/addressing"
W = "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd"
P = "http://schemas.microsoft.com/wbem/wsman/1/wsman.xsd"
X = "http://schemas.xmlsoap.org/ws/2004/09/transfer"
SHELL = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell"
CFG = "http://schemas.microsoft.com/wbem/wsman/1/config"
PSURI = "http://schemas.microsoft.com/powershell"
WSFAULT = "http://schemas.microsoft.com/wbem/wsman/1/wsmanfault"
IDENTIFY = "http://schemas.dmtf.org/wbem/wsman/identity/1/wsmanidentity.xsd"
ANON = "http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous"
SMA = "System.Management.Automation"
ENCRYPTED = "application/HTTP-SPNEGO-session-encrypted"

_WS = "The WS-Management service cannot process the request. "
_RS = "The request for the Windows Remote Shell failed because the {} was not found on the server."
FAULTS = {  # name: (WSManFault code, SOAP code, SOAP subcode, reason)
    "timeout": (
        2150858793,
        "Receiver",
        "w:TimedOut",
        "The WS-Management service cannot complete the operation within the time specified in "
        "OperationTimeout.",
    ),
    "bad_resource": (
        2150858752,
        "Sender",
        "a:DestinationUnreachable",
        _WS + "The service cannot find the resource identified by the resource URI and selectors.",
    ),
    "bad_action": (
        2150858753,
        "Sender",
        "a:ActionNotSupported",
        _WS + "The WS-Addressing action URI is invalid.",
    ),
    "shell_not_found": (2150858843, "Sender", "w:InvalidSelectors", _RS.format("shell")),
    "command_not_found": (2150858843, "Sender", "w:InvalidSelectors", _RS.format("command")),
    "too_many_shells": (
        2150859173,
        "Sender",
        "w:QuotaLimit",
        _WS + "This user is allowed a maximum number of 30 concurrent shells, which has been exceeded.",
    ),
    "too_many_operations": (
        2150859174,
        "Sender",
        "w:QuotaLimit",
        _WS + "This user is allowed a maximum number of 1500 concurrent operations, which has been exceeded.",
    ),
    "access_denied": (5, "Sender", "w:AccessDenied", "Access is denied."),
    "aborted": (
        995,
        "Receiver",
        "w:InternalError",
        "The I/O operation has been aborted because of either a thread exit or an application request.",
    ),
    "internal": (2, "Receiver", "w:InternalError", "The service was unable to start the host process."),
}


class Fault(Exception):
    def __init__(self, fault: str | tuple, reason: str | None = None) -> None:
        self.code, self.kind, self.subcode, self.reason = FAULTS[fault] if isinstance(fault, str) else fault
        self.reason = reason or self.reason
        super().__init__(f"{self.code}: {self.reason}")


class Stopped(Exception):
    """Raised inside a rule when the client stopped the call, or the shell or the host went away."""


@dataclasses.dataclass
class Inject:
    """A disturbance of one WSMan request. drop: before (not executed) | mid (half an answer) | after (no answer)."""

    action: str = "*"
    fault: str | tuple | None = None
    status: int | None = None
    drop: str | None = None
    hang: bool = False
    delay: float = 0
    times: int = 1


class _Disturb(Exception):
    def __init__(self, inj: Inject) -> None:
        self.inj = inj


@dataclasses.dataclass
class Reply:
    output: t.Any = (
        None  # PowerShell output: one value or a list; str, int, bool, dict (PSCustomObject), PSObject
    )
    errors: t.Sequence = ()  # non-terminating errors: str or dict(message, id, category, type, target)
    warnings: t.Sequence[str] = ()
    verbose: t.Sequence[str] = ()
    debug: t.Sequence[str] = ()
    information: t.Sequence[str] = ()
    throw: str | dict | None = None  # terminating error: the pipeline ends as Failed
    stdout: str | bytes = b""  # bytes are sent as they are
    stderr: str | bytes = b""
    rc: int = 0
    encoding: str | None = None  # of str stdout and stderr; default: the shell's code page, then the host's
    delay: float = 0  # seconds before the answer
    interval: float = 0  # seconds between output objects
    hang: bool | str = False  # True: the script never ends; "http": the request is never answered
    fault: str | tuple | None = None
    drop: str | None = None  # before | mid | after, of the request named in "at"
    at: str = "Receive"  # or "Command"


@dataclasses.dataclass
class Rule:
    pattern: t.Pattern
    reply: t.Any
    kind: str | None
    user: str | None
    times: int | None


class Hashtable(dict):
    """A dict to be sent as a PowerShell hashtable instead of a PSCustomObject."""


def ps_object(props: dict, *type_names: str, to_string: str | None = None, adapted: bool = False) -> PSObject:
    """A PSObject as .NET objects look: types, ToString, and adapted (real) or extended (note) properties."""
    obj = PSCustomObject() if not type_names else PSObject()
    if type_names:
        obj.PSObject.type_names = [*list(type_names), "System.Object"]
    where = obj.PSObject.adapted_properties if adapted else obj.PSObject.extended_properties
    where.extend(PSNoteProperty(k, value=_to_ps(v)) for k, v in props.items())
    if to_string is not None:
        obj.PSObject.to_string = to_string
    return obj


def _to_ps(v: t.Any) -> t.Any:
    if isinstance(v, Hashtable):
        return {k: _to_ps(x) for k, x in v.items()}
    if isinstance(v, dict):
        return ps_object(v)
    return [_to_ps(x) for x in v] if isinstance(v, (list, tuple)) else v


def _lines(v: t.Any) -> list[str]:
    """Roughly what Out-String -Stream makes of an object."""
    if v is None:
        return []
    if isinstance(v, (list, tuple)):
        return [line for x in v for line in _lines(x)]
    if isinstance(v, PSObject) and not isinstance(v, (str, int, float, bytes, datetime.datetime)):
        meta = v.PSObject
        v = {p.name: p.get_value(v) for p in list(meta.adapted_properties) + list(meta.extended_properties)}
    if isinstance(v, dict):
        width = max(map(len, v), default=0)
        return ["", *(f"{k.ljust(width)} : {'' if x is None else x}" for k, x in v.items()), ""]
    return str(v).splitlines() or [""]


def _error(e: str | dict) -> dict:
    e = {"message": e} if isinstance(e, str) else dict(e)
    exc = NETException(Message=e["message"], HResult=e.get("hresult", -2146233087))
    kind = e.get("type", f"{SMA}.RuntimeException")
    exc.PSObject.type_names = [kind, *exc.PSObject.type_names]
    category = ErrorCategoryInfo(
        Category=getattr(ErrorCategory, e.get("category", "NotSpecified")),
        Activity=e.get("activity"),
        Reason=kind.rsplit(".", 1)[-1],
        TargetName=str(e["target"]) if "target" in e else None,
        TargetType="String",
    )
    return {
        "exception": exc,
        "category_info": category,
        "target_object": e.get("target"),
        "fully_qualified_error_id": e.get("id", e["message"]),
    }


class Files(dict):
    """The host's files: path (any case, either slash) -> bytes; a str is stored as UTF-8."""

    @staticmethod
    def key(path: str) -> str:
        return str(path).replace("/", "\\").lower()

    def __setitem__(self, path: str, data: str | bytes) -> None:
        super().__setitem__(self.key(path), data.encode() if isinstance(data, str) else bytes(data))

    def __getitem__(self, path: str) -> bytes:
        return super().__getitem__(self.key(path))

    def __delitem__(self, path: str) -> None:
        super().__delitem__(self.key(path))

    def __contains__(self, path: object) -> bool:
        return super().__contains__(self.key(str(path)))

    def get(self, path: str, default: t.Any = None) -> t.Any:
        return super().get(self.key(path), default)

    def pop(self, path: str, *default: t.Any) -> t.Any:
        return super().pop(self.key(path), *default)


class Target:
    """What a client can Receive from: a command, or a PSRP shell itself."""

    def __init__(self, shell: Shell, cid: str | None = None) -> None:
        self.shell, self.cid = shell, cid
        self.queue: collections.deque[tuple[str, bytes]] = collections.deque()
        self.injects: list[Inject] = []
        self.done, self.rc, self.generation = False, 0, 0
        self.last: tuple[str | None, str] = (None, "")
        self.call: Call | None = None
        self.pipeline: psrpcore.ServerPipeline | None = None

    def put(self, stream: str, data: bytes) -> None:
        with self.shell.cond:
            self.queue.extend((stream, data[i : i + 32768]) for i in range(0, len(data), 32768))
            self.shell.cond.notify_all()

    def finish(self, rc: int = 0) -> None:
        with self.shell.cond:
            if not self.done:
                self.done, self.rc = True, rc
            self.shell.cond.notify_all()

    def receive(self, message_id: str, timeout: float, limit: int) -> tuple[str, Inject | None]:
        deadline, cond, inj = time.monotonic() + timeout, self.shell.cond, None
        with cond:
            if self.last[0] == message_id:  # the same message again, after a lost answer: the same data again
                return self.last[1], None
            self.generation += 1
            generation = self.generation
            cond.notify_all()  # an older Receive on this target gives up
            while not (self.queue or self.done or self.injects):
                if self.shell.dead:
                    raise Fault("aborted")
                if generation != self.generation:
                    raise _Disturb(Inject(drop="before"))
                remaining = deadline - time.monotonic()
                if remaining <= 0:
                    raise Fault("timeout")
                cond.wait(remaining)
            if self.injects:
                inj = self.injects.pop(0)
                if inj.drop not in ("mid", "after"):
                    raise _Disturb(inj)
            cid = f' CommandId="{self.cid}"' if self.cid else ""
            parts, size = [], 0
            while self.queue and (not parts or size + len(self.queue[0][1]) * 4 // 3 < limit):
                stream, data = self.queue.popleft()
                size += len(data) * 4 // 3 + 120
                parts.append(
                    f'<rsp:Stream Name="{stream}"{cid}>{base64.b64encode(data).decode()}</rsp:Stream>'
                )
            if self.cid and self.done and not self.queue:
                if self.shell.pool is None:
                    parts += [f'<rsp:Stream Name="{n}"{cid} End="true"/>' for n in ("stdout", "stderr")]
                parts.append(
                    f'<rsp:CommandState{cid} State="{SHELL}/CommandState/Done"><rsp:ExitCode>{self.rc}'
                    "</rsp:ExitCode></rsp:CommandState>"
                )
            elif self.cid:
                parts.append(f'<rsp:CommandState{cid} State="{SHELL}/CommandState/Running"/>')
            self.last = message_id, f"<rsp:ReceiveResponse>{''.join(parts)}</rsp:ReceiveResponse>"
            return self.last[1], inj


class _Pool(psrpcore.ServerRunspacePool):
    """psrpcore looks for "ci"; pypsrp sends "CI" (property names have no case in PowerShell)."""

    def _process_message(self, message: t.Any) -> t.Any:
        if message.message_type in (PSRPMessageType.SetMaxRunspaces, PSRPMessageType.SetMinRunspaces):
            message._data = message.data.replace(b'N="CI"', b'N="ci"')
        return super()._process_message(message)


class Shell:
    def __init__(self, sid: str, uri: str, user: str, client: str, env: dict, codepage: str | None) -> None:
        self.id, self.uri, self.user, self.client, self.env, self.codepage = (
            sid,
            uri,
            user,
            client,
            env,
            codepage,
        )
        self.cond = threading.Condition(threading.RLock())
        self.targets: dict[str | None, Target] = {None: Target(self)}
        self.pool: psrpcore.ServerRunspacePool | None = None
        self.dead, self.state = False, "Connected"

    def target(self, cid: str | None) -> Target:
        with self.cond:
            if (cid.upper() if cid else None) not in self.targets:
                raise Fault("command_not_found")
            return self.targets[cid.upper() if cid else None]

    def drain(self) -> None:
        """Moves what psrpcore wants to send to the queues of the pool and of each pipeline."""
        with self.cond:
            while self.pool is not None and (payload := self.pool.data_to_send(32768)) is not None:
                pid = str(payload.pipeline_id).upper() if payload.pipeline_id else None
                if pid in self.targets:
                    self.targets[pid].put("stdout", payload.data)

    def kill(self) -> None:
        with self.cond:
            self.dead = True
            for target in self.targets.values():
                if target.call:
                    target.call.stop("aborted")
            self.cond.notify_all()


class Call:
    """One command or script that a client ran: an entry of host.calls, and the argument of a rule's callable."""

    def __init__(self, host: FakeWindows, shell: Shell, target: Target, kind: str, script: str) -> None:
        self.host, self.shell, self.target, self.kind, self.script = host, shell, target, kind, script
        self.user, self.env, self.raw = shell.user, dict(shell.env), script
        self.commands: list[tuple[str, list[tuple[str | None, t.Any]]]] = []
        self.args: list[t.Any] = []
        self.out_string = self.powershell_exe = False
        self.input: list[t.Any] = []  # pipeline input objects, or stdin chunks
        self.input_done, self.stopped = threading.Event(), threading.Event()
        self.match: t.Any = None
        self.rule: Rule | None = None
        self.outcome = "running"  # completed | failed | stopped | aborted
        self.errors: list[str] = []
        self.started, self.ended = time.time(), 0.0

    def __repr__(self) -> str:
        return f"<Call {self.host.name} {self.user} {self.kind} {self.script[:60]!r} {self.outcome}>"

    def sleep(self, seconds: float | None = None) -> None:
        if self.stopped.wait(seconds):
            raise Stopped()

    def read_input(self, timeout: float = 30) -> t.Iterator[t.Any]:
        """The pipeline's input objects (or stdin chunks), until the client ends the input."""
        position, deadline = 0, time.monotonic() + timeout
        while True:
            with self.shell.cond:
                done, items = self.input_done.is_set(), self.input[position:]
                if not items and not done:
                    self.shell.cond.wait(0.1)
            yield from items
            position += len(items)
            if self.stopped.is_set() or time.monotonic() > deadline:
                raise Stopped()
            if done:
                return

    def write(self, value: t.Any) -> None:
        """Streams one output object now (a callable may also return its answer)."""
        if self.kind == "cmd":
            return self.stdout("".join(line + "\r\n" for line in _lines(value)))
        for item in _lines(value) if self.out_string else [_to_ps(value)]:
            self._pipe("write_output", item)
        return None

    def stdout(self, data: str | bytes, stream: str = "stdout", encoding: str | None = None) -> None:
        if self.stopped.is_set():
            raise Stopped()
        if isinstance(data, str):
            page = self.shell.codepage and f"cp{self.shell.codepage}"
            data = data.encode(encoding or page or self.host.codepage, "replace")
        self.target.put(stream, data)

    def error(self, error: str | dict) -> None:
        self.errors.append(error if isinstance(error, str) else error["message"])
        if self.kind == "ps":
            self._pipe("write_error", **_error(error))

    def warning(self, text: str, stream: str = "warning") -> None:
        if self.kind == "cmd":
            return self.stdout(f"{stream.upper()}: {text}\r\n")
        if stream == "information":
            return self._pipe("write_information", text, "fakewinrm")
        kind = stream.capitalize() + "Record"  # psrpcore's own record has no ToString, as Windows' has
        record = ps_object(
            {"InformationalRecord_Message": text, "InformationalRecord_SerializeInvocationInfo": False},
            f"{SMA}.{kind}",
            f"{SMA}.InformationalRecord",
            to_string=text,
        )
        self._pipe("prepare_message", record, getattr(PSRPMessageType, kind))
        return None

    def _pipe(self, method: str, *args: t.Any, **kwargs: t.Any) -> None:
        with self.shell.cond:
            if self.stopped.is_set() or self.target.pipeline.state != PSInvocationState.Running:
                raise Stopped()
            getattr(self.target.pipeline, method)(*args, **kwargs)
            self.shell.drain()

    def stop(self, outcome: str = "stopped", rc: int = -1073741510) -> None:
        with self.shell.cond:
            if self.outcome == "running":
                self.finish(outcome, rc)
            self.stopped.set()

    def finish(self, outcome: str, rc: int = 0, error: str | dict | None = None) -> None:
        with self.shell.cond:
            if self.outcome != "running":
                return
            self.outcome, self.ended, pipe = outcome, time.time(), self.target.pipeline
            if pipe is not None and not self.shell.dead:
                if outcome == "completed":
                    pipe.complete()
                elif outcome == "stopped":
                    pipe.stop()
                elif outcome == "failed":  # psrpcore has no public way to fail a pipeline
                    e = _error(error or "The pipeline failed.")
                    record = ErrorRecord(
                        Exception=e["exception"],
                        CategoryInfo=e["category_info"],
                        TargetObject=e["target_object"],
                        FullyQualifiedErrorId=e["fully_qualified_error_id"],
                    )
                    pipe._change_state(PSInvocationState.Failed, error=record)
                self.shell.drain()
            self.target.finish(rc)

    def run(self) -> None:
        """The body of the call's thread: answer as the rule says."""
        try:
            reply = self.rule.reply if self.rule else None
            if callable(reply):
                reply = reply(self)
            if self.rule is None:
                self.host.unmatched.append(self.script)
                reply = self._unknown()
            elif not isinstance(reply, Reply):
                text = self.kind == "cmd" and not self.powershell_exe and isinstance(reply, (str, bytes))
                reply = Reply(stdout=reply) if text else Reply(output=reply)
            self._answer(reply)
        except Stopped:
            self.stop("aborted" if self.shell.dead else "stopped")
        except Exception as e:  # a bug in a test's callable must not look like a hang
            self.host.rule_errors.append(e)
            self._last(Reply(throw=f"fakewinrm rule raised {type(e).__name__}: {e}"))

    def _answer(self, r: Reply) -> None:
        if r.delay:
            self.sleep(r.delay)
        if r.fault or r.drop or r.hang == "http":
            with self.shell.cond:
                self.target.injects.append(Inject(fault=r.fault, drop=r.drop, hang=r.hang == "http"))
                self.shell.cond.notify_all()
        items = r.output if isinstance(r.output, (list, tuple)) else [] if r.output is None else [r.output]
        for i, item in enumerate(items):
            if i and r.interval:
                self.sleep(r.interval)
            self.write(item)
        for stream in ("warnings", "verbose", "debug", "information"):
            for text in getattr(r, stream):
                self.warning(text, stream.rstrip("s"))
        for e in r.errors:
            self.error(e)
        for stream in ("stdout", "stderr"):
            data = getattr(r, stream)
            if data and self.kind == "cmd":
                self.stdout(data, stream, r.encoding)
            elif data:  # a native program inside a script
                text = (
                    data
                    if isinstance(data, str)
                    else data.decode(r.encoding or self.host.codepage, "replace")
                )
                for line in text.splitlines():
                    self.write(line) if stream == "stdout" else self.error(
                        {"message": line, "id": "NativeCommandError"}
                    )
        if r.hang is True:
            self.sleep()
        self._last(r)

    def _last(self, r: Reply) -> None:
        if self.kind == "ps":
            return self.finish("failed" if r.throw else "completed", r.rc, r.throw)
        if r.throw:
            self.error(r.throw)
        if self.errors:  # powershell.exe reports errors as CLIXML on stderr
            text = "".join(f'<S S="Error">{escape(e)}_x000D__x000A_</S>' for e in self.errors)
            self.stdout(
                f'#< CLIXML\r\n<Objs Version="1.1.0.1" xmlns="http://schemas.microsoft.com/powershell/2004/04">'
                f"{text}</Objs>",
                "stderr",
                r.encoding,
            )
        self.finish("failed" if r.throw else "completed", r.rc or int(bool(self.errors)))
        return None

    def _unknown(self) -> Reply:
        word = (self.script.split() or [""])[0]
        if self.kind == "cmd" and not self.powershell_exe:
            return Reply(
                stderr=f"'{word}' is not recognized as an internal or external command,\r\n"
                "operable program or batch file.\r\n",
                rc=1,
            )
        return Reply(
            errors=[
                {
                    "message": f"The term '{word}' is not recognized as the name of a cmdlet, function, "
                    "script file, or operable program.",
                    "id": "CommandNotFoundException",
                    "category": "ObjectNotFound",
                    "target": word,
                    "type": f"{SMA}.CommandNotFoundException",
                }
            ]
        )


def _copy_rule(call: Call) -> t.Any:  # pypsrp Client.copy(): base64 chunks, then the base64 of the hex SHA1
    data, previous = bytearray(), b""
    for item in call.read_input():
        data, previous = data + previous, base64.b64decode(str(item))
    if hashlib.sha1(data).hexdigest() != previous.decode():
        return Reply(throw="Transport failure, hash mismatch")
    path = call.host.resolve(str(call.args[0]), call.user)
    call.host.files[path] = bytes(data)
    return path


def _fetch_rule(call: Call) -> t.Any:  # pypsrp Client.fetch(): one base64 string, then the hex SHA1
    path = call.host.resolve(str(call.args[0]), call.user)
    data = call.host.files.get(path)
    if data is None:
        return Reply(throw=f"The path at '{path}' does not exist")
    return ([base64.b64encode(data).decode()] if data else []) + [hashlib.sha1(data).hexdigest()]


_NTLM_LOCK = threading.Lock()  # pyspnego reads its accounts from a file named in the environment


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "Microsoft-HTTPAPI/2.0", ""
    disable_nagle_algorithm = True
    server: _Server

    def setup(self) -> None:
        if isinstance(self.request, ssl.SSLSocket):
            self.request.settimeout(20)
            self.request.do_handshake()
            self.request.settimeout(None)
        super().setup()
        self.host, self.user, self.context = self.server.host, None, None
        self.encrypted, self.scheme, self.final_token = False, "Negotiate", None

    def log_message(self, *args: t.Any) -> None:
        pass

    def do_GET(self) -> None:
        self.answer(405)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.encrypted, self.final_token = False, None
        action, inj = "", None
        try:
            path = self.path.lower().split("?")[0].rstrip("/")
            if path not in ("/wsman", "/wsman-anon/identify"):
                return self.answer(404)
            anonymous = path != "/wsman" or "WSMANIDENTIFY" in self.headers
            if not anonymous and not self.authenticate():
                return None
            if not body:
                return self.answer(200)
            if self.headers.get("Content-Type", "").startswith("multipart/"):
                body = self.decrypt(body)
            elif self.server.tls is None and not self.host.allow_unencrypted and not anonymous:
                return self.answer(500)
            try:
                root = ET.fromstring(body)
            except ET.ParseError:
                return self.answer(400)
            action = root.findtext(f"{{{S}}}Header/{{{A}}}Action", "Identify").rsplit("/", 1)[-1]
            message_id = root.findtext(f"{{{S}}}Header/{{{A}}}MessageID", "")
            if anonymous and action != "Identify":
                return self.answer(401)
            status = 200
            try:
                inj = self.host.take_inject(action)
                if inj is not None:
                    time.sleep(inj.delay)
                    if inj.fault or inj.status or inj.hang or inj.drop == "before":
                        raise _Disturb(inj)
                if self.server not in self.host._servers:  # the host went down under this request
                    return self.abort()
                name, xml, late = self.host.dispatch(action, root, self.user, self.client_address, message_id)
                inj = late or inj
            except _Disturb as e:
                if e.inj.status:
                    return self.answer(e.inj.status)
                if e.inj.hang:
                    while not self.host.closed and not select.select([self.connection], [], [], 0.1)[0]:
                        pass
                if not e.inj.fault:
                    return self.abort()
                status, name, xml = 500, *self.host.fault_xml(Fault(e.inj.fault))
            except Exception as e:
                if not isinstance(e, Fault):  # a bug here, or a message that psrpcore does not take
                    self.host.rule_errors.append(e)
                    e = Fault("internal", f"fakewinrm: {type(e).__name__}: {e}")
                status, name, xml = 500, *self.host.fault_xml(e)
            self.host.requests.append((time.time(), action, self.user, status))
            if action != "Identify":
                xml = (
                    f'<s:Envelope xml:lang="en-US" xmlns:s="{S}" xmlns:a="{A}" xmlns:w="{W}" xmlns:p="{P}" '
                    f'xmlns:x="{X}" xmlns:rsp="{SHELL}"><s:Header><a:Action>{name}</a:Action><a:MessageID>uuid:'
                    f"{str(uuid.uuid4()).upper()}</a:MessageID><a:To>{ANON}</a:To><a:RelatesTo>{escape(message_id)}"
                    f"</a:RelatesTo></s:Header><s:Body>{xml}</s:Body></s:Envelope>"
                )
            self.answer(status, xml.encode(), drop=inj.drop if inj else None)
        except (ConnectionError, ssl.SSLError, TimeoutError, ValueError):
            self.close_connection = True

    def authenticate(self) -> bool:
        scheme, _, data = self.headers.get("Authorization", "").partition(" ")
        offered = ["Negotiate"] if self.host.negotiate else []
        if self.host.basic and (self.server.tls or self.host.allow_unencrypted):
            offered.append('Basic realm="WSMAN"')
        if not scheme and self.user:
            return True  # NTLM authenticates the connection, not the request
        self.user, challenge = None, None
        if scheme.lower() == "basic" and len(offered) > int(self.host.negotiate):
            for encoding in ("utf-8", "latin-1"):  # requests sends Latin-1, others UTF-8
                with contextlib.suppress(ValueError):
                    name, _, password = base64.b64decode(data).decode(encoding).partition(":")
                    key = self.host.account(name)
                    if key and self.host.users[key] == password:
                        self.user = key
                        return True
        elif scheme.lower() in ("negotiate", "ntlm") and self.host.negotiate:
            try:
                token = base64.b64decode(data)
                with _NTLM_LOCK:
                    saved = os.environ.get("NTLM_USER_FILE", "")
                    os.environ["NTLM_USER_FILE"] = self.host.ntlm_file()
                    try:
                        if self.context is None or self.context.complete:
                            bare = token.startswith(b"NTLMSSP\0")
                            option = "use_ntlm" if bare else "use_negotiate"
                            self.context = spnego.server(
                                protocol="ntlm" if bare else "negotiate",
                                options=getattr(spnego.NegotiateOptions, option),
                            )
                        out = self.context.step(token)
                    finally:
                        # Never taken out: other threads may be reading the environment name by name.
                        os.environ["NTLM_USER_FILE"] = saved
                self.scheme = scheme
                if self.context.complete:
                    self.user, self.final_token = self.host.account(self.context.client_principal or ""), out
                    if self.user:
                        return True
                elif out:
                    challenge = f"{scheme} {base64.b64encode(out).decode()}"
            except Exception:  # wrong password, unknown account, a Kerberos token, garbage
                self.context = None
        if challenge is None and scheme:
            self.host.failed_logons += 1
        self.answer(401, challenge=[challenge] if challenge else offered)
        return False

    def decrypt(self, body: bytes) -> bytes:
        if self.context is None or not self.context.complete:
            return b""
        start = body.index(b"application/octet-stream\r\n") + 26
        payload = body[start : body.rindex(b"--Encrypted Boundary--")]
        size = struct.unpack("<i", payload[:4])[0]
        try:
            plain = self.context.unwrap_winrm(payload[4 : 4 + size], payload[4 + size :])
        except Exception:  # a message sealed for another connection
            return b""
        self.encrypted = True
        return plain

    def answer(
        self, status: int, body: bytes = b"", challenge: t.Sequence[str] = (), drop: str | None = None
    ) -> None:
        content_type = "application/soap+xml;charset=UTF-8"
        if self.encrypted and body:
            wrapped = self.context.wrap_winrm(body)
            content_type = f'multipart/encrypted;protocol="{ENCRYPTED}";boundary="Encrypted Boundary"'
            head = (
                f"--Encrypted Boundary\r\n\tContent-Type: {ENCRYPTED}\r\n\tOriginalContent: type=application/soap+"
                f"xml;charset=UTF-8;Length={len(body) + wrapped.padding_length}\r\n--Encrypted Boundary\r\n"
                "\tContent-Type: application/octet-stream\r\n"
            ).encode()
            body = (
                head
                + struct.pack("<i", len(wrapped.header))
                + wrapped.header
                + wrapped.data
                + b"--Encrypted Boundary--\r\n"
            )
        if drop == "after":
            return self.abort()
        self.send_response(status)
        for c in challenge:
            self.send_header("WWW-Authenticate", c)
        if self.final_token:
            self.send_header(
                "WWW-Authenticate", f"{self.scheme} {base64.b64encode(self.final_token).decode()}"
            )
        if body:
            self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self._headers_buffer.append(b"\r\n")
        data = b"".join(self._headers_buffer) + body
        self._headers_buffer = []
        self.wfile.write(data[: len(data) - len(body) // 2] if drop == "mid" else data)
        self.close_connection = self.close_connection or drop == "mid"
        return None

    def abort(self) -> None:
        """Ends the connection with a TCP reset."""
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.server.aborted.add(self.connection)


class _Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads, block_on_close, request_queue_size = True, False, 256

    def __init__(self, host: FakeWindows, sock: socket.socket, tls: ssl.SSLContext | None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler, bind_and_activate=False)
        self.socket.close()
        self.host, self.tls, self.socket, self.server_address = host, tls, sock, sock.getsockname()
        self.connections: set[socket.socket] = set()
        self.aborted: set[socket.socket] = set()
        self.server_activate()
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    def get_request(self) -> t.Any:
        sock, address = self.socket.accept()
        if self.tls:  # the handshake is made in the connection's own thread
            sock = self.tls.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        self.connections.add(sock)
        return sock, address

    def shutdown_request(self, request: t.Any) -> None:
        self.connections.discard(request)
        if request in self.aborted:
            self.aborted.discard(request)
            return self.close_request(request)
        super().shutdown_request(request)
        return None

    def handle_error(self, request: t.Any, client_address: t.Any) -> None:
        pass  # a client that hangs up is normal here

    def kill(self) -> None:
        self.shutdown()
        self.server_close()
        for sock in list(self.connections):
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                sock.shutdown(socket.SHUT_RDWR)


class FakeWindows:
    """One host. Ports are chosen at start and stay reserved for the host's life, also while it is down."""

    def __init__(
        self,
        name: str = "WIN-FAKE01",
        users: dict[str, str] | None = None,
        *,
        http: bool = True,
        https: bool = False,
        basic: bool = True,
        negotiate: bool = True,
        allow_unencrypted: bool = True,
        codepage: str = "cp437",
        max_shells: int = 30,
        version: str = "10.0.17763",
        state: dict | None = None,
    ) -> None:
        self.name, self.users = name, users or {"Administrator": "Passw0rd!"}
        self.basic, self.negotiate, self.allow_unencrypted = basic, negotiate, allow_unencrypted
        self.codepage, self.max_shells, self.version = codepage, max_shells, version
        self.state = {} if state is None else state  # free for the test's rules
        self.files, self.lock = Files(), threading.RLock()
        self.boot_time, self.boots = datetime.datetime.now(datetime.UTC), 1
        self.calls: list[Call] = []
        self.requests: collections.deque = collections.deque(
            maxlen=20000
        )  # (time, action, user, HTTP status)
        self.unmatched: list[str] = []
        self.rule_errors: list[Exception] = []
        self.failed_logons, self.closed, self.is_up = 0, False, False
        self.shells: dict[str, Shell] = {}
        self._rules: list[Rule] = []
        self._injects: list[Inject] = []
        self._timers: list[threading.Timer] = []
        self._servers: list[_Server] = []
        self._tmp = tempfile.mkdtemp(prefix="fakewinrm-")
        self.ca_file = os.path.join(self._tmp, "cert.pem")
        self._want = [s for s, on in (("http", http), ("https", https)) if on]
        self._socks: dict[str, socket.socket] = {}
        self._fill: list[socket.socket] = []
        self._down_mode, self._tls = "refuse", None
        self.ports: dict[str, int] = {}
        self.on(r"GetTempFileName\(\).*MaximumAllowedMemory", _copy_rule, kind="ps")
        self.on(r"UnboundArguments.*OpenRead\(\).*ToBase64String", _fetch_rule, kind="ps")

    # --- life ---------------------------------------------------------------------------------------------------
    def start(self) -> FakeWindows:
        if "https" in self._want:
            self._tls = self._make_tls()
        self.up()
        return self

    __enter__ = start

    def __exit__(self, *exc: t.Any) -> None:
        self.close()

    def close(self) -> None:
        self.closed = True
        for timer in self._timers:
            timer.cancel()
        self.down()
        for sock in [*self._socks.values(), *self._fill]:
            sock.close()
        shutil.rmtree(self._tmp, ignore_errors=True)

    def up(self) -> None:
        with self.lock:
            for sock in self._fill:
                sock.close()
            self._fill = []
            for scheme in self._want:
                sock = self._socks.pop(scheme, None)
                if sock and self._down_mode != "refuse":  # what was queued meanwhile must not be served
                    sock.close()
                    sock = None
                sock = sock or self._bind(self.ports.get(scheme, 0))
                self.ports[scheme] = sock.getsockname()[1]
                self._servers.append(_Server(self, sock, self._tls if scheme == "https" else None))
            self.is_up = True

    def down(self, mode: str = "refuse") -> None:
        """Power off. mode: refuse (port closed) | hang (connects, never answers) | timeout (SYN unanswered)."""
        with self.lock:
            servers, self._servers, self.is_up, self._down_mode = self._servers, [], False, mode
            shells, self.shells = list(self.shells.values()), {}
            for server in servers:
                server.kill()
            for scheme, port in self.ports.items() if servers and not self.closed else ():
                # A bound socket keeps the port ours: else another process, or a client connecting to itself, takes it.
                self._socks[scheme] = sock = self._bind(port)
                if mode != "refuse":
                    sock.listen(0 if mode == "timeout" else 128)
                for _ in range(
                    8 if mode == "timeout" else 0
                ):  # fill the accept queue, so that SYNs are dropped
                    self._fill.append(extra := socket.socket())
                    extra.setblocking(False)
                    extra.connect_ex(("127.0.0.1", port))
        for shell in shells:  # not under the lock: a Command holds its shell's condition and takes the lock
            shell.kill()

    def reboot(
        self,
        down: float = 1.0,
        after: float = 0.0,
        mode: str = "refuse",
        then: t.Callable[[], None] | None = None,
    ) -> None:
        """Goes down after `after` seconds, comes back `down` seconds later with a new boot time."""

        def back() -> None:
            self.boot_time, self.boots = datetime.datetime.now(datetime.UTC), self.boots + 1
            if then:
                then()
            self.up()

        self.after(after, lambda: (self.down(mode), self.after(down, back)))

    def after(self, seconds: float, fn: t.Callable[[], t.Any]) -> None:
        """Runs fn later: a scheduled task that ends, a service that comes up."""
        timer = threading.Timer(seconds, lambda: None if self.closed else fn())
        timer.daemon = True
        self._timers.append(timer)
        timer.start()

    def _bind(self, port: int) -> socket.socket:
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("127.0.0.1", port))
        return sock

    def _make_tls(self) -> ssl.SSLContext:
        key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.UTC)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.name)])
        names = [
            x509.DNSName(self.name),
            x509.DNSName("localhost"),
            x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
        ]
        cert = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=30))
            .add_extension(x509.SubjectAlternativeName(names), False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
            .sign(key, hashes.SHA256())
        )
        with open(self.ca_file, "wb") as f:
            f.write(cert.public_bytes(serialization.Encoding.PEM))
        with open(key_file := os.path.join(self._tmp, "key.pem"), "wb") as f:
            f.write(
                key.private_bytes(
                    serialization.Encoding.PEM,
                    serialization.PrivateFormat.PKCS8,
                    serialization.NoEncryption(),
                )
            )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.ca_file, key_file)
        return context

    # --- for tests ----------------------------------------------------------------------------------------------
    def on(
        self,
        pattern: str,
        reply: t.Any = None,
        *,
        kind: str | None = None,
        user: str | None = None,
        times: int | None = None,
        **fields: t.Any,
    ) -> Rule:
        """Adds a rule, tried before the older ones. reply: Reply, callable(call), or a plain value."""
        rule = Rule(re.compile(pattern, re.I | re.S), Reply(**fields) if fields else reply, kind, user, times)
        with self.lock:
            self._rules.insert(0, rule)
        return rule

    def inject(self, action: str = "*", **fields: t.Any) -> None:
        """Disturbs the next `times` requests of a WSMan action (Create, Command, Send, Receive, Signal, Delete)."""
        with self.lock:
            self._injects.append(Inject(action, **fields))

    def client_args(
        self,
        user: str | None = None,
        password: str | None = None,
        *,
        ssl: bool = False,
        auth: str = "negotiate",
        **kwargs: t.Any,
    ) -> dict:
        """Keyword arguments for pypsrp's Client or WSMan."""
        user = user or next(iter(self.users))
        args = {
            "server": "127.0.0.1",
            "port": self.ports["https" if ssl else "http"],
            "username": user,
            "ssl": ssl,
            "auth": auth,
            "password": self.users.get(user, "") if password is None else password,
            "no_proxy": True,
            "cert_validation": self.ca_file if ssl else True,
        }
        if auth == "basic" and not ssl:
            args["encryption"] = "never"
        return {**args, **kwargs}

    # --- used by the connections --------------------------------------------------------------------------------
    def account(self, name: str) -> str | None:
        domain, _, plain = name.rpartition("\\")
        wanted = plain if domain.lower() in (".", self.name.lower()) else name
        return next((u for u in self.users if u.lower() == wanted.lower()), None)

    def ntlm_file(self) -> str:
        with self.lock, open(path := os.path.join(self._tmp, "ntlm"), "w", encoding="utf-8") as f:
            for user, password in self.users.items():
                for prefix in ("",) if "\\" in user else ("", ".\\", self.name + "\\"):
                    f.write(f"{prefix}{user}:1000:{'0' * 32}:{ntowfv1(password).hex().upper()}:[U]:LCT-0\n")
        return path

    def resolve(self, path: str, user: str) -> str:
        path = path.replace("/", "\\")
        return path if re.match(r"[A-Za-z]:\\|\\\\", path) else f"C:\\Users\\{user}\\Documents\\{path}"

    def take_inject(self, action: str) -> Inject | None:
        with self.lock:
            for inj in self._injects:
                if inj.action.lower() in ("*", action.lower()) and inj.times > 0:
                    inj.times -= 1
                    return inj
        return None

    def fault_xml(self, f: Fault) -> tuple[str, str]:
        text = escape(f.reason)
        return (
            "http://schemas.dmtf.org/wbem/wsman/1/wsman/fault",
            f"<s:Fault><s:Code><s:Value>s:{f.kind}</s:Value><s:Subcode><s:Value>{f.subcode}</s:Value></s:Subcode>"
            f'</s:Code><s:Reason><s:Text xml:lang="en-US">{text} </s:Text></s:Reason><s:Detail><f:WSManFault '
            f'xmlns:f="{WSFAULT}" Code="{f.code}" Machine="{escape(self.name)}"><f:Message>{text} </f:Message>'
            "</f:WSManFault></s:Detail></s:Fault>",
        )

    def dispatch(
        self, action: str, root: ET.Element, user: str, client: tuple, message_id: str
    ) -> tuple[str, str, Inject | None]:
        """Serves one WSMan message: (action of the answer, body XML, a late disturbance)."""
        header, body = root.find(f"{{{S}}}Header"), root.find(f"{{{S}}}Body")
        if action == "Identify":
            system = f"OS: {self.version if user else '0.0.0'} SP: 0.0 Stack: 3.0"
            return (
                "",
                (
                    f'<s:Envelope xml:lang="en-US" xmlns:s="{S}"><s:Header/><s:Body><wsmid:IdentifyResponse '
                    f'xmlns:wsmid="{IDENTIFY}"><wsmid:ProtocolVersion>{W}</wsmid:ProtocolVersion>'
                    "<wsmid:ProductVendor>Microsoft Corporation</wsmid:ProductVendor><wsmid:ProductVersion>"
                    f"{system}</wsmid:ProductVersion></wsmid:IdentifyResponse></s:Body></s:Envelope>"
                ),
                None,
            )
        uri = header.findtext(f"{{{W}}}ResourceURI", "")
        name, item, late = root.findtext(f".//{{{A}}}Action") + "Response", next(iter(body), None), None
        is_shell = uri == SHELL or uri == SHELL + "/cmd" or uri.startswith(PSURI + "/")
        if not is_shell and not (uri == CFG and action == "Get"):
            raise Fault("bad_resource")
        if uri.startswith(PSURI + "/") and uri.rsplit("/", 1)[1].lower() not in (
            "microsoft.powershell",
            "microsoft.powershell32",
        ):
            raise Fault(
                "bad_resource",
                f"{_WS}Cannot find the {uri.rsplit('/', 1)[1]} session configuration in the "
                f"WSMan: drive on the {self.name} computer.",
            )
        if uri == CFG:
            return (
                name,
                (
                    f'<cfg:Config xmlns:cfg="{CFG}"><cfg:MaxEnvelopeSizekb>500</cfg:MaxEnvelopeSizekb>'
                    "</cfg:Config>"
                ),
                None,
            )
        if action == "Create":
            return name, self._create(uri, header, item, user, client), None
        sid = (
            next((s.text for s in header.iter(f"{{{W}}}Selector") if s.get("Name") == "ShellId"), None) or ""
        )
        shell = self.shells.get(sid.upper())
        if shell is None or shell.user != user:
            raise Fault("shell_not_found")
        if action == "Delete":
            self.shells.pop(shell.id, None)
            shell.kill()
            return name, "", None
        if action == "Get":
            return name, self._shell_xml(shell), None
        if action in ("Disconnect", "Reconnect"):
            shell.state = action.replace("Rec", "C") + "ed"
            return name, f"<rsp:{action}Response/>", None
        if action == "Command":
            cid = (item.get("CommandId") or str(uuid.uuid4())).upper()
            with shell.cond:
                target = shell.targets[cid] = Target(shell, cid)
                arguments = [a.text or "" for a in item.iter(f"{{{SHELL}}}Arguments")]
                if shell.pool is None:
                    line = " ".join([item.findtext(f"{{{SHELL}}}Command", ""), *arguments]).strip()
                    late = self._launch(self._cmd_call(shell, target, line))
                else:
                    target.pipeline = psrpcore.ServerPipeline(shell.pool, uuid.UUID(cid))
                    late = self._psrp(shell, base64.b64decode("".join(arguments)))
            return (
                name,
                f"<rsp:CommandResponse><rsp:CommandId>{cid}</rsp:CommandId></rsp:CommandResponse>",
                late,
            )
        if action == "Receive":
            target = shell.target(
                next((s.get("CommandId") for s in item.iter(f"{{{SHELL}}}DesiredStream")), None)
            )
            span = re.fullmatch(r"PT(?:(\d+)M)?([\d.]+)S", header.findtext(f"{{{W}}}OperationTimeout", ""))
            timeout = int(span[1] or 0) * 60 + float(span[2]) if span else 60.0
            limit = max(8192, int(header.findtext(f"{{{W}}}MaxEnvelopeSize", "153600")) - 4096)
            return name, *target.receive(message_id, timeout, limit)
        if action == "Send":
            for stream in item.iter(f"{{{SHELL}}}Stream"):
                target, data = shell.target(stream.get("CommandId")), base64.b64decode(stream.text or "")
                if shell.pool is not None:
                    late = self._psrp(shell, data)
                elif target.call:
                    with shell.cond:
                        target.call.input += [data] if data else []
                        if stream.get("End", "").lower() == "true":
                            target.call.input_done.set()
                        shell.cond.notify_all()
            return name, "<rsp:SendResponse/>", late
        if action == "Signal":
            target, code = shell.target(item.get("CommandId")), item.findtext(f"{{{SHELL}}}Code", "").lower()
            if target.call:
                target.call.stop()
            if code.endswith("/terminate"):
                with shell.cond:
                    shell.targets.pop(target.cid, None)
                    if target.pipeline is not None:
                        shell.pool.pipeline_table.pop(target.pipeline.pipeline_id, None)
            return name, "<rsp:SignalResponse/>", None
        raise Fault("bad_action")

    def _shell_xml(self, shell: Shell) -> str:
        fields = {
            "ShellId": shell.id,
            "ResourceUri": shell.uri,
            "Owner": shell.user,
            "ClientIP": shell.client,
            "IdleTimeOut": "PT7200.000S",
            "InputStreams": "stdin pr" if shell.pool else "stdin",
            "OutputStreams": "stdout" if shell.pool else "stdout stderr",
            "State": shell.state,
        }
        return (
            f"<rsp:Shell>{''.join(f'<rsp:{k}>{escape(v)}</rsp:{k}>' for k, v in fields.items())}</rsp:Shell>"
        )

    def _create(self, uri: str, header: ET.Element, item: ET.Element, user: str, client: tuple) -> str:
        env = {v.get("Name"): v.text or "" for v in item.iter(f"{{{SHELL}}}Variable")}
        page = next(
            (o.text for o in header.iter(f"{{{W}}}Option") if o.get("Name") == "WINRS_CODEPAGE"), None
        )
        shell = Shell((item.get("ShellId") or str(uuid.uuid4())).upper(), uri, user, client[0], env, page)
        with self.lock:
            if not self.is_up:
                raise Fault("aborted")
            if sum(s.user == user for s in self.shells.values()) >= self.max_shells:
                raise Fault("too_many_shells")
            self.shells[shell.id] = shell
        creation = next(item.iter(f"{{{PSURI}}}creationXml"), None)
        if creation is not None:
            shell.pool = _Pool(
                application_private_data={
                    "PSVersionTable": {
                        "PSVersion": PSVersion("5.1.17763.1"),
                        "PSEdition": "Desktop",
                        "WSManStackVersion": PSVersion("3.0"),
                    }
                }
            )
            self._psrp(shell, base64.b64decode(creation.text))
        return (
            f"<x:ResourceCreated><a:Address>http://{escape(self.name)}/wsman</a:Address><a:ReferenceParameters>"
            f'<w:ResourceURI>{escape(uri)}</w:ResourceURI><w:SelectorSet><w:Selector Name="ShellId">{shell.id}'
            f"</w:Selector></w:SelectorSet></a:ReferenceParameters></x:ResourceCreated>{self._shell_xml(shell)}"
        )

    def _cmd_call(self, shell: Shell, target: Target, line: str) -> Call:
        call = Call(self, shell, target, "cmd", line)
        m = re.match(
            r'"?(?:[^"]*\\)?(?:powershell|pwsh)(?:\.exe)?"?\s.*?-(e\w*|c\w*)\s+(.+)$', line, re.I | re.S
        )
        if m and m[1].lower()[0] == "e" and m[1].lower() not in ("ex", "ep", "executionpolicy"):
            call.script, call.powershell_exe = (
                base64.b64decode(m[2].strip().strip('"')).decode("utf-16-le"),
                True,
            )
        elif m and m[1].lower()[0] == "c":
            call.script, call.powershell_exe = m[2].strip().strip('"'), True
        return call

    def _ps_call(self, shell: Shell, target: Target, pipeline: psrpcore.PowerShell) -> Call:
        texts, call = [], Call(self, shell, target, "ps", "")
        for c in pipeline.commands:
            c.parameters = [
                (k, str(v.decrypt()) if isinstance(v, PSSecureString) else v) for k, v in c.parameters
            ]
            params = dict(c.parameters)
            call.commands.append((c.command_text, c.parameters))
            lower = c.command_text.lower()
            if lower == "new-item" and params.get("Path") == "env:":
                call.env[str(params.get("Name"))] = str(params.get("Value"))
            elif lower == "invoke-expression" and "Command" in params:
                texts.append(str(params["Command"]))
            elif lower == "out-string":
                call.out_string = True
            elif c.is_script:
                texts.append(c.command_text)
                call.args += [v for k, v in c.parameters if k is None]
            elif lower != "out-null":
                texts.append(
                    " ".join([c.command_text, *(f"-{k} {v}" if k else str(v) for k, v in c.parameters)])
                )
        call.script = call.raw = " | ".join(texts)
        if pipeline.no_input:
            call.input_done.set()
        return call

    def _psrp(self, shell: Shell, data: bytes) -> Inject | None:
        late = None
        with shell.cond:
            pool = shell.pool
            pool.receive_data(psrpcore.PSRPPayload(data, psrpcore.StreamType.default, None))
            while (event := pool.next_event()) is not None:
                target = shell.targets.get(str(getattr(event, "pipeline_id", None)).upper())
                if isinstance(event, psrpcore.CreatePipelineEvent):
                    target.pipeline.start()
                    late = self._launch(self._ps_call(shell, target, event.pipeline))
                elif isinstance(event, psrpcore.PipelineInputEvent) and target and target.call:
                    target.call.input.append(event.data)
                elif isinstance(event, psrpcore.EndOfPipelineInputEvent) and target and target.call:
                    target.call.input_done.set()
                elif isinstance(event, psrpcore.GetCommandMetadataEvent):
                    target.pipeline.start()
                    target.pipeline.complete()
                elif isinstance(event, psrpcore.GetAvailableRunspacesEvent):
                    pool.runspace_availability_response(event.ci, pool.max_runspaces)
                elif getattr(event, "ci", 0) in pool._ci_events:  # set minimum or maximum, reset the state
                    pool.runspace_availability_response(event.ci, True)
            shell.drain()
            shell.cond.notify_all()
        return late

    def _launch(self, call: Call) -> Inject | None:
        """Finds the rule, logs the call, starts its thread."""
        with self.lock:
            self.calls.append(call)
            for rule in self._rules:
                if (
                    (rule.times is None or rule.times > 0)
                    and rule.kind in (None, call.kind)
                    and rule.user in (None, call.user)
                    and (match := rule.pattern.search(call.script))
                ):
                    rule.times = None if rule.times is None else rule.times - 1
                    call.rule, call.match = rule, match
                    break
        call.target.call = call
        r = call.rule.reply if call.rule else None
        late = None
        if isinstance(r, Reply) and r.at == "Command" and (r.fault or r.drop or r.hang == "http"):
            late = Inject(fault=r.fault, drop=r.drop, hang=r.hang == "http")
            if r.drop not in ("mid", "after"):
                call.outcome = "aborted"
                raise _Disturb(late)
            call.rule = dataclasses.replace(call.rule, reply=dataclasses.replace(r, drop=None))
        threading.Thread(target=call.run, daemon=True).start()
        return late
