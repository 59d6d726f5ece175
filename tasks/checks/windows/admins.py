from collections.abc import Iterator

from tasks.checks import check
from tasks.checks.judging import Before, Limits, finding
from tasks.checks.powershell import listed, told
from tasks.model import Finding, Number, Output, Status

# The group's name is in the language of the system; its number is the same everywhere.
PROBE = r"""
$g=(New-Object Security.Principal.SecurityIdentifier 'S-1-5-32-544').Translate([Security.Principal.NTAccount]).Value.Split('\')[-1]
@{members=@(([ADSI]('WinNT://./'+$g+',group')).psbase.Invoke('Members') | %{
  $p=[string]$_.GetType().InvokeMember('ADsPath','GetProperty',$null,$_,$null)
  @{path=$p.Replace('WinNT://','')}})}
"""


@check(
    "windows.admins",
    title="本地管理员",
    topics=("logins", "hardening"),
    probe=PROBE,
    baseline=("members",),
)
def admins(output: Output, limits: Limits, before: Before) -> Iterator[Finding]:
    """Against what a named person approved; until then against the last inspection."""
    paths = [str(one["path"]).replace("/", "\\") for one in listed(told(output)["members"])]
    members = {"\\".join(path.split("\\")[-2:]) for path in paths}
    if not members:
        raise ValueError(output.text)
    last = before.marks.get("members")
    known = before.approved.get("members", frozenset(last.splitlines()) if last else frozenset(members))
    for name in sorted(members - known):
        advice = "核实授权；未经批准的立即移出管理员组并查明来源"
        yield finding(name, Status.WARN, "新增的本地管理员", change="新增", advice=advice)
    for name in sorted(known - members):
        yield finding(name, Status.WARN, "不再是本地管理员", change="移除", advice="核实是否按变更单移除")
    yield finding(
        "本地管理员",
        Status.OK,
        f"共 {len(members)} 个：{'、'.join(sorted(members))}",
        Number("members", len(members)),
        marks={"members": "\n".join(sorted(members))},
    )
