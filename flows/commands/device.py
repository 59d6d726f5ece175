"""`opsproof device note`: what somebody saw in front of a device, entered into the book."""

from typing import Any

from flows.commands import noun, verb
from tasks.texts import t


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
    from flows.device_note import entered
    from flows.terminal import say
    from tasks.inspection.manual import Look

    sound = options.result == "ok"
    look = Look(names=tuple(options.names), by=options.by, sound=sound, note=options.note, at=options.at)
    entry = entered(options.contract, look)
    say(t("device.entered", contract=options.contract, seq=entry.seq, summary=entry.record.summary))
    return 0 if sound else 1
