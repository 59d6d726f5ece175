"""A page as a visitor gets it, with the time of each stage, from every address of its name.

The standard library, because what is asked here a client library hides: how long the name, the
connection, TLS and the first byte took, what each single address shows, and what a certificate says
that is not trusted. The page is read whatever its certificate is worth: that is a finding of its own,
and nothing secret is sent.
"""

import contextlib
import http.client
import json
import re
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urljoin, urlsplit

from cryptography import x509

from tasks.errors import OpsError
from tasks.home import home
from tasks.model import Site
from tasks.texts import t
from tasks.transports import Access
from tasks.transports.deadline import Deadline

MOST = 2 * 2**20
REDIRECTS = 5
EXCERPT = 500
AGENT = "Mozilla/5.0 (compatible; opsproof)"
PORTS = {"http": 80, "https": 443}
CHARSET = re.compile(rb"""charset\s*=\s*["']?\s*([\w-]+)""", re.I)


class Failed(Exception):
    """This visit ended here, for a reason to be told."""


def look(site: Site, access: Access | None = None) -> dict[str, Any]:
    """Everything there is to judge about a site."""
    if access is None:
        return visited(site)
    with access.noting(site.name, "http", f"{site.method} {site.url}") as answer:
        seen = visited(site)
        answer.heard(json.dumps(seen, default=str).encode())
        answer.failure = seen["failure"] or next(
            (one["failure"] for one in seen["visits"] if one["failure"]), ""
        )
    return seen


def visited(site: Site) -> dict[str, Any]:
    url = urlsplit(site.url)
    authorities = trusted(site)
    started = time.monotonic()
    try:
        addresses = resolved(url, site.seconds)
    except Failed as problem:
        return {
            "url": site.url,
            "wanted": wanted(site),
            "failure": str(problem),
            "visits": [],
            "certificates": [],
        }
    dns = since(started)
    visits = each(addresses, lambda address: Visit(site, address).document())
    certificates = each(addresses, lambda address: certificate(url, address, site.seconds, authorities))
    return {
        "url": site.url,
        "wanted": wanted(site),
        "failure": "",
        "dns_ms": dns,
        "visits": visits,
        "certificates": certificates if url.scheme == "https" else [],
    }


def wanted(site: Site) -> dict[str, Any]:
    return {"status": site.status, "marker": site.marker, "method": site.method}


def each(addresses: list[str], work: Callable[[str], dict[str, Any]]) -> list[dict[str, Any]]:
    """One after the other, but a name has few; each under its own limit."""
    return [work(address) for address in addresses]


def trusted(site: Site) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if site.ca:
        path = Path(home().inventories) / site.ca
        if not path.is_file():
            raise OpsError(t("web.no_file", path=path, name=site.name))
        context.load_verify_locations(cafile=str(path))
    return context


def anybody() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def resolved(url: SplitResult, seconds: float) -> list[str]:
    """Every address of the name. The system's resolver has no limit of its own: it is left behind."""
    found: list[str] = []
    trouble: list[str] = []

    def ask() -> None:
        try:
            rows = socket.getaddrinfo(url.hostname, port_of(url), type=socket.SOCK_STREAM)
            found.extend(dict.fromkeys(str(row[4][0]) for row in rows))
        except OSError as problem:
            trouble.append(problem.strerror or str(problem))
        except UnicodeError:
            trouble.append(str(url.hostname))

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(seconds)
    if trouble:
        raise Failed(t("web.dns", reason=trouble[0]))
    if not found:
        raise Failed(t("web.dns_late", seconds=round(seconds)))
    return found


def port_of(url: SplitResult) -> int:
    return url.port or PORTS[url.scheme]


def since(started: float) -> int:
    return round(1000 * (time.monotonic() - started))


