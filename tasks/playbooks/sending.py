"""One script to one host, with what it answered taken note of."""

import hashlib
import time
from datetime import timedelta

from tasks import clock
from tasks.errors import OpsError
from tasks.model import Host, Output, Target
from tasks.playbooks import NotDone, Sent, Site, Unheard
from tasks.texts import t
from tasks.transports import open_transport

SAID = 500


def run(script: str, target: Target, site: Site, limit: timedelta) -> Output:
    """The answer, whatever it is; Unheard where none came."""
    if not isinstance(target, Host):
        raise OpsError(t("playbooks.not_a_host", name=target.name))
    limit = site.go_on(limit)
    at, started = clock.now(), time.monotonic()
    output = open_transport(target, site.access).run(script, limit)
    site.sent(
        Sent(
            target=target.name,
            command=script,
            at=at,
            seconds=round(time.monotonic() - started, 3),
            exit_code=output.exit_code,
            digest=hashlib.sha256(output.raw + output.stderr.encode()).hexdigest(),
            said=(output.text + output.stderr).strip()[-SAID:],
            failure=output.failure,
        )
    )
    if output.failure:
        raise Unheard(output.failure)
    return output


def accomplished(script: str, target: Target, site: Site, limit: timedelta) -> Output:
    output = run(script, target, site, limit)
    if output.exit_code != 0:
        said = (output.stderr or output.text).strip()[-SAID:]
        raise NotDone(t("playbooks.exit_code", code=output.exit_code, said=said or "—"))
    return output
