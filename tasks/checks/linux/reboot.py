from collections.abc import Iterator

from tasks.checks import check
from tasks.checks.judging import Before, Limits, finding
from tasks.model import Finding, Output, Status

# Debian's update tools leave a file. On the RPM family the question is that of needs-restarting: was one of
# these packages (its list, and what older systems had) installed after the boot? The program itself loads all
# of yum or dnf for it, and older ones have no -r. Else the newest kernel decides; a container has none, and
# nothing to restart.
PROBE = """
if [ -e /var/run/reboot-required ]; then
  echo yes; cat /var/run/reboot-required.pkgs 2>/dev/null | sort -u | head -n 5
elif command -v rpm >/dev/null 2>&1 && ! command -v dpkg >/dev/null 2>&1; then
  rpm -q --qf '%{INSTALLTIME} %{NAME}-%{VERSION}-%{RELEASE}\\n' kernel kernel-core kernel-rt linux-firmware \
    microcode_ctl glibc systemd udev dbus dbus-daemon openssl-libs gnutls hal |
  awk -v boot="$(sed -n 's/^btime //p' /proc/stat)" '
    /^[0-9]+ / { answered = 1; if ($1 + 0 > boot + 0 && !seen[$2]++) since = since "\\n" $2 }
    END { print !answered || !boot ? "unsure" : since ? "yes" since : "no" }'
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
