"""A command that only looks: it holds where its answer fits, or where it ends with 0."""

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from tasks.model import Target
from tasks.playbooks import CONDITIONS, Holds, Kind, Seen, Site
from tasks.playbooks.sending import run
from tasks.strict import Text
from tasks.texts import t

LIMIT = timedelta(seconds=20)


def pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as problem:
        raise PydanticCustomError("pattern", t("playbooks.bad_pattern", reason=str(problem))) from problem
    return text


class CommandCondition(Kind):
    command: Text
    says: Annotated[Text, AfterValidator(pattern)] = ""


@CONDITIONS.add("command")
class Command:
    Settings = CommandCondition

    def shown(self, said: Any, target: Target) -> str:
        wanted = t("playbooks.says", pattern=said.says) if said.says else t("playbooks.ends_with_0")
        return f"{said.command} → {wanted}"

    def see(self, said: Any, target: Target, site: Site) -> Seen:
        output = run(said.command, target, site, LIMIT)
        answer = (output.text or output.stderr).strip()
        good = output.exit_code == 0 and (not said.says or re.search(said.says, output.text) is not None)
        told = t("playbooks.answered", code=output.exit_code, said=answer[-200:] or "—")
        return Seen(Holds.YES if good else Holds.NO, told)
