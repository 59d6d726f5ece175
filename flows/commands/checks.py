"""`opsproof checks list`: every check with what it is about, what it sends and its thresholds."""

from typing import Any

from flows.commands import noun, verb
from tasks.texts import listed, t


def add(nouns: Any) -> None:
    verbs = noun(nouns, "checks", t("checks.noun"))
    verb(verbs, "list", t("checks.list_help"), _list, table=True)


def _list(options: Any) -> int:
    from flows.terminal import show
    from tasks.checks import CHECKS

    rows = [
        {
            "name": check.name,
            "title": check.title,
            "kind": check.kind,
            "topics": check.topics if options.json else listed(check.topics),
            "limits": check.limits if options.json else limits(check.limits),
            "seconds": check.seconds,
            "probe": check.probe.strip(),
        }
        for check in CHECKS.all().values()
    ]
    heads = ("name", "title", "kind", "topics", "limits", "seconds")
    show(rows, {key: t(f"checks.col_{key}") for key in heads}, options.json)
    return 0


def limits(given: Any) -> str:
    return listed(f"{name} {warn}/{fail}" for name, (warn, fail) in given.items()) or "—"