@dataclass
class Visit:
    """One page from one address, redirects followed: how far it came, and when."""

    site: Site
    address: str
    stage: str = "connect"
    times: dict[str, int] = field(default_factory=dict)
    hops: list[str] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        said: dict[str, Any] = {}
        failure = ""
        started = time.monotonic()
        with Deadline(self.site.seconds) as until:
            try:
                said = self._follow(until)
                if until.passed:  # a connection that was shut ends like one that has said everything
                    raise TimeoutError
            except Failed as problem:
                failure = str(problem)
            except (OSError, http.client.HTTPException, ValueError, zlib.error) as problem:
                failure = self._told(problem, until)
        return {
            "address": self.address,
            "failure": failure,
            "redirects": self.hops,
            **self.times,
            "total_ms": since(started),
            **said,
        }

    def _told(self, problem: Exception, until: Deadline) -> str:
        stage = t(f"web.stage_{self.stage}")
        if until.passed or isinstance(problem, TimeoutError):
            return t("web.late", seconds=self.site.seconds, stage=stage)
        reason = getattr(problem, "strerror", None) or str(problem) or type(problem).__name__
        if isinstance(problem, http.client.HTTPException):
            return t("web.not_http", reason=reason[:100])
        return t("web.failed", stage=stage, reason=reason[:100])

    def _follow(self, until: Deadline) -> dict[str, Any]:
        url, address = urlsplit(self.site.url), self.address
        for _ in range(REDIRECTS + 1):
            with contextlib.closing(self._connect(url, address, until)) as connection:
                answer = self._ask(url, connection)
                target = answer.getheader("Location")
                if answer.status not in (301, 302, 303, 307, 308) or not target or self._wants(answer.status):
                    return self._read(answer)
            url = urlsplit(urljoin(url.geturl(), target))
            self.hops.append(url.geturl()[:300])
            if url.scheme not in PORTS or not url.hostname:
                raise Failed(t("web.bad_redirect", url=url.geturl()[:100]))
            address = resolved(url, until.left)[0]
        raise Failed(t("web.redirects", count=REDIRECTS))

    def _wants(self, status: int) -> bool:
        return status == self.site.status

    def _connect(self, url: SplitResult, address: str, until: Deadline) -> socket.socket:
        self.stage, started = "connect", time.monotonic()
        made = socket.create_connection((address, port_of(url)), timeout=until.left)
        until.watch(made)
        self.times["connect_ms"] = since(started)
        if url.scheme == "https":
            self.stage, started = "tls", time.monotonic()
            made = anybody().wrap_socket(made, server_hostname=url.hostname)
            self.times["tls_ms"] = since(started)
        return made

    def _ask(self, url: SplitResult, connection: socket.socket) -> http.client.HTTPResponse:
        self.stage, started = "first", time.monotonic()
        path = (url.path or "/") + (f"?{url.query}" if url.query else "")
        host = url.netloc.rpartition("@")[2]
        lines = (
            f"{self.site.method} {path} HTTP/1.1",
            f"Host: {host}",
            f"User-Agent: {AGENT}",
            "Accept: text/html,*/*;q=0.8",
            "Accept-Language: zh-CN,zh;q=0.9",
            "Accept-Encoding: identity",
            "Connection: close",
        )
        connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode("ascii"))
        answer = http.client.HTTPResponse(connection, method=self.site.method)
        answer.begin()
        self.times["first_ms"] = since(started)
        return answer

    def _read(self, answer: http.client.HTTPResponse) -> dict[str, Any]:
        self.stage = "body"
        body = answer.read(MOST)
        packed = answer.getheader("Content-Encoding", "").casefold()
        if packed in ("gzip", "deflate"):
            body = zlib.decompressobj(47).decompress(body, MOST)
        if not body and answer.length:
            raise http.client.IncompleteRead(b"", answer.length)
        text = decoded(body, answer.getheader("Content-Type", ""))
        return {
            "status": answer.status,
            "size": len(body),
            "marker": self.site.marker in text,
            "text": " ".join(
                re.sub(r"<script.*?</script>|<style.*?</style>|<[^>]*>", " ", text, flags=re.S).split()
            )[:EXCERPT],
        }


def decoded(body: bytes, content_type: str) -> str:
    """As the server says, else as the page says, else as it works."""
    said = CHARSET.search(content_type.encode("utf-8", "replace")) or CHARSET.search(body[:2048])
    names = [said[1].decode("ascii")] if said else []
    for name in [
        *("gb18030" if one.casefold() in ("gb2312", "gbk") else one for one in names),
        "utf-8",
        "gb18030",
    ]:
        with contextlib.suppress(LookupError, UnicodeDecodeError):
            return body.decode(name)
    return body.decode("utf-8", "replace")


def certificate(
    url: SplitResult, address: str, seconds: float, authorities: ssl.SSLContext
) -> dict[str, Any]:
    """What the server shows, and what the authorities make of it: two handshakes, because one that is
    refused does not say whom it refused."""
    if url.scheme != "https":
        return {}
    shown: dict[str, Any] = {}
    try:
        with handshake(url, address, seconds, anybody()) as connection:
            der = connection.getpeercert(binary_form=True)
        shown = described(x509.load_der_x509_certificate(der or b""))
        with handshake(url, address, seconds, authorities):
            problem = ""
    except ssl.SSLCertVerificationError as refused:
        problem = refused.verify_message
    except (OSError, ValueError) as failed:
        problem = getattr(failed, "strerror", None) or str(failed) or type(failed).__name__
    return {"address": address, "problem": problem, **shown}


@contextlib.contextmanager
def handshake(url: SplitResult, address: str, seconds: float, context: ssl.SSLContext) -> Any:
    with (
        Deadline(seconds) as until,
        contextlib.closing(socket.create_connection((address, port_of(url)), timeout=until.left)) as plain,
    ):
        until.watch(plain)
        with contextlib.closing(context.wrap_socket(plain, server_hostname=url.hostname)) as secure:
            yield secure


def described(shown: x509.Certificate) -> dict[str, Any]:
    names: list[str] = []
    with contextlib.suppress(x509.ExtensionNotFound):
        said = shown.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        names = [str(one.value) for one in said]
    return {
        "subject": shown.subject.rfc4514_string()[:200],
        "issuer": shown.issuer.rfc4514_string()[:200],
        "names": names[:50],
        "from": shown.not_valid_before_utc.isoformat(),
        "until": shown.not_valid_after_utc.isoformat(),
        "serial": f"{shown.serial_number:x}",
    }
