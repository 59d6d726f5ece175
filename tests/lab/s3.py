"""A real S3 server: Ceph's RADOS Gateway from Debian's packages, on free ports of loopback.

Its OSD keeps everything in memory: the gateway may be killed and started again, the whole is gone at the end.
"""

import contextlib
import json
import shutil
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.certificates import self_signed

PROGRAMS = ("ceph", "ceph-authtool", "ceph-mon", "ceph-osd", "monmaptool", "radosgw", "radosgw-admin")
START_SECONDS = 60
SIZE = 20 * 2**30
CAPS = {
    "mon.": {"mon": "allow *"},
    "client.admin": {"mon": "allow *", "osd": "allow *", "mgr": "allow *", "mds": "allow *"},
    "client.rgw": {"mon": "allow rw", "osd": "allow rwx", "mgr": "allow rw"},
    "osd.0": {"mon": "allow profile osd", "osd": "allow *"},
}
# What the first bucket and object would have to wait for, 2 s each.
POOLS = ("default.rgw.buckets.index", "default.rgw.buckets.data", "default.rgw.buckets.non-ec")
ACCESS, SECRET = "TESTACCESSKEY0000001", "testsecretkey0000000000000000000000000001"


def missing() -> str:
    gone = [name for name in PROGRAMS if shutil.which(name) is None]
    return f"not installed: {', '.join(gone)}" if gone else ""


def free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as held:
        probes = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [int(probe.getsockname()[1]) for probe in probes]


