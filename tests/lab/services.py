"""A system of three hosts under real systemd: nginx → a small application → MariaDB, under contract.

What the lab says of it (`System.state`) is seen on the hosts themselves and over plain sockets, past the
product. Every order that reaches a service manager or `did` is counted on its host.
"""

import contextlib
import http.client
import json
import os
import secrets
import signal
import socket
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tasks.inventory.credentials import variable
from tests.lab import network
from tests.lab.hosts import Lab, LabHost, lab
from tests.lab.inspected import Inspected, entry

PACKAGES = ("mariadb-server", "nginx-light", "python3-minimal", "python3-pymysql")
WEB, APP, DB = "WEB", "APP", "DB"
HOSTS = (WEB, APP, DB)
# Service of each host, its processes and its port.
SERVICES = {
    WEB: ("nginx", "nginx: ", 80),
    APP: ("app", "/opt/app.py", 8080),
    DB: ("mariadb", "mariadbd", 3306),
}
DATABASE, CREDENTIAL, ACCOUNT = "OADB", "oa-db", "opsproof"
ARRIVED = "/var/log/arrived"
PATIENCE = 60

COUNTING = f"""\
#!/bin/sh
case $1 in start|stop|restart) echo "$1 $2" >>{ARRIVED};; esac
exec /usr/bin/systemctl "$@"
"""
# What may not be done twice: each time it was, is a line.
DID = f"""\
#!/bin/sh
echo "$1" >>{ARRIVED}
sleep "${{2:-0}}"
echo "$1" >>/var/log/did
"""
NGINX = """\
server {{
  listen 80;
  location / {{ proxy_pass http://{app}:8080; proxy_connect_timeout 2s; proxy_read_timeout 5s; }}
}}
"""
UNIT = """\
[Unit]
After=network.target
[Service]
ExecStartPre=/bin/rm -f /run/app.drain
ExecStart=/usr/bin/python3 /opt/app.py
Environment=PYTHONUNBUFFERED=1
"""
APPLICATION = """\
import http.server, json, os, signal, sys
import pymysql
said = json.load(open("/etc/app.json"))
if said.get("stubborn"):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if said.get("child") and not os.fork():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        signal.pause()
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        try:
            who = {"host": said["db"], "user": "app", "password": said["password"]}
            with pymysql.connect(**who, connect_timeout=2) as base, base.cursor() as cursor:
                cursor.execute("SELECT COUNT(*) FROM app.papers")
                body, code = f"healthy, {cursor.fetchone()[0]} papers", 200
        except Exception as problem:
            body, code = f"no database: {type(problem).__name__}", 503
        self.send_response(code)
        self.end_headers()
        self.wfile.write(body.encode())
    def log_message(self, *words):
        pass
server = http.server.ThreadingHTTPServer(("", 8080), Answer)
with open("/var/log/app.log", "a") as log:
    log.write("ready\\n")
server.serve_forever()
"""
OPTIONS = """\
[mysqld]
bind-address = 0.0.0.0
skip-name-resolve
innodb_flush_log_at_trx_commit = 0
innodb_buffer_pool_size = 24M
innodb_log_file_size = 8M
performance_schema = OFF
"""


@dataclass(frozen=True, slots=True)
class State:
    """Of one service, as its host has it. `answers`: over the network, as it should."""

    processes: int
    listens: bool
    answers: bool

    @property
    def stopped(self) -> bool:
        return not self.processes and not self.listens

    @property
    def runs(self) -> bool:
        return self.processes > 0 and self.listens and self.answers


