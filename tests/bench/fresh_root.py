"""From nothing to the first record: an empty Debian root, a clone, two commands, both timed.

The root is a debootstrap with python3, git and make; each run starts on a fresh overlay of it, in
mount and process namespaces of its own. What this machine itself uses to reach its package sources
(resolver, apt sources, certificates, pip configuration) is copied in, because a fresh machine of a
user has its own; pip's cache is warm, as the promise says.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.bench.show import Item

PROJECT = Path(__file__).resolve().parents[2]
WORK = Path("/var/tmp/opsproof-show")  # large, and kept between runs
SUITE = "bookworm"
PACKAGES = "python3,git,make,ca-certificates"
PORTS = {"OPSPROOF_UI_PORT": "4310", "OPSPROOF_PORTAL_PORT": "4311"}

# Runs inside the new mount and process namespaces: builds the root, then enters it.
ENTER = """
set -eu
cd "$WORK/mnt"
mount -t tmpfs tmpfs .
cd "$WORK/mnt"
mkdir upper work root
mount -t overlay overlay -o "lowerdir=$WORK/base,upperdir=upper,workdir=work" root
cd root
for path in /etc/resolv.conf /etc/hosts /etc/pip.conf /etc/ssl/certs/ca-certificates.crt; do
  [ -e "$path" ] && cp -L "$path" ".$path" || true
done
rm -rf etc/apt/sources.list etc/apt/sources.list.d
cp -r /etc/apt/sources.list* etc/apt/
cp /etc/apt/apt.conf.d/99* etc/apt/apt.conf.d/ 2>/dev/null || true
mount -t proc proc proc
mount --rbind /dev dev
mount --rbind /sys sys
# A machine's temporary folders lie on a disk; on an overlay no other overlay can be made.
rm -rf "$WORK/tmp" "$WORK/var-tmp"
mkdir -m 1777 "$WORK/tmp" "$WORK/var-tmp"
mount --bind "$WORK/tmp" tmp
mount --bind "$WORK/var-tmp" var/tmp
mkdir -p root/.cache src root/.config
[ -d /root/.config/pip ] && cp -r /root/.config/pip root/.config/ || true
mkdir -p "$WORK/cache"
mount --bind "$WORK/cache" root/.cache
mount --bind "$PROJECT" src
exec chroot . /bin/sh -eu -c "$INSIDE"
"""

UP = """
cd /root; git config --global --add safe.directory '*'; git clone -q /src opsproof; cd opsproof
start=$(date +%s%N)
make up >/tmp/up.log 2>/tmp/up.err & up=$!
until grep -q Ctrl-C /tmp/up.log; do
  kill -0 $up 2>/dev/null || { cat /tmp/up.log /tmp/up.err >&2; exit 1; }
  sleep 0.2
done
echo "seconds $(( ($(date +%s%N) - start) / 1000000 ))"
.venv/bin/opsproof record list --json >/tmp/records.json
.venv/bin/opsproof record verify >/dev/null
kill -TERM $up; wait $up || true  # make itself ends by the signal it got
echo "stopped $(grep -c '已全部停止' /tmp/up.err)"
# The brackets keep the pattern from finding this very script.
echo "left $(grep -l -a -E 'uvic[o]rn|flows.runn[e]r' /proc/[0-9]*/cmdline 2>/dev/null | wc -l)"
cat /tmp/records.json
"""

TEST = """
cd /root; git config --global --add safe.directory '*'; git clone -q /src opsproof; cd opsproof
start=$(date +%s%N)
{ make install-dev && deployments/test-packages.sh; } </dev/null >/tmp/install.log 2>&1 ||
  { cat /tmp/install.log >&2; exit 1; }
echo "install $(( ($(date +%s%N) - start) / 1000000 ))"
start=$(date +%s%N)
code=0; CI=true .ci/run </dev/null >/tmp/test.log 2>&1 || code=$?
echo "exit $code"; [ $code = 0 ] || tail -n 60 /tmp/test.log >&2
echo "seconds $(( ($(date +%s%N) - start) / 1000000 ))"
tail -n 1 /tmp/test.log
"""


def fresh_root() -> Iterator[Item]:
    if os.geteuid() or not shutil.which("debootstrap"):
        yield Item("fresh root", "needs root and debootstrap", "both there", False)
        return
    base()
    inside("make -C /src -n up >/dev/null")  # the root works before anything is timed
    warm()
    yield from up_items(inside(UP))
    yield from test_items(inside(TEST))


def base() -> None:
    folder = WORK / "base"
    if not (folder / ".complete").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        command = ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", SUITE, str(folder)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        (folder / ".complete").touch()
    (WORK / "mnt").mkdir(exist_ok=True)


def warm() -> None:
    inside("git config --global --add safe.directory '*'; cd /root; git clone -q /src o; cd o; make install")


def inside(script: str) -> str:
    """What `script` prints, run in a fresh overlay of the root."""
    passed = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_CERT"))}
    passed |= {name: value for name, value in os.environ.items() if name.lower().endswith("_proxy")}
    environment = {
        **passed,
        **PORTS,
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": "/root",
        "LANG": "C.UTF-8",
        "WORK": str(WORK),
        "PROJECT": str(PROJECT),
        "INSIDE": script,
    }
    command = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", ENTER]
    done = subprocess.run(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True
    )
    return done.stdout.decode()


def numbers(said: str) -> dict[str, int]:
    pairs = (line.split() for line in said.splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdecimal()}


def up_items(said: str) -> Iterator[Item]:
    values = numbers(said)
    records = json.loads(said[said.index("[") :])
    inspected = [one for one in records if one["routine"] == "inspection"]
    seconds = values["seconds"] / 1000
    name = "make up from a fresh clone to the first record (s)"
    ok = seconds <= 180 and len(inspected) == 1
    yield Item(name, f"{seconds:.0f} s, {len(inspected)} inspection record", "≤ 180 s, 1", ok)
    left, stopped = values["left"], values["stopped"]
    measured = f"{'said so' if stopped else 'did not say so'}, {left} processes left"
    yield Item("SIGTERM stops all of it", measured, "said so, none left", (stopped, left) == (1, 0))


def test_items(said: str) -> Iterator[Item]:
    values = numbers(said)
    seconds, last = values["seconds"] / 1000, said.strip().splitlines()[-1]
    yield Item(
        "make test green in a fresh root", f"exit {values['exit']}: {last}", "exit 0", values["exit"] == 0
    )
    note = f"{seconds:.0f} s (installing beforehand {values['install'] / 1000:.0f} s)"
    yield Item("make test, package installation aside (s)", note, "≤ 900 s", seconds <= 900)


if __name__ == "__main__":
    from tests.bench.show import show

    raise SystemExit(show([fresh_root]))
