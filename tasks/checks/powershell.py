"""The same as `script`, for PowerShell 2.0 to 5.1: one script out of many probes, one trip.

A probe gives one object, which goes home as JSON in ASCII: whatever code page the console has, it
arrives. Each probe runs in a runspace of its own making under a time limit, so that a WMI query that
never returns costs its own answer and no other. Sections have the markers that `script` reads.
"""

import json
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from tasks.checks import Check
from tasks.checks import script as sh
from tasks.checks.script import Script
from tasks.model import Output

# What a probe has to hand. 2.0 knows neither ConvertTo-Json nor Get-CimInstance nor [ordered]; Get-WinEvent
# needs .NET 3.5 there. An empty log is an answer, although Get-WinEvent calls it an error.
LIBRARY = r"""
$ErrorActionPreference='Stop'; $ProgressPreference='SilentlyContinue'
function J($o){
  if($null -eq $o){return 'null'}
  if($o -is [bool]){if($o){return 'true'}else{return 'false'}}
  if($o -is [DateTime]){return '"'+$o.ToString('yyyy-MM-ddTHH:mm:sszzz',[Globalization.CultureInfo]::InvariantCulture)+'"'}
  if($o -is [int] -or $o -is [long] -or $o -is [int16] -or $o -is [uint16] -or $o -is [uint32] -or $o -is [uint64] -or $o -is [byte]){return ([string]$o)}
  if($o -is [double] -or $o -is [decimal] -or $o -is [single]){return ([double]$o).ToString('R',[Globalization.CultureInfo]::InvariantCulture)}
  if($o -is [Collections.IDictionary]){$p=@(); foreach($k in $o.Keys){$p+=((J ([string]$k))+':'+(J $o[$k]))}; return '{'+[string]::Join(',',[string[]]$p)+'}'}
  if($o -is [Collections.IEnumerable] -and $o -isnot [string]){$p=@(); foreach($e in $o){$p+=(J $e)}; return '['+[string]::Join(',',[string[]]$p)+']'}
  $b=New-Object Text.StringBuilder; [void]$b.Append('"')
  foreach($c in ([string]$o).ToCharArray()){$i=[int]$c
    if($i -eq 34 -or $i -eq 92){[void]$b.Append('\').Append($c)}
    elseif($i -lt 32 -or $i -gt 126){[void]$b.Append(('\u{0:x4}' -f $i))}
    else{[void]$b.Append($c)}}
  return $b.Append('"').ToString()}
$wmi=$null -ne (Get-Command Get-WmiObject -ErrorAction SilentlyContinue)
function Q($class,$filter,$space){
  if(-not $space){$space='root\cimv2'}
  $a=@{Namespace=$space}; if($filter){$a['Filter']=$filter}
  if($wmi){Get-WmiObject -Class $class @a}else{Get-CimInstance -ClassName $class @a}}
function D($v){if($v -is [DateTime]){$v}elseif($v){[Management.ManagementDateTimeConverter]::ToDateTime($v)}}
function Cut($text,$most){$s=[string]$text; if($s.Length -gt $most){$s.Substring(0,$most)}else{$s}}
function Events($filter,$most){
  try{Get-WinEvent -FilterHashtable $filter -MaxEvents $most}
  catch{if($_.FullyQualifiedErrorId -notlike 'NoMatchingEventsFound*'){throw}}}
"""

# What a login shell starts where the way is SSH: the script comes on standard input, because cmd.exe takes no
# line of more than 8,191 characters.
COMMAND = (
    "powershell -NoProfile -NonInteractive -ExecutionPolicy Bypass -Command "
    '"& ([scriptblock]::Create([string]::Join([char]10,@($input))))"'
)

