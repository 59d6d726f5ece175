"""Oracle's programs on their own host, over whatever way leads there. Logged in by the operating system
(`/ as sysdba`): no password travels, so none can be seen.

Linux and UNIX only, by sh. What a Windows host would need is not written.
"""

import secrets
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from tasks.backups.oracle.verdicts import Pump, Rman, State, Verdict, datapump, rman, sqlplus
from tasks.errors import OpsError
from tasks.model import Host
from tasks.texts import t
from tasks.transports import Access, open_stream
from tasks.transports.streaming import Ended, Fed, Stream, Streaming

# Between two columns of a row, and never in a name: ASCII's own unit separator.
UNIT = "\x1f"
ALIVE = "opsproof-alive"
# How long a tool may neither speak nor write: an increment may read for long before it finds a changed block.
QUIET = timedelta(hours=1)
# Of a fifth of a second each, between two looks at what has been written.
LOOKS = 25

ENVIRONMENT = """\
set -u
umask 077
sid={sid}
home={home}
if [ -z "$home" ]; then
    for tab in /etc/oratab /var/opt/oracle/oratab; do
        [ -r "$tab" ] || continue
        home=$(awk -F: -v sid="$sid" '$1 == sid {{ print $2; exit }}' "$tab")
        [ -z "$home" ] || break
    done
fi
[ -n "$home" ] || {{ echo opsproof-no-home >&2; exit 91; }}
[ -x "$home/bin/{program}" ] || {{ echo opsproof-no-program >&2; exit 92; }}
unset TWO_TASK LOCAL ORACLE_PDB_SID ORACLE_PATH SQLPATH
ORACLE_HOME=$home ORACLE_SID=$sid LC_ALL=C NLS_LANG=AMERICAN_AMERICA.AL32UTF8
NLS_DATE_FORMAT='YYYY-MM-DD"T"HH24:MI:SS'
PATH=$home/bin:/usr/local/bin:/usr/bin:/bin LD_LIBRARY_PATH=$home/lib
export ORACLE_HOME ORACLE_SID LC_ALL NLS_LANG NLS_DATE_FORMAT PATH LD_LIBRARY_PATH
"""
# As the owner of the software, who alone may log in without a password.
AS_OWNER = """\
owner={owner}
[ -n "$owner" ] || owner=$(stat -c %U "$home/bin/sqlplus")
as_owner() {{
    if [ "$(id -un)" = "$owner" ]; then "$@"
    elif [ "$(id -u)" = 0 ]; then su -s /bin/sh -c 'exec "$@"' -- "$owner" sh "$@"
    else sudo -n -u "$owner" true 2>/dev/null || {{ echo opsproof-no-owner >&2; exit 93; }}
        sudo -n -u "$owner" "$@"
    fi
}}
"""
MISSING = {91: "no_home", 92: "no_program", 93: "no_owner"}
# RMAN and Data Pump are silent for long: what they write is what tells that they live. A worker of impdp that
# died of a damaged dump has said so, and leaves its client waiting for ever (as others report of it).
WATCHED = """\
cd {folder}
{command} > tool.log 2>&1 &
{document}tool=$!
before=
waited=0
while kill -0 "$tool" 2>/dev/null; do
    sleep 0.2 2>/dev/null || sleep 1
    waited=$((waited + 1))
    [ $((waited % {every})) = 0 ] || continue
    now=$(du -sk . | cut -f1)
    [ "$now" = "$before" ] || echo {alive}
    before=$now
    ! grep -q '^ORA-39776' tool.log || kill "$tool"
done
wait "$tool"
code=$?
cat tool.log
rm -f tool.log
printf '\\n%s %s\\n' {end} "$code"
"""


class Refusal(OpsError):
    """A tool said no, or not that it was done; `verdict` has its own words."""

    def __init__(self, tool: str, verdict: Verdict) -> None:
        key = "said" if verdict.state is State.FAILED else "unknown"
        said = "; ".join(verdict.said)[-800:] or t("oracle_backup.nothing_said")
        super().__init__(t(f"oracle_backup.{key}", tool=tool, said=said))
        self.tool, self.verdict = tool, verdict


