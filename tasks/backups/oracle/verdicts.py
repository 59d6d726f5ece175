"""What Oracle's tools say of themselves. An exit code alone is never believed, and what is not understood is
`unknown`: a tool that printed nothing we know has not succeeded.
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

WORDS = Path(__file__).parent / "words.toml"
# RMAN prompts before what it answers, where its commands come from standard input.
PROMPT = re.compile(r"^(?:RMAN>\s|\s*\d+>\s)+")
CODE = re.compile(r"^(?:RMAN|ORA|PLS|TNS)-\d{5}\b")
# Frames of a stack, not its content; 08591 and 06497 are warnings that do not say so in every version.
FRAMES = ("RMAN-00571", "RMAN-00569")
SQL_CODE = re.compile(r"^(?:ORA|SP2|PLS|TNS)-\d{4,5}\b")
PUMP_CODE = re.compile(r"^(?:ORA|UDE|UDI|LRM|EXP|IMP)-\d{5}\b")
FILE_ROW = re.compile(r"^\s*(?P<file>\d+)\s+(?P<status>\S+)\s+(?P<corrupt>\d+)\s+\d+\s+\d+\s+\d+\s*$")
BLOCK_ROW = re.compile(r"^\s*(?P<type>[A-Za-z\u4e00-\u9fff]+)\s+(?P<failing>\d+)\s+\d+\s*$")


class State(StrEnum):
    OK = "ok"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Verdict:
    """`said`: the tool's own lines that decided it."""

    state: State
    said: tuple[str, ...] = ()

    @property
    def codes(self) -> frozenset[str]:
        return frozenset(re.findall(r"\b(?:RMAN|ORA|SP2|PLS|TNS|UDE|UDI)-\d{4,5}\b", " ".join(self.said)))


@cache
def words(name: str) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(one) for one in tomllib.loads(WORDS.read_text("utf-8"))[name])


def fits(name: str, line: str) -> re.Match[str] | None:
    return next((found for one in words(name) if (found := one.search(line))), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rman:
    """One run of RMAN as its transcript tells it."""

    errors: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    finished: tuple[str, ...] = ()
    # Handle and tag of each backup piece that was written.
    pieces: tuple[tuple[str, str], ...] = ()
    # Of VALIDATE's tables: what is not whole, and what nobody taught us to read.
    corrupt: tuple[str, ...] = ()
    strange: tuple[str, ...] = ()
    no_parent: tuple[str, ...] = ()
    complete: bool = False

    def judged(self, exit_code: int | None, wanted: Mapping[str, int]) -> Verdict:
        """`wanted`: how often each operation has to have finished at least."""
        if self.errors or self.corrupt:
            return Verdict(State.FAILED, (*self.corrupt, *self.errors))
        if exit_code:
            return Verdict(State.FAILED, (f"exit {exit_code}", *self.warnings))
        missing = [what for what, times in wanted.items() if self.finished.count(what) < times]
        if exit_code is None or missing or self.strange or not self.complete:
            said = (*self.strange, *(f"no 'Finished {what}'" for what in missing))
            return Verdict(State.UNKNOWN, said or ("no 'Recovery Manager complete.'",))
        return Verdict(State.OK, self.warnings)


def rman(text: str) -> Rman:
    lines = [PROMPT.sub("", line.rstrip()) for line in text.splitlines()]
    coded = [line for line in lines if CODE.match(line) and not line.startswith(FRAMES)]
    warnings = [line for line in coded if fits("warning", line)]
    corrupt, strange = tables(lines)
    return Rman(
        errors=tuple(line for line in coded if line not in warnings),
        warnings=tuple(warnings),
        finished=tuple(found["what"] for line in lines if (found := fits("finished", line))),
        pieces=tuple((m["handle"], m["tag"] or "") for line in lines if (m := fits("piece", line))),
        corrupt=(*corrupt, *(line for line in lines if fits("corrupt", line))),
        strange=tuple(strange),
        no_parent=tuple(found["file"] for line in lines if (found := fits("no_parent", line))),
        complete=any(fits("complete", line) for line in lines),
    )


def tables(lines: Sequence[str]) -> tuple[list[str], list[str]]:
    """The rows of VALIDATE that tell of damage, and those whose status is no word we know. A bad file has
    no error stack: the table is all there is."""
    corrupt, strange, kind = [], [], ""
    for line in lines:
        if fits("files", line.strip()) or fits("blocks", line.strip()):
            kind = "files" if fits("files", line.strip()) else "blocks"
        elif kind == "files" and (row := FILE_ROW.match(line)):
            if row["status"] == "FAILED" or int(row["corrupt"]):
                corrupt.append(" ".join(line.split()))
            elif row["status"] != "OK":
                strange.append(" ".join(line.split()))
        elif kind == "blocks" and (row := BLOCK_ROW.match(line)) and int(row["failing"]):
            corrupt.append(" ".join(line.split()))
        elif not line.strip():
            kind = ""
    return corrupt, strange


def sqlplus(text: str, end: str, exit_code: int | None) -> Verdict:
    """The exit code is modulo 256 and does not count SP2-: the text decides, and `end` has to be reached."""
    lines = [line.rstrip() for line in text.splitlines()]
    if errors := [line for line in lines if SQL_CODE.match(line)]:
        return Verdict(State.FAILED, tuple(errors))
    if exit_code:
        return Verdict(State.FAILED, (f"exit {exit_code}",))
    return Verdict(State.OK if end in lines and exit_code == 0 else State.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Pump:
    """A Data Pump job: its verdict, and the rows of each table (or partition) that it says it moved."""

    verdict: Verdict
    rows: Mapping[str, int]


def datapump(text: str, exit_code: int | None, harmless: frozenset[str] = frozenset()) -> Pump:
    """`harmless`: codes that may make a job end with errors, where it has no others."""
    lines = [line.strip() for line in text.splitlines()]
    rows = {m["table"].replace('"', ""): int(m["rows"]) for line in lines if (m := fits("table", line))}
    errors = [line for line in lines if PUMP_CODE.match(line)]
    bad = [line for line in errors if line.partition(":")[0] not in harmless]
    stopped = [line for line in lines if fits("job_stopped", line)]
    counted = [(line, int(m["count"])) for line in lines if (m := fits("job_errors", line))]
    unexplained = [line for line, count in counted if bad or count > len(errors)]
    if stopped or bad or unexplained:
        return Pump(Verdict(State.FAILED, (*stopped, *unexplained, *bad)), rows)
    if exit_code and not counted:
        return Pump(Verdict(State.FAILED, (f"exit {exit_code}",)), rows)
    done = bool(counted) or any(fits("job_done", line) for line in lines)
    state = State.OK if done and exit_code is not None else State.UNKNOWN
    return Pump(Verdict(state, tuple(errors)), rows)