# `$Host.Name` tells a console, whose lines may not pass through the formatter, from a remoting session,
# which has no console to write to.
PROLOGUE = r"""
Invoke-Expression $library
function Say($s){if($Host.Name -eq 'ConsoleHost'){[Console]::Out.WriteLine($s)}else{Write-Output $s}}
$script:space=$null; $clock=[Diagnostics.Stopwatch]::StartNew()
function Open-Space{
  $script:space=[runspacefactory]::CreateRunspace(); $script:space.Open()
  $p=[powershell]::Create(); $p.Runspace=$script:space; [void]$p.AddScript($library); [void]$p.Invoke(); $p.Dispose()}
function Probe($name,$seconds,$text){
  $watch=[Diagnostics.Stopwatch]::StartNew(); $code=0; $line='null'
  Say ''; Say ('@@'+$mark+' begin '+$name)
  try{
    if($null -eq $script:space){Open-Space}
    $p=[powershell]::Create(); $p.Runspace=$script:space
    [void]$p.AddScript('J (& {'+"`n"+$text+"`n"+'})')
    $job=$p.BeginInvoke()
    if($job.AsyncWaitHandle.WaitOne($seconds*1000,$false)){$line=[string]::Join('',[string[]]@($p.EndInvoke($job))); $p.Dispose()}
    else{[void]$p.BeginStop($null,$null); $script:space=$null; $code=124}
  }catch{$code=1; $line=J ([string]$_.Exception.GetBaseException().Message)}
  Say ('{"at":'+$clock.ElapsedMilliseconds+',"ms":'+$watch.ElapsedMilliseconds+',"answer":'+$line+'}')
  Say ''; Say ('@@'+$mark+' end '+$name+' '+$code)}
"""


def compose(
    checks: Sequence[Check], variables: Mapping[str, Mapping[str, str]] = MappingProxyType({})
) -> Script:
    mark = secrets.token_hex(12)
    calls = [
        f"Probe {quoted(check.name)} {check.seconds} {quoted(assigned(variables.get(check.name, {})) + check.probe)}"
        for check in checks
    ]
    name = "Say ''; Say ('@@'+$mark+' host '+$env:COMPUTERNAME)"
    lines = [f"$mark={quoted(mark)}", f"$library={quoted(LIBRARY)}", PROLOGUE, name, *calls, ""]
    return Script(mark, "\n".join(lines), tuple(checks))


def assigned(values: Mapping[str, str]) -> str:
    return "".join(f"${name}={quoted(text)}\n" for name, text in values.items())


def quoted(text: str) -> str:
    """A PowerShell string in ASCII. Its language takes the typographic quotes for plain ones, so they
    too are written by their numbers."""
    made = "'" + re.sub(r"[^\x00-\x7f]", numbered, text.replace("'", "''")) + "'"
    return f"({made})" if "[char]" in made else made


def numbered(char: re.Match[str]) -> str:
    """One beyond the sixteen bits of [char] is written as the two it is made of."""
    units = char[0].encode("utf-16-be", "surrogatepass")
    numbers = (int.from_bytes(units[i : i + 2]) for i in range(0, len(units), 2))
    return "".join(f"'+[string][char]{number}+'" for number in numbers)


def take_apart(script: Script, answer: Output) -> dict[str, Output]:
    """Each check's own Output: its JSON, or what went wrong as its standard error."""
    sections = sh.take_apart(script, replace(unix(answer), stderr=""))
    return {name: _told(output) for name, output in sections.items()}


def other_name(script: Script, answer: Output, expected: str) -> str:
    return sh.other_name(script, unix(answer), expected)


def unix(answer: Output) -> Output:
    return replace(answer, text=f"\n{answer.text}".replace("\r\n", "\n"))


def _told(output: Output) -> Output:
    if output.failure or not output.exit_code:
        return output
    try:
        return replace(output, stderr=str(json.loads(output.text)["answer"]))
    except (ValueError, LookupError, TypeError, RecursionError):
        return output


def told(output: Output) -> dict[str, Any]:
    """The object that a probe gave."""
    answer = json.loads(output.text)["answer"]
    if not isinstance(answer, dict):
        raise ValueError(output.text[:200])
    return answer


def listed(value: Any) -> list[Any]:
    """PowerShell takes a list of one for its member, and an empty one for nothing at all."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
