import re
from collections.abc import Iterator

from tasks.checks import check
from tasks.checks.judging import Before, Limits, finding
from tasks.model import Finding, Number, Output, Status

# A dead server holds whoever asks it, sometimes beyond kill -9: so each mount is asked by a process in the
# background that holds no pipe of ours, all at once, and after three seconds nobody waits any more. One
# process each, no shell around it: what is ended then is the one that hangs. `/.`: a folder has to be there.
PROBE = r"""
fstab=; [ ! -r /etc/fstab ] || fstab=/etc/fstab
list=$(awk '
  BEGIN {
    remote = "^(nfs4?|cifs|smb3|smbfs|ncpfs|glusterfs|ceph|lustre|9p|davfs"
    remote = remote "|fuse[.](sshfs|curlftpfs|davfs|s3fs|glusterfs))$"
  }
  $1 ~ /^#/ { next }
  FILENAME == "/etc/fstab" {
    if (($3 ~ remote || $1 ~ /^curlftpfs#/) && $4 !~ /noauto/ && $2 ~ /^\//) planned[$2] = $3
    next
  }
  $3 ~ remote { print "mounted", $3, $2; delete planned[$2] }
  END { for (place in planned) print "absent", planned[place], place }' $fstab /proc/mounts)
jobs= n=0
set -f; IFS="
"
for line in $list; do
  state=${line%% *} place=${line#* }; kind=${place%% *} place=${place#* }
  [ "$state" = mounted ] || { printf '%s\n' "$line"; continue; }
  stat -f "$(printf '%b' "$place")/." </dev/null >/dev/null 2>&1 &
  jobs="$jobs$!:$kind:$place$IFS"
done
waited=0
for job in $jobs; do
  pid=${job%%:*} rest=${job#*:}; kind=${rest%%:*} place=${rest#*:}
  kill -0 $pid 2>/dev/null && sleep 0.1 2>/dev/null
  while kill -0 $pid 2>/dev/null && [ $waited -lt 3 ]; do sleep 1; waited=$((waited + 1)); done
  if kill -0 $pid 2>/dev/null; then kill -9 $pid; printf 'dead %s %s\n' "$kind" "$place"
  elif wait $pid; then printf 'alive %s %s\n' "$kind" "$place"
  else printf 'broken %s %s\n' "$kind" "$place"; fi
done
echo "end"
"""
LINE = re.compile(r"(alive|dead|broken|absent) ([\w.]+) (\S+)")
TOLD = {
    "alive": (Status.OK, "可以访问"),
    "dead": (Status.FAIL, "3 秒内没有应答"),
    "broken": (Status.FAIL, "无法访问"),
    "absent": (Status.FAIL, "/etc/fstab 中有，但没有挂载"),
}
ESCAPED = re.compile(r"\\(\d{3})", re.ASCII)


@check("linux.shares", title="网络挂载", topics=("mounts", "disk"), probe=PROBE, seconds=12)
def shares(output: Output, limits: Limits, before: Before) -> Iterator[Finding]:
    lines = [line for line in output.lines if line.strip()]
    if lines[-1:] != ["end"]:
        raise ValueError(output.text)
    for line in lines[:-1]:
        found = LINE.fullmatch(line)
        if found is None:
            raise ValueError(line)
        status, told = TOLD[found[1]]
        place = ESCAPED.sub(lambda code: chr(int(code[1], 8)), found[3])
        yield finding(
            place, status, f"{found[2]} 挂载：{told}", advice="核对对端服务和网络，恢复后重新挂载（mount -a）"
        )
    if len(lines) == 1:
        yield finding("网络挂载", Status.OK, "没有网络挂载", Number("mounts", 0, "个"))
