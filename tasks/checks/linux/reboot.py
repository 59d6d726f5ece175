from collections.abc import Iterator

from tasks.checks import check
from tasks.checks.judging import Before, Limits, finding
from tasks.model import Finding, Output, Status

# Debian's update tools leave a file; the RPM family has needs-restarting, which ends with 1 for "yes" and
# for its own errors alike; else the newest kernel decides. A container has none, and nothing to restart.
PROBE = """
if [ -e /var/run/reboot-required ]; then
  echo yes; cat /var/run/reboot-required.pkgs 2>/dev/null | sort -u | head -n 5
elif command -v needs-restarting >/dev/null 2>&1; then
  said=$(needs-restarting -r)
  case "$?$said" in 0*) echo no;; 1*"eboot is required"*) echo yes;; *) echo unsure;; esac
elif command -v rpm >/dev/null 2>&1 && rpm -q kernel >/dev/null 2>&1; then
  newest=$(rpm -q --last kernel | head -n 1 | cut -d' ' -f1); newest=${newest#kernel-}
  [ "$newest" = "$(uname -r)" ] && echo no || { echo yes; echo "kernel $newest"; }
else
  newest=$(ls /boot/vmlinuz-* 2>/dev/null | sort -V | tail -n 1); newest=${newest#/boot/vmlinuz-}
  [ "${newest:-$(uname -r)}" = "$(uname -r)" ] && echo no || { echo yes; echo "kernel $newest"; }
fi
"""


@check("linux.reboot", title="待重启", topics=("patch",), probe=PROBE)
def reboot(output: Output, limits: Limits, before: Before) -> Iterator[Finding]:
    verdict, *reasons = output.text.split("\n")[:6]
    reasons = [reason for reason in reasons if reason.strip()]
    match verdict:
        case "no":
            yield finding("待重启", Status.OK, "没有等待重启的更新")
        case "yes":
            yield finding(
                "待重启",
                Status.WARN,
                "已安装的更新需要重启才生效" + (f"：{'、'.join(reasons)}" if reasons else ""),
                advice="安排变更窗口重启，重启前确认业务可停",
            )
        case _:
            yield finding("待重启", Status.UNKNOWN, "未采集：系统没有给出明确答复", advice="登录主机人工核对")
