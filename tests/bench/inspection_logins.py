"""Ways to log in and kinds of output, for `make show-inspection`: a real sshd, sudo and shell each."""

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from tasks.model import Output
from tasks.transports import open_transport
from tests.bench.show import Item
from tests.lab.base import NOISE
from tests.lab.hosts import LabHost, lab, missing
from tests.lab.inspected import Inspected, alarms, entry, summary
from tests.lab.product import access, host_of
from tests.lab.systems import DEBIAN, KYLIN_SERVER, RHEL_8

Work = Callable[[LabHost], object]
MIB = 2**20
FULL = "数据盘"


def nothing(host: LabHost) -> None:
    pass


def profile(account: str, file: str, text: str) -> Work:
    return lambda host: host.write(f"/home/{account}/{file}", text)


def full_disk_named_in_gbk(host: LabHost) -> None:
    name = "".join(f"\\{byte:03o}" for byte in f"/{FULL}".encode("gbk"))
    mount = 'mkdir "$d" && mount -t tmpfs -o size=1m tmpfs "$d" && head -c 1048576 /dev/zero >"$d/x"'
    host.run(f"d=$(printf '{name}') && {mount}")


def binary_key(host: LabHost) -> None:
    host.run("head -c 5000 /dev/urandom >>/root/.ssh/authorized_keys2")


@dataclass(frozen=True, slots=True)
class Way:
    """`refused`: the reason its one finding has to give. `less`: what this account may not see."""

    name: str
    entry: Mapping[str, object]
    ready: Work = nothing
    refused: str = ""
    less: frozenset[tuple[str, str]] = field(default_factory=frozenset)


def ways() -> tuple[Way, ...]:
    not_root = frozenset({("linux.accounts", "登录公钥"), ("linux.kernel", "内核日志")})
    noisy, big = "echo Welcome\necho a warning\n", f"head -c {10 * MIB} /dev/zero | tr '\\0' x\n"
    return (
        Way("root by its key", {}),
        Way("sudo without a password", {"credential": "ops", "sudo": True}),
        Way("sudo with a password", {"credential": "ops-password", "sudo": True}),
        Way("sudo refused", {"credential": "ops-refused", "sudo": True}, refused="sudoers"),
        Way("login shell bash, no sudo", {"credential": "ops-refused"}, less=not_root),
        Way("login shell tcsh, no sudo", {"credential": "ops-tcsh"}, less=not_root),
        Way("login shell tcsh, sudo", {"credential": "ops-tcsh", "sudo": True}),
        Way(
            "noisy .bashrc, sudo",
            {"credential": "ops-noisy", "sudo": True},
            profile("ops-noisy", ".bashrc", NOISE),
        ),
        Way(
            "noisy .cshrc, sudo",
            {"credential": "ops-tcsh", "sudo": True},
            profile("ops-tcsh", ".cshrc", noisy),
        ),
        Way(
            ".bashrc that prints 10 MiB", {"credential": "ops", "sudo": True}, profile("ops", ".bashrc", big)
        ),
        Way(
            ".bashrc that prints binary",
            {"credential": "ops", "sudo": True},
            profile("ops", ".bashrc", "head -c 100000 /dev/urandom\n"),
        ),
        Way("binary where a key should be", {}, binary_key),
    )


def logins() -> Iterator[Item]:
    if why := missing():
        raise RuntimeError(why)
    all_ways = ways()
    with (
        tempfile.TemporaryDirectory() as folder,
        lab(len(all_ways) + 1, systems=(DEBIAN, KYLIN_SERVER, RHEL_8)) as made,
    ):
        *hosts, gbk = made.hosts
        for way, host in zip(all_ways, hosts, strict=True):
            way.ready(host)
        full_disk_named_in_gbk(gbk)
        entries = [entry(host, **way.entry) for way, host in zip(all_ways, hosts, strict=True)]
        product = Inspected(made, Path(folder))
        product.contract("lab", [*entries, entry(gbk, encoding="gbk")])
        run = product.inspect()
        for way, host in zip(all_ways, hosts, strict=True):
            yield inspected(way, run, host.name, hosts[0].name)
        yield in_gbk(run, gbk.name)
        os.environ.update({key: text for key, text in product.environment.items() if "OPSPROOF" in key})
        with made.inside():
            yield from kinds_of_output(hosts[0], gbk)


def inspected(way: Way, run: Mapping[str, Any], name: str, root: str) -> Item:
    """As much as root by its key is told, and nothing that could not be looked at but what is expected."""
    seen, whole = (
        {one["check"] for one in run["findings"] if one["target"] == host} for host in (name, root)
    )
    unknown = {one for one in alarms(run, [name])[name] if one[2] == "unknown"}
    if way.refused:
        reach = ("reach", "全部", "unknown")
        said = summary(run, name, reach) if reach in unknown else "reached"
        return Item(way.name, said, f"unknown, {way.refused}", way.refused in said and seen == {"reach"})
    said = "; ".join(f"{one[0]} {one[1]}: {summary(run, name, one)}" for one in sorted(unknown))
    measured = f"{len(seen)} checks answered, {len(unknown)} unknown {said}".strip()
    target = f"{len(whole)}, {len(way.less)} unknown"
    return Item(way.name, measured, target, seen == whole and {one[:2] for one in unknown} == way.less)


def in_gbk(run: Mapping[str, Any], name: str) -> Item:
    found = {one for one in alarms(run, [name])[name] if one[0] == "linux.disk"}
    told = "; ".join(f"{one[1]} {one[2]}" for one in sorted(found))
    wanted = {("linux.disk", f"/{FULL}", "fail")}
    return Item("full disk whose name is in GBK", told, f"/{FULL} fail", found == wanted)


def ask(host: LabHost, script: str, **fields: object) -> Output:
    return open_transport(host_of(host, **fields), access(host.lab)).run(script, timedelta(seconds=60))


def kinds_of_output(host: LabHost, gbk: LabHost) -> Iterator[Item]:
    size = 10 * MIB
    for name, source in (("text", "/dev/zero | tr '\\0' x"), ("binary", "/dev/urandom")):
        host.run(f"head -c {size} {source} >/root/big".replace("\\\\", "\\"))
        digest = host.run("sha256sum /root/big").split()[0]
        for way, fields in (("key", {}), ("sudo", {"credential": "ops-password", "sudo": True})):
            answer = ask(host, "cat /root/big", **fields)
            same = hashlib.sha256(answer.raw).hexdigest() == digest and not answer.failure
            seconds = answer.duration.total_seconds()
            measured = f"{len(answer.raw)} bytes, {'the same' if same else 'others'}, {seconds:.1f} s"
            yield Item(f"10 MiB of {name}, {way}", measured, f"{size} bytes, the same", same)
    said = "磁盘已满，请清理"
    octal = "".join(f"\\{byte:03o}" for byte in said.encode("gbk"))
    text = ask(gbk, f"printf '{octal}'; printf '{octal}' >&2", encoding="gbk")
    yield Item(
        "GBK on both streams",
        f"{text.text} {text.stderr}",
        f"{said} {said}",
        text.text == text.stderr == said,
    )


SHOWS = [logins]