@dataclass
class System:
    made: Lab
    folder: Path
    product: Inspected
    password: str = field(default_factory=lambda: secrets.token_hex(8), repr=False)

    def host(self, name: str) -> LabHost:
        return self.made.host(1 + HOSTS.index(name))

    def install(self) -> None:
        for name in HOSTS:
            host = self.host(name)
            host.write("/usr/local/bin/systemctl", COUNTING)
            host.write("/usr/local/bin/did", DID)
            host.run(f"chmod 755 /usr/local/bin/*; : >{ARRIVED}; rm -f /etc/nginx/sites-enabled/default")
            host.run("systemctl disable --now nginx mariadb mariadb.socket mariadb-extra.socket", check=False)
        self._database()
        host = self.host(APP)
        self.application()
        host.write("/opt/app.py", APPLICATION)
        host.write("/etc/systemd/system/app.service", UNIT)
        host.run("systemctl daemon-reload")
        self.host(WEB).write("/etc/nginx/conf.d/oa.conf", NGINX.format(app=host.address))
        self.bring("start")

    def _database(self) -> None:
        host = self.host(DB)
        host.write("/etc/mysql/mariadb.conf.d/99-lab.cnf", OPTIONS)
        # A server that systemd would start again at the first knock is none that can be stopped.
        host.run("systemctl mask mariadb.socket mariadb-extra.socket; rm -rf /var/lib/mysql/*")
        host.run("mariadb-install-db --user=mysql --skip-test-db >/dev/null; systemctl start mariadb")
        statements = (
            "CREATE DATABASE app",
            "CREATE TABLE app.papers (id INT PRIMARY KEY AUTO_INCREMENT, title VARCHAR(100))",
            "INSERT INTO app.papers (title) VALUES ('one'), ('two')",
            f"CREATE USER app@'%' IDENTIFIED BY '{self.password}'",
            "GRANT ALL ON app.* TO app@'%'",
            f"CREATE USER {ACCOUNT}@'%' IDENTIFIED BY '{self.password}'",
            f"GRANT PROCESS ON *.* TO {ACCOUNT}@'%'",
        )
        host.run("mariadb", stdin="".join(f"{one};\n" for one in statements))

    def application(self, **said: Any) -> None:
        """What the application reads when it starts."""
        given = {"db": self.host(DB).address, "password": self.password, **said}
        self.host(APP).write("/etc/app.json", json.dumps(given))

    def bring(self, to: str) -> None:
        """Past the product, as its counters do not see it."""
        for name in HOSTS if to == "stop" else reversed(HOSTS):
            self.host(name).run(f"/usr/bin/systemctl {to} {SERVICES[name][0]}")
        if to == "start":
            until = time.monotonic() + PATIENCE
            while not all(one.runs for one in self.state().values()):
                assert time.monotonic() < until, self.state()
                time.sleep(0.1)

    # What is true.

    def state(self) -> dict[str, State]:
        return {name: self._state(name) for name in HOSTS}

    def _state(self, name: str) -> State:
        _, pattern, port = SERVICES[name]
        host = self.host(name)
        lines = host.run(
            f"pgrep -fc -- '[{pattern[0]}]{pattern[1:]}'; ss -Hltn 'sport = :{port}' | wc -l", check=False
        ).split()
        return State(int(lines[0]), int(lines[1]) > 0, self._answers(host.address, port))

    def _answers(self, address: str, port: int) -> bool:
        with self.made.inside(), contextlib.suppress(OSError, http.client.HTTPException):
            if port == SERVICES[DB][2]:
                with socket.create_connection((address, port), 3) as greeting:
                    return len(greeting.recv(16)) > 5
            connection = http.client.HTTPConnection(address, port, timeout=8)
            with contextlib.closing(connection):
                connection.request("GET", "/")
                answer = connection.getresponse()
                return answer.status == 200 and b"healthy" in answer.read()
        return False

    def arrived(self, name: str) -> list[str]:
        """Every order its host was sent, by the product."""
        return self.host(name).run(f"cat {ARRIVED}").splitlines()

    def forget(self) -> None:
        for name in HOSTS:
            self.host(name).run(f": >{ARRIVED}; : >/var/log/did")

    # What goes wrong.

    def freeze(self, name: str, how: signal.Signals = signal.SIGSTOP) -> None:
        """Every process of the host; it still answers pings, and nothing else. SIGCONT thaws it."""
        for pid in network.processes([self.host(name).namespace]):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, how)


def services(system: System, **more: Mapping[str, Any]) -> dict[str, Any]:
    """`playbooks/services/oa.yml`; `more`: what a service says differently."""
    limits = {"start_within": "30s", "stop_within": "20s"}
    return {
        "name": "oa",
        "title": "试验办公系统",
        "purpose": "节假日按依赖顺序停止和启动",
        "contract": "lab",
        "approval": "none",
        "services": [{**one, **limits, **more.get(one["name"], {})} for one in entries(system)],
    }


def entries(system: System) -> list[dict[str, Any]]:
    web, app = (f"http://{system.host(name).address}" for name in (WEB, APP))
    return [
        {
            "name": "web",
            "on": [WEB],
            "service": "nginx",
            "process": "nginx: ",
            "needs": ["app"],
            "healthy": [{"port": 80, "is": "open"}, {"http": f"{web}/", "says": "healthy"}],
            "silent": [{"port": 80, "is": "closed"}],
        },
        {
            "name": "app",
            "on": [APP],
            "service": "app",
            "process": "/opt/app.py",
            "needs": ["db"],
            "drain": "touch /run/app.drain; sleep 1",
            "healthy": [
                {"http": f"{app}:8080/", "says": "healthy"},
                {"log": "/var/log/app.log", "says": "ready"},
            ],
            "silent": [{"port": 8080, "is": "closed"}],
        },
        {
            "name": "db",
            "on": [DB],
            "service": "mariadb",
            "process": "mariadbd",
            "healthy": [{"sql": "SELECT 1", "says": "1", "database": DATABASE}],
            "silent": [{"port": 3306, "is": "closed"}],
        },
    ]


@contextlib.contextmanager
def system(folder: Path) -> Iterator[System]:
    """Running and under contract, with `oa-stop` and `oa-start`."""
    folder.mkdir(parents=True, exist_ok=True)
    with lab(3, 3, packages=PACKAGES) as made:
        built = System(made, folder, Inspected(made, folder))
        built.install()
        environment = built.product.environment
        environment[variable(CREDENTIAL, "user")] = ACCOUNT
        environment[variable(CREDENTIAL, "password")] = built.password
        database = {"name": DATABASE, "host": DB, "address": built.host(DB).address, "purpose": "业务库"}
        built.product.contract(
            "lab",
            [entry(built.host(name), name=name, login_seconds=8) for name in HOSTS],
            databases=[{"engine": "mysql", "credential": CREDENTIAL, "databases": [database]}],
        )
        write(built, services(built))
        yield built


def write(built: System, said: Mapping[str, Any], kind: str = "services") -> None:
    """JSON is YAML."""
    path = built.folder / "playbooks" / kind / f"{said['name']}.yml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(said, ensure_ascii=False), "utf-8")
