import re
from collections.abc import Iterator

from tasks.checks import check
from tasks.checks.baselines import compared
from tasks.checks.judging import Before, Limits
from tasks.model import Finding, Output

# Old ss has no -H. What it cannot name (not root) it still lists.
PROBE = """
echo range $(cat /proc/sys/net/ipv4/ip_local_port_range)
if command -v ss >/dev/null 2>&1; then echo ss; ss -lntup
else echo netstat; netstat -lntup; fi
"""
RANGE = re.compile(r"range (\d{1,5}) (\d{1,5})", re.ASCII)
SS = re.compile(r"(tcp|udp) +(?:LISTEN|UNCONN) +\d+ +\d+ +(\S+):(\d{1,5}) +\S+(?: +(\S.*))?", re.ASCII)
NETSTAT = re.compile(
    r"(tcp|udp)6? +\d+ +\d+ +(\S+):(\d{1,5}) +\S+(?: +LISTEN)?(?: +(\d+/\S.*|-))?\s*", re.ASCII
)
HEADINGS = ("Netid ", "Active ", "Proto ")
ANYWHERE = {"*", "0.0.0.0", "[::]", "::", ":::"}  # noqa: S104


@check("linux.ports", title="监听端口", topics=("ports", "security"), probe=PROBE, baseline=("ports",))
def ports(output: Output, limits: Limits, before: Before) -> Iterator[Finding]:
    head, tool, *lines = output.lines
    dynamic = RANGE.fullmatch(head)
    pattern = {"ss": SS, "netstat": NETSTAT}[tool]
    if dynamic is None or not lines:
        raise ValueError(output.text)
    items = set()
    for line in lines:
        if line.startswith(HEADINGS) or not line.strip():
            continue
        found = pattern.fullmatch(line.strip())
        if found is None:
            raise ValueError(line)
        items.add(item(found, int(dynamic[1]), int(dynamic[2])))
    yield from compared("ports", "监听端口", items, before)


def item(found: re.Match[str], low: int, high: int) -> str:
    """A port that the system hands out changes with each start: its program stands for it."""
    kind, address, port, owner = found.groups()
    program = name(owner or "")
    moving = low <= int(port) <= high and bool(program or kind == "udp")
    where = "*" if address in ANYWHERE else address.partition("%")[0]
    return f"{kind} {where}:{'dynamic' if moving else port} {program}".strip()


def name(owner: str) -> str:
    """`users:(("sshd",pid=1,fd=3))` of ss, `1/sshd: -D` of netstat."""
    if found := re.match(r'users:\(\("([^"]*)"', owner):
        return found[1]
    return owner.partition("/")[2].split(":")[0].strip()