@dataclass
class Gateway:
    folder: Path
    port: int = 0
    tls_port: int = 0
    running: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)
    starter: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1))

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def tls_endpoint(self) -> str:
        return f"https://127.0.0.1:{self.tls_port}"

    @property
    def ca(self) -> Path:
        return self.folder / "cert.pem"

    def say(self, *command: str) -> str:
        """A program of Ceph's on this cluster, to its end."""
        program, *arguments = command
        done = subprocess.run(
            [program, "-c", str(self.folder / "ceph.conf"), *arguments],
            capture_output=True,
            text=True,
            timeout=START_SECONDS,
        )
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()[-500:]}")
        return done.stdout

    def make(self) -> None:
        """An empty cluster; nothing runs yet."""
        for name in ("mon", "osd", "log", "rgw", "crash"):
            (self.folder / name).mkdir()
        mon2, mon1, self.port, self.tls_port = free_ports(4)
        certificate, key = self_signed(self.folder, "127.0.0.1")
        (self.folder / "tls.pem").write_bytes(certificate.read_bytes() + key.read_bytes())
        fsid = str(uuid.uuid4())
        said = {"fsid": fsid, "mon1": mon1, "mon2": mon2, "port": self.port, "tls_port": self.tls_port}
        frame = Path(__file__).with_name("ceph.conf").read_text()
        (self.folder / "ceph.conf").write_text(frame.format(folder=self.folder, size=SIZE, **said))
        keyring, monmap = str(self.folder / "keyring"), str(self.folder / "monmap")
        for number, (name, caps) in enumerate(CAPS.items()):
            granted = [word for what, how in caps.items() for word in ("--cap", what, how)]
            made = [] if number else ["--create-keyring"]
            self.say("ceph-authtool", keyring, *made, "--gen-key", "-n", name, *granted)
        address = f"[v2:127.0.0.1:{mon2}/0,v1:127.0.0.1:{mon1}/0]"
        self.say("monmaptool", "--create", "--fsid", fsid, "--addv", "a", address, monmap)
        self.say("ceph-mon", "--mkfs", "-i", "a", "--monmap", monmap, "--keyring", keyring)

    def start(self) -> None:
        identity = str(uuid.uuid4())
        self.spawn("mon", "ceph-mon", "-i", "a")
        self.say("ceph", "osd", "new", identity, "0")
        self.say("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", identity)
        self.spawn("osd", "ceph-osd", "-i", "0")
        # A gateway that starts before would make its pools, and wait for them, one by one.
        self.until(
            "osd", lambda: '"active"' in self.say("ceph", "daemon", str(self.folder / "osd.0.asok"), "status")
        )
        self.start_gateway()
        self.user(ACCESS, SECRET)
        for pool in POOLS:
            self.say("ceph", "osd", "pool", "create", pool, "1", "1")
            self.say("ceph", "osd", "pool", "application", "enable", pool, "rgw")

    def start_gateway(self) -> None:
        self.spawn("rgw", "radosgw", "-n", "client.rgw")
        self.until("rgw", self.answers)

    def answers(self) -> bool:
        with socket.create_connection(("127.0.0.1", self.port), 1) as asking:
            asking.sendall(b"GET / HTTP/1.0\r\n\r\n")
            return asking.recv(12).startswith(b"HTTP/1")

    def kill(self, name: str = "rgw") -> None:
        """As a power cut would: SIGKILL."""
        process = self.running.pop(name)
        process.kill()
        process.wait()

    def stop(self) -> None:
        for name in ("rgw", "osd", "mon"):
            if name in self.running:
                self.kill(name)
        self.starter.shutdown()

    def spawn(self, name: str, *command: str) -> None:
        """In the foreground, and ended by the kernel when the thread that started it is: that one stays."""
        program, *arguments = command
        alone = ["setpriv", "--pdeathsig", "KILL", program, "-f", "-c", str(self.folder / "ceph.conf")]
        with (self.folder / "log" / f"{name}.out").open("ab") as output:
            said = {"stdin": subprocess.DEVNULL, "stdout": output, "stderr": output}
            self.running[name] = self.starter.submit(subprocess.Popen, [*alone, *arguments], **said).result()

    def until(self, name: str, ready: Callable[[], bool]) -> None:
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and self.running[name].poll() is None:
            with contextlib.suppress(OSError, RuntimeError):
                if ready():
                    return
            time.sleep(0.05)
        raise RuntimeError(
            f"{name} did not start: {(self.folder / 'log' / f'{name}.out').read_text()[-500:]}"
        )

    def admin(self, *words: str) -> str:
        return self.say("radosgw-admin", *words)

    def user(self, access: str, secret: str) -> None:
        keys = [f"--access-key={access}", f"--secret-key={secret}"]
        self.admin("user", "create", f"--uid={access}", "--display-name=test", *keys)

    def quota(self, bucket: str, size: int | None) -> None:
        """What a bucket may hold; None: anything. Seen by the gateway at once when it starts anew."""
        if size is None:
            self.admin("quota", "disable", "--quota-scope=bucket", f"--bucket={bucket}")
        else:
            self.admin("quota", "set", "--quota-scope=bucket", f"--bucket={bucket}", f"--max-size={size}")
            self.admin("quota", "enable", "--quota-scope=bucket", f"--bucket={bucket}")

    def client(self) -> Any:
        """To look at what a store did by other means than its own."""
        import boto3

        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id=ACCESS,
            aws_secret_access_key=SECRET,
            region_name="us-east-1",
        )

    def bucket(self, lock: bool = False) -> str:
        name = f"b-{uuid.uuid4().hex[:12]}"
        self.client().create_bucket(Bucket=name, ObjectLockEnabledForBucket=lock)
        return name

    def held(self, bucket: str) -> Sequence[dict[str, Any]]:
        """What lies there by the server's own account, unfinished uploads included."""
        listed: list[dict[str, Any]] = json.loads(self.admin("bucket", "list", f"--bucket={bucket}"))
        return listed


@contextmanager
def gateway() -> Iterator[Gateway]:
    # Not under pytest's own folders: the names of its sockets would be too long.
    folder = Path(tempfile.mkdtemp(prefix="opsproof-s3-", dir="/var/tmp"))
    made = Gateway(folder)
    try:
        made.make()
        made.start()
        yield made
    finally:
        made.stop()
        shutil.rmtree(folder, ignore_errors=True)
