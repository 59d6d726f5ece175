import base64
import binascii
import hashlib
import re
from collections.abc import Iterator

from tasks.checks import check
from tasks.checks.baselines import compared
from tasks.checks.judging import Before, Limits, finding, unknown
from tasks.model import Finding, Number, Output, Status

# Nothing but the shell itself: a process for each account would be the dearest probe of all.
PROBE = r"""
seen=:
while IFS=: read -r name _ uid _ _ home shell || [ -n "$name" ]; do
  case $name in ''|\#*) continue;; esac
  printf 'account %s:%s:%s\n' "$name" "$uid" "$shell"
  case $seen in *":$home:"*) continue;; esac
  seen=$seen$home:
  for file in "$home/.ssh/authorized_keys" "$home/.ssh/authorized_keys2"; do
    [ -r "$file" ] && [ -f "$file" ] || continue
    while IFS= read -r line || [ -n "$line" ]; do
      case $line in ''|\#*) ;; *) printf 'key %s %s\n' "$name" "$line";; esac
    done <"$file"
  done
done </etc/passwd
[ -r /etc/shadow ] && echo "all keys" || echo "own keys"
"""
ACCOUNT = re.compile(r"account ([^:\s]+):(\d{0,10}|-?\d{1,10}):([^:]*)", re.ASCII)
KEY = re.compile(r"key (\S+) (.*)")
# Options, kind, key, comment.
PUBLIC = re.compile(
    r"(?:(?P<options>.+?)[ \t]+)?(?P<kind>(?:ssh|ecdsa|sk-ssh|sk-ecdsa)-\S+)[ \t]+"
    r"(?P<key>[A-Za-z0-9+/=]+)(?:[ \t].*)?",
    re.ASCII,
)


@check(
    "linux.accounts",
    title="本地账户与登录公钥",
    topics=("accounts", "security"),
    probe=PROBE,
    baseline=("accounts", "keys"),
)
def accounts(output: Output, limits: Limits, before: Before) -> Iterator[Finding]:
    *lines, last = [line for line in output.lines if line.strip()]
    if last not in ("all keys", "own keys"):
        raise ValueError(last)
    people: list[tuple[str, ...]] = []
    keys = set()
    for line in lines:
        if found := ACCOUNT.fullmatch(line):
            people.append(found.groups())
        elif found := KEY.fullmatch(line):
            if found[2].strip():  # an empty line written on Windows holds a carriage return
                keys.add(f"{found[1]} {fingerprint(found[2])}")
        else:
            raise ValueError(line)
    if not people:
        raise ValueError(output.text)
    extra = [name for name, uid, _ in people if uid.strip("0") == "" and uid and name != "root"]
    yield finding(
        "UID 0 账户",
        Status.FAIL if extra else Status.OK,
        f"除 root 外还有：{'、'.join(extra)}" if extra else "只有 root",
        Number("uid0", len(extra), "个"),
        advice="立即核对该账户由谁建立；确属需要的，改用 sudo 并确认为已知问题",
    )
    items = {f"{name} uid={uid} {shell}".strip() for name, uid, shell in people}
    yield from compared("accounts", "本地账户", items, before)
    if last == "own keys":
        yield unknown("登录公钥", "采集账户无权查看其他账户的公钥")
    else:
        yield from compared("keys", "登录公钥", keys, before, worst=Status.FAIL)


def fingerprint(line: str) -> str:
    """As `ssh-keygen -l` gives it; with what it is limited to, since a limit taken away is a change."""
    found = PUBLIC.fullmatch(line.strip())
    try:
        if found is None:
            raise ValueError(line)
        digest = hashlib.sha256(base64.b64decode(found["key"], validate=True)).digest()
    except (ValueError, binascii.Error):
        return "unreadable SHA256:" + hashlib.sha256(line.encode("utf-8", "replace")).hexdigest()[:43]
    text = f"{found['kind']} SHA256:{base64.b64encode(digest).decode().rstrip('=')}"
    return f"{text} [{found['options']}]" if found["options"] else text
