import re
import shlex
import tomllib
from collections.abc import Iterator, Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from tasks.checks import check
from tasks.checks.judging import Before, Limits, finding, unknown
from tasks.model import Finding, Number, Output, Status

# Both sources raw: which one tells is decided afterwards, and the evidence keeps them.
PROBE = """
[ ! -r /etc/os-release ] || cat /etc/os-release
for file in /etc/kylin-release /etc/centos-release /etc/redhat-release /etc/system-release; do
  [ -r $file ] && read -r line <$file && { printf 'release=%s\\n' "$line"; break; }
done
[ ! -r /etc/.kyinfo ] || sed -n 's/^milestone=/kyinfo=/p' /etc/.kyinfo
for program in dnf yum apt-get; do
  command -v $program >/dev/null 2>&1 && { echo "packages=$program"; break; }
done
read -r kernel </proc/sys/kernel/osrelease && echo "kernel=$kernel"
"""

DATA = Path(__file__).with_name("releases.toml")


@cache
def releases() -> tuple[Mapping[str, Any], ...]:
    return tuple(tomllib.loads(DATA.read_text("utf-8"))["release"])


@check(
    "linux.release",
    title="操作系统版本",
    topics=("patch", "ledger"),
    probe=PROBE,
    limits={"days_left": (180, None)},
)
def release(output: Output, limits: Limits, before: Before) -> Iterator[Finding]:
    said = values(output)
    kernel = said["kernel"]
    identity = " ".join(said.get(key, "") for key in ("NAME", "VERSION_ID", "VERSION"))
    identity = f"{identity} like:{said.get('ID_LIKE', '')}" if identity.strip() else said["release"]
    known = next((one for one in releases() if re.search(one["match"], identity)), None)
    full = said.get("PRETTY_NAME") or said.get("release") or identity
    # CentOS 7 gives its minor release in the file only; Kylin its build.
    details = [
        full,
        said.get("release", ""),
        said.get("kyinfo", ""),
        f"内核 {kernel}",
        said.get("packages", ""),
    ]
    summary = "，".join(dict.fromkeys(detail for detail in details if detail))
    changed = bool(before.marks) and before.marks.get("kernel") != kernel
    change = f"内核由 {before.marks['kernel']} 变为 {kernel}" if changed and "kernel" in before.marks else ""
    marks = {"kernel": kernel}
    if known is None:
        yield unknown("版本", f"不认识的操作系统：{summary}")
    elif "until" not in known:
        words = "停止维护日期以厂商服务协议为准"
        yield finding("版本", Status.OK, f"{known['name']}，{words}；{summary}", change=change, marks=marks)
    else:
        yield dated(known["name"], known["until"], summary, output.started_at.date(), limits, change, marks)


def dated(
    name: str,
    until: date,
    summary: str,
    today: date,
    limits: Limits,
    change: str,
    marks: Mapping[str, str],
) -> Finding:
    left = (until - today).days
    limit = limits.of("days_left", falling=True)
    words = f"已于 {until} 停止维护" if left < 0 else f"维护至 {until}，剩 {left} 天"
    return finding(
        "版本",
        limit.level(left),
        f"{name} {words}；{summary}",
        Number("days_left", left, "天", limit.passed(left)),
        change=change,
        advice="不再有安全更新：制定升级或迁移计划，期间加强访问控制，或购买延长支持",
        marks=marks,
    )


def values(output: Output) -> dict[str, str]:
    """os-release is made of shell assignments."""
    found = {}
    for line in output.lines:
        name, equals, value = line.partition("=")
        if equals and re.fullmatch(r"\w+", name, re.ASCII):
            found[name] = " ".join(shlex.split(value)) if name.isupper() else value.strip()
    return found
