"""A host key that is unknown or changed, and a host under another name, are findings of their own."""

import pytest

from tasks.checks import checks_for
from tasks.checks.judging import Before, Limits
from tasks.inspection.collect import Collected
from tasks.inspection.findings import title
from tasks.inspection.judge import judge_target
from tasks.model import Host, SecurityEvent, Status

HOST = Host(contract="c", part="p", name="h", os="linux", address="192.0.2.1")


@pytest.mark.parametrize(
    ("event", "check", "status"),
    [
        (SecurityEvent.KEY_UNKNOWN, "security.hostkey", Status.UNKNOWN),
        (SecurityEvent.KEY_CHANGED, "security.hostkey", Status.FAIL),
        (SecurityEvent.NAME_DIFFERS, "security.hostname", Status.FAIL),
    ],
)
def test_beside_not_having_been_reached(event: SecurityEvent, check: str, status: Status) -> None:
    collected = Collected(HOST, checks_for("linux"), {}, "refused", event)
    reach, found = judge_target(collected, lambda *_: Limits(), lambda *_: Before())
    assert (reach.check, reach.status) == ("reach", Status.UNKNOWN)
    assert (found.check, found.target, found.subject, found.status) == (check, "h", "192.0.2.1", status)
    assert found.advice and title(check) != title("reach") != check


def test_without_one_there_is_nothing_more_to_say() -> None:
    collected = Collected(HOST, checks_for("linux"), {}, "no route")
    assert len(judge_target(collected, lambda *_: Limits(), lambda *_: Before())) == 1
