import re
from collections.abc import Iterator

from tasks.checks import check
from tasks.checks.judging import Before, Limits, finding, unknown
from tasks.checks.linux.positions import READ_ON
from tasks.model import Finding, Number, Output, Status

# btmp grows by one record of a fixed size for each failed login, so most runs read nothing at all; who
# may not read it still sees its size. Records are 384 bytes, on 64-bit ARM 400.
PROBE = (
    READ_ON
    + r"""
echo now; who; echo failed
f=/var/log/btmp
if [ -e $f ]; then
  set -- $(stat -L -c '%i %s' $f); inode=$1 size=$2 how=same new=0 record=384
  if [ "$inode $size" != "$was_inode $was_size" ]; then
    case $(uname -m) in aarch64|arm64) record=400;; esac
    bytes=$size
    if [ -z "$was_inode" ]; then how=first
    elif [ "$inode" = "$was_inode" ]; then
      if [ "$size" -ge "$was_size" ]; then bytes=$((size - was_size)); else how=emptied; fi
    else
      how=lost
      for one in $f.[0-9] $f-[0-9]*; do
        [ -e "$one" ] || continue
        set -- $(stat -L -c '%i %s' "$one")
        if [ "$1" = "$was_inode" ] && [ "$2" -ge "$was_size" ]; then
          how=rotated; bytes=$((bytes + $2 - was_size)); break
        fi
      done
    fi
    new=$((bytes / record))
  fi
  echo "btmp $how $inode $size $new"
  if [ $new -gt 0 ] && [ -r $f ] && command -v lastb >/dev/null 2>&1; then
    lastb -w -n $((new < 500 ? new : 500)) 2>/dev/null | awk '
      /^$/ || /^btmp/ { next }
      { from = $3; if ($0 ~ /^ /) from = $2; by[from]++ }
      END { for (from in by) print "by", by[from], from }'
  fi
  exit
fi
for f in /var/log/secure /var/log/auth.log; do
  [ -e $f ] || continue
  place $f || { echo "denied $f"; exit; }
  placed $f
  fresh $f | awk '
    /Failed (password|publickey|keyboard-interactive)/ {
      n++; for (i = 1; i < NF; i++) if ($i == "from") by[$(i + 1)]++
    }
    END { print "count", n + 0; for (from in by) print "by", by[from], from }'
  exit
done
echo nothing
"""
)
BTMP = re.compile(
    r"btmp (same|first|rotated|emptied|lost) (\d{1,20}) (\d{1,15}) (\d{1,12})\n((?:by \d+ .*\n)*)", re.ASCII
)
AUTH = re.compile(
    r"placed (same|first|rotated|emptied|lost) (\d{1,15}) (\d{1,20}) (\d{1,15}) (\d{1,3}) (\d+ \d+)\n"
    r"count (\d{1,9})\n((?:by \d+ .*\n)*)",
    re.ASCII,
)
NOTES = {
    "same": "",
    "first": "（首次，全部现存记录）",
    "rotated": "（记录已轮转，均已计入）",
    "emptied": "（记录被清空过）",
    "lost": "（记录已轮转，旧文件已不在）",
}
SUBJECT = "失败登录"
WHO = re.compile(r"\S+ +\S+ +\S.*\d\d?:\d\d.*")


@check("linux.logins", title="登录", topics=("logins",), probe=PROBE, limits={"failed": (10, 100)})
def logins(output: Output, limits: Limits, before: Before) -> Iterator[Finding]:
    now, mark, failed = output.text.partition("failed\n")
    head, *people = now.splitlines()
    if not mark or head != "now" or not all(WHO.fullmatch(one) for one in people if one.strip()):
        raise ValueError(output.text)
    names = [one.split()[0] for one in people if one.strip()]
    listed = f"：{'、'.join(sorted(set(names)))}" if names else ""
    yield finding("当前登录", Status.OK, f"{len(names)} 个会话{listed}", Number("sessions", len(names), "个"))
    if found := BTMP.fullmatch(failed):
        yield counted(
            found[1], int(found[4]), found[5], {"inode": found[2], "size": found[3]}, limits, before
        )
    elif found := AUTH.fullmatch(failed):
        marks = dict(zip(("inode", "size", "span", "sum"), found.groups()[2:6], strict=True))
        yield counted(found[1], int(found[7]), found[8], marks, limits, before)
    elif failed.strip() == "nothing":
        yield unknown(SUBJECT, "没有 btmp、secure 或 auth.log")
    elif failed.startswith("denied "):
        yield unknown(SUBJECT, "采集账户无权读取登录日志")
    else:
        raise ValueError(failed)


def counted(how: str, count: int, by: str, marks: dict[str, str], limits: Limits, before: Before) -> Finding:
    """What lay there before anyone looked is no attack of last night: a first count never fails."""
    limit = limits.of("failed")
    level = limit.level(count)
    if how == "first" and level is Status.FAIL:
        level = Status.WARN
    sources = sorted(
        ((int(line.split()[1]), line.split()[2]) for line in by.splitlines() if len(line.split()) == 3),
        reverse=True,
    )
    told = "、".join(f"{source} {times} 次" for times, source in sources[:5])
    return finding(
        SUBJECT,
        level,
        f"自上次以来 {count} 次{NOTES[how]}" + (f"，来自 {told}" if told else ""),
        Number("failed", count, "次", limit.passed(count)),
        change=before.change(SUBJECT, "failed", count),
        advice="核对来源地址，疑似暴力破解时封禁来源、检查口令强度，并查看是否有成功登录",
        marks=marks,
    )
