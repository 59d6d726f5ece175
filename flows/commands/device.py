"""`opsproof device note`: what somebody saw in front of a device, entered into the book."""

from typing import Any

from flows.commands import noun, verb
from tasks.texts import listed, t


def add(nouns: Any) -> None:
    verbs = noun(nouns, "device", t("device.noun"))
    check = verb(verbs, "note", t("device.check_help"), run_check)
    check.add_argument("names", nargs="+", metavar="NAME", help=t("device.names"))
    check.add_argument("--contract", required=True, help=t("device.contract"))
    check.add_argument("--by", required=True, metavar="NAME", help=t("device.by"))
    check.add_argument("--result", required=True, choices=("ok", "fail"), help=t("device.result"))
    check.add_argument("--note", default="", help=t("device.note"))
    check.add_argument("--at", default="", metavar="TIME", help=t("device.at"))


def run_check(options: Any) -> int:
    from flows.terminal import say
    from tasks import clock
    from tasks.checks.judging import plain
    from tasks.contracts.activation import active
    from tasks.errors import Refused
    from tasks.home import home
    from tasks.inspection.manual import enter, findings
    from tasks.inventory import load
    from tasks.model import Device
    from tasks.people.operators import known
    from tasks.records import Book

    house, now = home(), clock.now()
    note, sound = plain(options.note), options.result == "ok"
    if not sound and not note:
        raise Refused(t("device.needs_note"))
    targets = load(house.inventories, contract=options.contract).targets(
        options.contract, names=options.names
    )
    devices = [target for target in targets if isinstance(target, Device)]
    if others := [target.name for target in targets if not isinstance(target, Device)]:
        raise Refused(t("device.not_device", name=listed(others)))
    operator = known(house, options.by)
    at = looked_at(options.at, now)
    book = Book(house.ready(house.book))
    if options.contract not in active(book):
        raise Refused(t("device.inactive", contract=options.contract))
    found = findings(devices, operator.name, at, sound, note)
    entry = enter(book, options.contract, found, operator.name, at, now)
    say(t("device.entered", contract=options.contract, seq=entry.seq, summary=entry.record.summary))
    return 0 if sound else 1


def looked_at(text: str, now: Any) -> Any:
    """A time of day without a zone is ours; nobody has looked in the future."""
    from datetime import datetime

    from tasks.errors import Refused

    if not text:
        return now
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise Refused(t("device.bad_time", at=plainly(text))) from None
    at = at.replace(tzinfo=now.tzinfo) if at.tzinfo is None else at.astimezone(now.tzinfo)
    if at > now:
        raise Refused(t("device.future", at=at.isoformat(timespec="minutes")))
    return at


def plainly(text: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in text)[:40]
