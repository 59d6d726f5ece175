"""A line appeared in a file on the host since the step was sent; one put aside meanwhile is read as well."""

import re
import shlex
from datetime import timedelta
from typing import Annotated, Any

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from tasks.checks.powershell import quoted
from tasks.errors import OpsError
from tasks.model import Host, Target
from tasks.playbooks import CONDITIONS, Holds, Kind, Seen, Site
from tasks.playbooks.conditions.command import pattern
from tasks.playbooks.sending import run
from tasks.strict import Text
from tasks.texts import t

LIMIT = timedelta(seconds=20)
# What grep and .NET read differently; and grep sees bytes, so that a character of several is none to it.
DIFFERENT = re.compile(r"\\[dDAZb]|\(\?|[*+?}][?+]|[^\x00-\x7f][*+?{]|\[[^\]]*[^\x00-\x7f]")
# The second byte of a character in GBK may be one of these.
SPECIAL = frozenset(b"\\|[]{}^$.*+?()")

LINUX_MARK = """file={file}
if [ -e "$file" ]; then stat -L -c '%i %s' -- "$file"; else echo '0 0'; fi"""
LINUX = """file={file}; inode={inode}; size={size}; pattern={pattern}
after() {{
  if [ "$(stat -L -c %i -- "$file" 2>/dev/null)" = "$inode" ]; then
    [ "$(stat -L -c %s -- "$file")" -ge "$size" ] || size=0
    tail -c +$((size + 1)) -- "$file"
    return
  fi
  old=
  [ "$inode" = 0 ] || old=$(find "$(dirname -- "$file")" -maxdepth 1 -inum "$inode" | head -n 1)
  [ -z "$old" ] || tail -c +$((size + 1)) -- "$old"
  [ ! -e "$file" ] || cat -- "$file"
}}
[ ! -e "$file" ] || [ -r "$file" ] || {{ echo unreadable; exit 0; }}
line=$(after | LC_ALL=C grep -aEm 1 -e "$pattern" | head -c 300)
[ -z "$line" ] && echo none || printf 'found\\n%s\\n' "$line"
"""
WINDOWS_MARK = """$file={file}
if(Test-Path -LiteralPath $file){{'0 '+(Get-Item -LiteralPath $file).Length}}else{{'0 0'}}"""
WINDOWS = """$ErrorActionPreference='Stop'
$file={file}; $size=[int64]{size}; $pattern={pattern}; $found=$null
if(Test-Path -LiteralPath $file){{
  $share=[IO.FileShare]'ReadWrite,Delete'
  $stream=New-Object IO.FileStream($file,[IO.FileMode]::Open,[IO.FileAccess]::Read,$share)
  try{{
    if($stream.Length -ge $size){{[void]$stream.Seek($size,[IO.SeekOrigin]::Begin)}}
    $reader=New-Object IO.StreamReader($stream,[Text.Encoding]::GetEncoding({encoding}))
    while($null -eq $found -and $null -ne ($line=$reader.ReadLine())){{
      if($line -cmatch $pattern){{$found=$line}}}}
  }}finally{{$stream.Close()}}
}}
if($null -eq $found){{'none'}}else{{'found';$found.Substring(0,[Math]::Min(300,$found.Length))}}"""


def same_everywhere(text: str) -> str:
    if DIFFERENT.search(pattern(text)):
        raise PydanticCustomError("pattern", t("playbooks.log_pattern"))
    return text


class LogCondition(Kind):
    remembers = True

    log: Text
    says: Annotated[Text, AfterValidator(same_everywhere)]


@CONDITIONS.add("log")
class Log:
    Settings = LogCondition

    def shown(self, said: Any, target: Target) -> str:
        return t("playbooks.log_wanted", path=said.log, pattern=said.says)

    def see(self, said: Any, target: Target, site: Site) -> Seen:
        return Seen(Holds.NO, t("playbooks.not_sent_yet"))

    def mark(self, said: Any, target: Target, site: Site) -> str:
        script = (WINDOWS_MARK if windows(target) else LINUX_MARK).format(file=spelt(said.log, target))
        answer = run(script, target, site, LIMIT).text.strip()
        if not re.fullmatch(r"\d+ \d+", answer, re.ASCII):
            raise OpsError(t("playbooks.log_unreadable", path=said.log))
        return answer

    def since(self, said: Any, target: Target, site: Site, mark: str) -> Seen:
        inode, size = mark.split()
        script = (WINDOWS if windows(target) else LINUX).format(
            file=spelt(said.log, target),
            pattern=quoted(said.says) if windows(target) else escaped(said.says, encoding(target)),
            inode=inode,
            size=size,
            encoding=quoted(encoding(target)),
        )
        state, _, line = run(script, target, site, LIMIT).text.strip().partition("\n")
        match state.strip():
            case "found":
                return Seen(Holds.YES, t("playbooks.log_found", path=said.log, line=line.strip()))
            case "none":
                return Seen(Holds.NO, t("playbooks.log_none", path=said.log, pattern=said.says))
        return Seen(Holds.UNKNOWN, t("playbooks.log_unreadable", path=said.log))


def windows(target: Target) -> bool:
    return isinstance(target, Host) and target.family == "windows"


def encoding(target: Target) -> str:
    """By the name that .NET has for it."""
    return target.encoding if isinstance(target, Host) else "utf-8"


def spelt(text: str, target: Target) -> str:
    """As a word of the host's shell; for sh in the bytes that the host's own files and names are in."""
    return quoted(text) if windows(target) else in_octal(text.encode(encoding(target)))


def escaped(pattern: str, encoding: str) -> str:
    """A pattern of grep's, in which only what is ASCII means something."""
    made = b""
    for char in pattern:
        given = char.encode(encoding)
        made += given if char.isascii() else b"".join(literal(byte) for byte in given)
    return in_octal(made)


def literal(byte: int) -> bytes:
    return b"\\" * (byte in SPECIAL) + bytes([byte])


def in_octal(given: bytes) -> str:
    """Whatever encoding the script itself goes out in."""
    if given.isascii():
        return shlex.quote(given.decode())
    octal = "".join(f"\\0{byte:03o}" for byte in given)
    return f"\"$(printf %b '{octal}')\""