@dataclass(frozen=True, kw_only=True)
class OracleHost:
    """`programs`: `home`, `sid`, `user` and whatever else the job says of this host."""

    name: str
    way: Streaming
    sid: str
    programs: Mapping[str, str] = field(default_factory=dict)
    gentle: bool = True
    quiet: timedelta = QUIET

    def script(self, body: str, program: str = "sqlplus", fed: bool = False) -> str:
        """The owner's shell reads `body` from its input, unless that is needed for what is fed."""
        said = ENVIRONMENT.format(
            sid=shlex.quote(self.sid), home=shlex.quote(self.programs.get("home", "")), program=program
        )
        end = f"OPSPROOF_{secrets.token_hex(8)}"
        whole = f"body=$(cat <<'{end}'\n{said}{body}\n{end}\n)\n"
        owner = AS_OWNER.format(owner=shlex.quote(self.programs.get("user", "")))
        run = 'as_owner sh -c "$body"' if fed else "printf '%s\\n' \"$body\" | as_owner sh -s"
        return f"{whole}{said}{owner}{run}\n"

    def sh(self, body: str, program: str = "sqlplus", feed: Fed | None = None) -> bytes:
        with self.stream(body, program, feed) as stream:
            return b"".join(iter(stream.read, b""))

    @contextmanager
    def stream(self, body: str, program: str = "sqlplus", feed: Fed | None = None) -> Iterator["Heard"]:
        script = self.script(body, program, feed is not None)
        with self.way.stream(script, quiet=self.quiet, feed=feed) as stream:
            yield Heard(stream, self, program)

    def ended(self, body: str, end: str, program: str) -> tuple[str, int | None]:
        """What `body` printed, and the exit code that it tells behind `end`."""
        text = decoded(self.sh(body, program))
        before, _, code = text.rpartition(f"\n{end} ")
        if not code.strip().lstrip("-").isdigit():
            return text, None
        lines = [line for line in before.split("\n") if line != ALIVE]
        return "\n".join(lines), int(code)

    @property
    def gently(self) -> str:
        return "$(command -v ionice >/dev/null && echo 'ionice -c 3') nice -n 19 " if self.gentle else ""

    def sqlplus(self, statements: Sequence[str], stop: bool = True) -> list[list[str]]:
        """The lines that each statement printed. `stop`: at the first that fails; else its lines say it."""
        end = f"opsproof-{secrets.token_hex(8)}"
        body = f"sqlplus -S -L / as sysdba <<'{end}' 2>&1\n{dialogue(statements, end, stop)}{end}\n"
        text, code = self.ended(f"{body}printf '\\n%s %s\\n' {end} \"$?\"", end, "sqlplus")
        verdict = sqlplus(text, f"{end}-end", code)
        reached = f"{end}-end" in text.split("\n")
        if verdict.state is not State.OK and (stop or not reached):
            raise Refusal("sqlplus", verdict)
        return sections(text, end)

    def rows(self, statement: str) -> list[list[str]]:
        return self.answers(statement)[0]

    def answers(self, *statements: str) -> list[list[list[str]]]:
        return [[line.split(UNIT) for line in lines] for lines in self.sqlplus(statements)]

    def rman(self, commands: str, folder: str, wanted: Mapping[str, int]) -> Rman:
        """`nocatalog`: a recovery catalogue is neither needed nor ever told of a restored copy."""
        end = f"opsproof-{secrets.token_hex(8)}"
        body = self.watched("rman target / nocatalog", f"{commands}\nexit", folder, end)
        text, code = self.ended(body, end, "rman")
        said = rman(text)
        verdict = said.judged(code, wanted)
        if verdict.state is not State.OK:
            raise Refusal("rman", verdict)
        return said

    def datapump(
        self, program: str, parameters: Sequence[str], folder: str, harmless: frozenset[str] = frozenset()
    ) -> tuple[Pump, str]:
        """The parameters in a file of the folder that only its owner reads: their quotes survive no shell."""
        end = f"opsproof-{secrets.token_hex(8)}"
        said = "\n".join(parameters)
        write = f"cat > {shlex.quote(folder)}/parameters <<'{end}'\n{said}\n{end}\n"
        command = f"{program} \"'/ as sysdba'\" parfile=parameters"
        text, code = self.ended(write + self.watched(command, "", folder, end), end, program)
        found = datapump(text, code, harmless)
        if found.verdict.state is not State.OK:
            raise Refusal(program, found.verdict)
        return found, text

    def watched(self, command: str, document: str, folder: str, end: str) -> str:
        given = f"<<'{end}-in'" if document else "</dev/null"
        return WATCHED.format(
            folder=shlex.quote(folder),
            command=f"{self.gently}{command} {given}",
            document=f"{document}\n{end}-in\n" if document else "",
            every=LOOKS,
            alive=ALIVE,
            end=end,
        )


class Heard:
    """A stream whose end says what is missing on the host in words."""

    def __init__(self, stream: Stream, host: OracleHost, program: str) -> None:
        self._stream, self._host, self._program = stream, host, program

    def read(self, size: int = -1, /) -> bytes:
        try:
            return self._stream.read(size)
        except Ended as problem:
            code = self._stream.output().exit_code
            if code not in MISSING:
                raise
            owner = self._host.programs.get("user", "oracle")
            name = {91: self._host.sid, 92: self._program}.get(code, owner)
            raise OpsError(t(f"oracle_backup.{MISSING[code]}", sid=name, name=name)) from problem


def dialogue(statements: Sequence[str], end: str, stop: bool) -> str:
    how = "exit failure rollback" if stop else "continue"
    settings = (
        f"whenever sqlerror {how}\nwhenever oserror exit failure\n"
        "set pagesize 0 linesize 32767 long 1000000 trimspool on trimout on feedback off heading off\n"
        "set verify off echo off tab off define off sqlblanklines on serveroutput off timing off\n"
    )
    asked = "".join(
        f"prompt {end}-{number}\n{one.rstrip()}{'' if one.rstrip().endswith('/') else ';'}\n"
        for number, one in enumerate(statements)
    )
    return f"{settings}{asked}prompt {end}-end\nexit success\n"


def sections(text: str, end: str) -> list[list[str]]:
    found: list[list[str]] = []
    for line in text.split("\n"):
        if line.startswith(f"{end}-"):
            found.append([])
        elif found and line:
            found[-1].append(line)
    return found[:-1]


def decoded(raw: bytes) -> str:
    """UTF-8 was asked for; a profile may insist on ZHS16GBK."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("gb18030", "replace")


def on(host: Host, access: Access, sid: str, programs: Mapping[str, str], gentle: bool) -> OracleHost:
    if host.family == "windows":
        raise OpsError(t("oracle_backup.not_linux", name=host.name))
    return OracleHost(
        name=host.name,
        way=open_stream(host, access),
        sid=programs.get("sid", sid),
        programs=programs,
        gentle=gentle,
        quiet=timedelta(minutes=float(programs["quiet"])) if "quiet" in programs else QUIET,
    )
