"""A request that makes something happen, such as a node taken out of a load balancer. It is sent once."""

import contextlib
import http.client
import ssl
import time
from datetime import timedelta
from hashlib import sha256
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field

from tasks import clock
from tasks.errors import OpsError
from tasks.inventory.schema import Url
from tasks.model import Site as Page
from tasks.model import Target
from tasks.playbooks import ACTIONS, Kind, NotDone, Sent, Site, Unheard
from tasks.playbooks.sending import SAID
from tasks.strict import Text
from tasks.texts import t
from tasks.transports.deadline import Deadline
from tasks.transports.web import port_of, trusted

MOST = 2**20


class HttpAction(Kind):
    """`ca`: a file beside the inventories, for a certificate of one's own making."""

    usable_on = ()

    http: Url
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "POST"
    body: Text = ""
    content_type: Text = "application/json"
    status: Annotated[int, Field(ge=100, le=599, strict=True)] = 200
    ca: Text = ""


@ACTIONS.add("http")
class Http:
    Settings = HttpAction

    def shown(self, said: Any, target: Target) -> str:
        wanted = t("playbooks.http_wanted_short", status=said.status)
        return "\n".join(filter(None, (f"{said.method} {said.http} → {wanted}", said.body)))

    def do(self, said: Any, target: Target, site: Site, limit: timedelta) -> None:
        limit = site.go_on(limit)
        shown, at, started = self.shown(said, target), clock.now(), time.monotonic()
        status, answer, failure, arrived = None, b"", "", True
        try:
            with site.access.noting(target.name, "http", shown) as noted:
                status, answer = asked(said, site, target, limit.total_seconds())
                noted.heard(answer)
        except (OSError, http.client.HTTPException, ValueError) as problem:
            failure = getattr(problem, "strerror", None) or str(problem) or type(problem).__name__
            arrived = not isinstance(problem, ConnectionRefusedError | ssl.SSLCertVerificationError)
        except OpsError as problem:
            failure, arrived = str(problem), False
        took, digest = round(time.monotonic() - started, 3), sha256(answer).hexdigest()
        text = answer.decode("utf-8", "replace")[-SAID:]
        site.sent(Sent(target.name, shown, at, took, status, digest, text, failure))
        if failure:
            raise (Unheard if arrived else NotDone)(failure)
        if status != said.status:
            raise NotDone(t("playbooks.http_status", status=status, wanted=said.status))


def asked(said: Any, site: Site, target: Target, seconds: float) -> tuple[int, bytes]:
    """Redirects are not followed: what is asked for happens where it was asked."""
    url = urlsplit(said.http)
    page = Page(contract=site.contract, part=target.part, name=target.name, url=said.http, ca=said.ca)
    host, path = str(url.hostname), (url.path or "/") + (f"?{url.query}" if url.query else "")
    connection = (
        http.client.HTTPSConnection(host, port_of(url), timeout=seconds, context=trusted(page))
        if url.scheme == "https"
        else http.client.HTTPConnection(host, port_of(url), timeout=seconds)
    )
    body = said.body.encode() or None
    with Deadline(seconds) as until, contextlib.closing(connection):
        connection.connect()
        until.watch(connection.sock)
        connection.request(said.method, path, body, {"Content-Type": said.content_type} if body else {})
        answer = connection.getresponse()
        content = answer.read(MOST)
        if until.passed:  # a connection that was shut ends like one that has said everything
            raise TimeoutError(t("playbooks.late", seconds=seconds))
        return answer.status, content
