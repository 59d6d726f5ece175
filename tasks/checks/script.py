"""One script out of many probes: a single round trip collects them all.

Each probe runs in a shell of its own under a time limit, between markers that carry a number
nobody can guess, on standard output and on standard error alike; so one probe's failure, noise
or hang is told from the next one's answer, and a cut answer from a whole one.
"""

import re
import secrets
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from tasks.checks import Check
from tasks.model import Output
from tasks.texts import t

# dash, bash, busybox ash. Where there is no `timeout`, or one that cannot kill (coreutils before 8.5,
# older busybox), a second shell waits; with setsid it ends what the probe started, too.
PROLOGUE = """\
LC_ALL=C; export LC_ALL
PATH=$PATH:/sbin:/usr/sbin:/usr/local/sbin; export PATH
if timeout -k 1 5 true; then killer=timeout
elif setsid sh -c :; then killer=setsid
else killer=; fi 2>/dev/null
limited() {
  if [ "$killer" = timeout ]; then timeout -k 1 "$1" sh -c "$2"; return; fi
  $killer sh -c "$2" & job=$!
  (sleep "$1"; kill -9 ${killer:+-}$job) >/dev/null 2>&1 & guard=$!
  wait $job 2>/dev/null; code=$?
  kill $guard 2>/dev/null
  [ $code -ne 137 ] || code=124
  return $code
}
printf '\\n@@%s host %s\\n' "$mark" "$(uname -n)"
probe() {
  printf '\\n@@%s begin %s\\n' "$mark" "$1"; printf '\\n@@%s begin %s\\n' "$mark" "$1" >&2
  limited "$2" "$3" </dev/null; code=$?
  printf '\\n@@%s end %s %s\\n' "$mark" "$1" $code; printf '\\n@@%s end %s %s\\n' "$mark" "$1" $code >&2
}
"""

TIMED_OUT = (124, 137)
EXIT_CODE = re.compile(r"(\d+)\n")


@dataclass(frozen=True, slots=True)
class Script:
    """The composed script, and what is needed to take its answer apart again."""

    mark: str
    text: str
    checks: tuple[Check, ...]

    @property
    def seconds(self) -> int:
        """The most it may take on a target where every probe hangs."""
        return sum(check.seconds + 1 for check in self.checks) + 5

    @property
    def quiet(self) -> int:
        """The longest time between two words of a target that is well: one probe's, and one to start it."""
        return max((check.seconds for check in self.checks), default=0) + 10


def compose(
    checks: Sequence[Check], variables: Mapping[str, Mapping[str, str]] = MappingProxyType({})
) -> Script:
    """`variables` are set for a check's probe alone, by its name; they arrive as they are."""
    mark = secrets.token_hex(12)
    calls = [
        f"probe {check.name} {check.seconds} {shlex.quote(told + check.probe)}"
        for check in checks
        for told in [assigned(variables.get(check.name, {}))]
    ]
    return Script(mark, "\n".join([f"mark={mark}", PROLOGUE, *calls, ""]), tuple(checks))


def assigned(values: Mapping[str, str]) -> str:
    """Shell assignments. No shell takes a NUL in a script."""
    return "".join(f"{name}={shlex.quote(text.replace(chr(0), ''))}\n" for name, text in values.items())


def take_apart(script: Script, answer: Output) -> dict[str, Output]:
    """Each check's own Output. What did not arrive whole says why in `failure`."""
    return {check.name: _section(script.mark, check, answer) for check in script.checks}


def other_name(script: Script, answer: Output, expected: str) -> str:
    """The name that the host gave itself, where that is another; a domain behind it makes no other."""
    found = re.search(rf"\n@@{script.mark} host (.*)\n", answer.text)
    if not found or expected.casefold() in (found[1].casefold(), found[1].casefold().partition(".")[0]):
        return ""
    return found[1]


def _section(mark: str, check: Check, answer: Output) -> Output:
    text, code = _between(mark, check.name, answer.text)
    stderr, _ = _between(mark, check.name, answer.stderr)
    raw = (text or "").encode()
    own = replace(answer, command=check.probe, text=text or "", raw=raw, stderr=stderr or "", failure="")
    if text is None:
        return replace(own, exit_code=None, failure=answer.failure or t("checks.no_answer"))
    if code is None:
        return replace(own, exit_code=None, failure=answer.failure or t("checks.cut"))
    if code in TIMED_OUT:
        return replace(own, exit_code=code, failure=t("checks.probe_timeout", seconds=check.seconds))
    return replace(own, exit_code=code)


def _between(mark: str, name: str, text: str) -> tuple[str | None, int | None]:
    """What stands between a probe's markers, and its exit code; None where a marker is missing.

    By plain search: a pattern with a mark that no other host has is compiled anew for each of them.
    """
    begin, end = f"\n@@{mark} begin {name}\n", f"\n@@{mark} end {name} "
    start = text.find(begin)
    if start < 0:
        return None, None
    start += len(begin)
    stop = text.find(end, start)
    code = EXIT_CODE.match(text, stop + len(end)) if stop >= 0 else None
    return (text[start:stop], int(code[1])) if code else (text[start:], None)
