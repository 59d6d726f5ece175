"""Every kind of step against the real thing: services, ports, pages, databases, logs in other encodings."""

import contextlib
import http.server
import os
import signal
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tasks.databases.asking import opened
from tasks.errors import OpsError
from tasks.home import Home
from tasks.inventory.credentials import Keyring
from tasks.model import Database, Host, Instance, Target
from tasks.playbooks import ACTIONS, CONDITIONS, NotDone, Sent, Site
from tasks.playbooks.service_control import MANAGERS
from tasks.transports import Access
from tests.lab import mariadb, postgresql
from tests.lab.hosts import Lab

HERE = Host(contract="lab", part="app", name="HERE", os="linux", transport="local")


class Tried:
    """One kind at a time, with what it sent."""

    def __init__(self, home: Home, access: Access | None = None) -> None:
        self.sent: list[Sent] = []
        self.targets: dict[str, Target] = {"HERE": HERE}
        self.home, self.access = home, access or Access(Keyring(home))

    @property
    def site(self) -> Site:
        return Site(
            home=self.home,
            contract="lab",
            targets=self.targets,
            access=self.access,
            sent=self.sent.append,
        )

    def do(self, target: Target = HERE, limit: float = 20, **said: Any) -> None:
        action = ACTIONS.all()[next(iter(said))]()
        settings = action.Settings.model_validate(said)
        assert action.shown(settings, target)
        action.do(settings, target, self.site, timedelta(seconds=limit))

    def see(self, target: Target = HERE, **said: Any) -> str:
        condition = CONDITIONS.all()[next(iter(said))]()
        settings = condition.Settings.model_validate(said)
        assert condition.shown(settings, target)
        return condition.see(settings, target, self.site).holds.value

    def after(self, what: Any, target: Target = HERE, **said: Any) -> str:
        """A condition with a memory: `what` happens after its mark was taken."""
        condition: Any = CONDITIONS.all()[next(iter(said))]()
        settings = condition.Settings.model_validate(said)
        mark = condition.mark(settings, target, self.site)
        what()
        return str(condition.since(settings, target, self.site, mark).holds.value)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "var", tmp_path / "inventories")


@pytest.fixture
def tried(home: Home) -> Tried:
    return Tried(home)


def is_(value: str, **said: Any) -> dict[str, Any]:
    return {**said, "is": value}


# Services that no manager knows, and one that SysV does.

DAEMON = """\
import os, signal, sys, time
if os.path.exists(sys.argv[1] + "/stubborn"):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
time.sleep(60)
"""


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[dict[str, Any]]:
    """Its scripts return 0 whatever comes of it; with a file `stubborn` it does not heed SIGTERM."""
    program, pid = tmp_path / "demo.py", tmp_path / "pid"
    program.write_text(DAEMON)
    started = f"setsid {sys.executable} {program} {tmp_path} </dev/null >/dev/null 2>&1"
    start = f"{started} & echo $! >>{pid}; sleep 0.3"
    scripts = {"start": start, "stop": f"kill $(tail -n 1 {pid}); true", "status": f"pgrep -f {program}"}
    yield {"service": "demo", "how": "script", "scripts": scripts, "process": str(program)}
    for number in pid.read_text().split() if pid.exists() else ():
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(number), signal.SIGKILL)


def test_a_script_that_returns_0_while_its_process_stays_has_not_stopped_it(
    tried: Tried, daemon: dict[str, Any], tmp_path: Path
) -> None:
    assert tried.see(**is_("stopped", **daemon)) == "yes"
    tried.do(**daemon, to="running")
    assert (tried.see(**is_("running", **daemon)), tried.see(**is_("stopped", **daemon))) == ("yes", "no")
    tried.do(**daemon, to="stopped")
    assert tried.see(**is_("stopped", **daemon)) == "yes"
    (tmp_path / "stubborn").touch()
    tried.do(**daemon, to="running")
    tried.do(**daemon, to="stopped")
    assert tried.sent[-2].exit_code == 0 or tried.sent[-1].exit_code == 0
    assert tried.see(**is_("stopped", **daemon)) == "no"


def test_a_command_that_never_ends_is_not_done(tried: Tried) -> None:
    with pytest.raises(NotDone):
        tried.do(command="sleep 30", limit=0.5)
    with pytest.raises(NotDone, match="退出码 3"):
        tried.do(command="echo bad >&2; exit 3")


INIT = """\
#!/bin/sh
case $1 in
start) touch /run/demo;; stop) rm -f /run/demo;;
status) [ -e /run/demo ] && exit 0; [ -e /run/demo.died ] && exit 1; exit 3;;
esac
"""


def test_a_service_of_sysv_on_a_host(tried: Tried, small_lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    host = small_lab.host(2)
    host.write("/etc/init.d/demo", INIT)
    host.run("chmod 755 /etc/init.d/demo")
    for script, expected in (
        (question("demo"), "stopped"),
        ("service demo start", ""),
        (question("demo"), "running"),
    ):
        assert host.run(script).strip() == expected
    host.run("service demo stop; touch /run/demo.died")
    assert host.run(question("demo")).strip() == "failed"
    assert host.run(question("nobody")).strip() == "absent"


def question(name: str) -> str:
    return MANAGERS["sysv"].question(name)


# Ports and pages.


class Answering(http.server.BaseHTTPRequestHandler):
    asked: list[tuple[str, str, bytes]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.asked.append((self.command, self.path, body))
        self.send_response(404 if "nowhere" in self.path else 200)
        self.end_headers()
        self.wfile.write("节点已摘除".encode())

    do_GET = do_POST

    def log_message(self, *words: object) -> None:
        pass


@pytest.fixture
def page() -> Iterator[str]:
    Answering.asked.clear()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_ports_and_pages_are_seen_as_they_are(tried: Tried, page: str) -> None:
    port = int(page.rpartition(":")[2])
    assert tried.see(port=port, **is_("open")) == "yes"
    assert tried.see(http=f"{page}/", says="已摘除") == "yes"
    assert tried.see(http=f"{page}/", says="已加入") == "no"
    assert tried.see(http=f"{page}/nowhere") == "no"
    free = mariadb.free_port()
    assert tried.see(port=free, **is_("closed")) == "yes" and tried.see(port=free, **is_("open")) == "no"
    assert tried.see(http=f"http://127.0.0.1:{free}/") == "no"


def test_a_request_is_sent_once_and_held_against_its_status(tried: Tried, page: str) -> None:
    tried.do(http=f"{page}/nodes/1?state=down", body='{"reason": "补丁"}')
    assert Answering.asked == [("POST", "/nodes/1?state=down", '{"reason": "补丁"}'.encode())]
    assert tried.sent[0].exit_code == 200 and "摘除" in tried.sent[0].said
    with pytest.raises(NotDone, match="404"):
        tried.do(http=f"{page}/nowhere", method="GET")
    with pytest.raises(NotDone):
        tried.do(http=f"http://127.0.0.1:{mariadb.free_port()}/")


# Databases.


@pytest.fixture(scope="module")
def maria(tmp_path_factory: pytest.TempPathFactory) -> Iterator[mariadb.Server]:
    if why := mariadb.missing():
        pytest.skip(why)
    with mariadb.server(tmp_path_factory.mktemp("maria")) as made:
        made.sql("CREATE DATABASE app", "CREATE TABLE app.flags (name VARCHAR(20), said INT)")
        made.sql("INSERT INTO app.flags VALUES ('open', 1)", "GRANT SELECT, UPDATE ON app.* TO opsproof@'%'")
        yield made


def test_a_statement_changes_mariadb_and_the_session_reads_only_again(
    tried: Tried, maria: mariadb.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(mariadb.variable(mariadb.CREDENTIAL, "user"), mariadb.ACCOUNT)
    monkeypatch.setenv(mariadb.variable(mariadb.CREDENTIAL, "password"), mariadb.PASSWORD)
    target = maria.target()
    tried.targets["MY-01"] = target
    asked = {"sql": "SELECT said FROM app.flags", "says": "^0$"}
    assert tried.see(target, **asked) == "no"
    tried.do(target, sql="UPDATE app.flags SET said = 0")
    assert tried.see(target, **asked) == "yes" and tried.sent[-1].said == "1 行"
    assert tried.see(HERE, **asked, database="MY-01") == "yes"
    with pytest.raises(NotDone, match="denied"):
        tried.do(target, sql="DELETE FROM app.flags")
    with opened(target, tried.access) as (member,):
        assert member.session is not None
        member.session.write("UPDATE app.flags SET said = 2", 5)
        with pytest.raises(OpsError):
            member.session.ask("UPDATE app.flags SET said = 3", 5)
        assert member.session.ask("SELECT @@tx_read_only AS only_reads", 5).rows[0]["only_reads"] == 1


@pytest.fixture(scope="module")
def postgres() -> Iterator[postgresql.Server]:
    if why := postgresql.missing():
        pytest.skip(why)
    with postgresql.server() as made:
        made.sql("CREATE TABLE public.flags (said int)", "INSERT INTO public.flags VALUES (1)")
        made.sql(f"GRANT SELECT, UPDATE ON public.flags TO {postgresql.ACCOUNT}")
        yield made


def test_a_statement_changes_postgresql_and_the_session_reads_only_again(
    home: Home, postgres: postgresql.Server
) -> None:
    tried, target = Tried(home, postgresql.access()), postgresql.target(postgres)
    tried.do(target, sql="UPDATE public.flags SET said = 0")
    assert tried.see(target, sql="SELECT said FROM public.flags", says="^0$") == "yes"
    with opened(target, tried.access) as (member,):
        assert member.session is not None
        assert member.session.write("UPDATE public.flags SET said = 2", 5) == 1
        with pytest.raises(OpsError, match="read-only"):
            member.session.ask("UPDATE public.flags SET said = 3", 5)


def test_postgresql_is_stopped_and_started_where_it_has_no_unit(
    home: Home, postgres: postgresql.Server
) -> None:
    tried = Tried(home, postgresql.access())
    here = Instance(name="db", host="here")
    target = replace(postgresql.target(postgres), instances=(here,), data=str(postgres.data))
    tried.targets = {"here": postgresql.HERE, target.name: target}
    unit = {"unit": "opsproof-no-such-unit"}
    assert tried.see(target, engine="running", **unit) == "yes"
    tried.do(target, engine="stopped", **unit)
    assert postgres.process is not None and postgres.process.wait(10) == 0
    assert (tried.see(target, engine="stopped", **unit), tried.see(target, engine="running", **unit)) == (
        "yes",
        "no",
    )
    tried.do(target, engine="running", **unit)
    assert tried.see(target, engine="running", **unit) == "yes"
    tried.do(target, engine="stopped", **unit)
    with pytest.raises(NotDone, match="no-unit"):
        tried.do(replace(target, data="/nowhere"), engine="running", **unit)
    postgres.start()


# Made up after the documentation of sqlplus: no Oracle can be had here.
SQLPLUS = """\
#!/bin/bash
while read -r line; do
  case $line in
  startup*) [ -e {home}/broken ] && {{ echo "ORA-00205: error in identifying control file"; continue; }}
    mkfifo {home}/fifo; setsid bash -c 'exec -a ora_pmon_TRY1 cat <>{home}/fifo' >/dev/null 2>&1 &
    echo "$line, database opened"; sleep 0.3;;
  "shutdown immediate") pkill -f "^ora_pmon_TRY1"; rm -f {home}/fifo; echo "ORACLE instance shut down.";;
  exit) exit 0;;
  esac
done
"""


def test_oracle_by_a_sqlplus_that_is_made_up(tried: Tried, tmp_path: Path) -> None:
    program = tmp_path / "bin" / "sqlplus"
    program.parent.mkdir()
    program.write_text(SQLPLUS.format(home=tmp_path))
    program.chmod(0o755)
    said = {"sid": "TRY1", "home": str(tmp_path)}
    instance = Instance(name="try", host="HERE")
    target = Database(contract="lab", part="db", name="ORA", engine="oracle", instances=(instance,))
    assert tried.see(target, engine="stopped", **said) == "yes"
    (tmp_path / "broken").touch()
    with pytest.raises(NotDone, match="ORA-00205"):
        tried.do(target, engine="running", **said)
    (tmp_path / "broken").unlink()
    tried.do(target, engine="running", **said)
    assert tried.see(target, engine="stopped", **said) == "no"
    # It runs, and nobody can log in: that is no database that runs.
    assert tried.see(target, engine="running", **said) == "no"
    sent = len(tried.sent)
    tried.do(target, engine="running", **said)
    assert len(tried.sent) == sent + 1  # a look alone
    tried.do(target, engine="stopped", **said)
    assert tried.see(target, engine="stopped", **said) == "yes"
    with pytest.raises(NotDone, match="no-program"):
        tried.do(target, engine="running", **{**said, "home": "/nowhere"})


# Logs.


@pytest.mark.parametrize("encoding", ["utf-8", "gbk"])
def test_a_line_in_the_encoding_of_its_host(tried: Tried, tmp_path: Path, encoding: str) -> None:
    """The second byte of the first character of the pattern is a backslash in GBK."""
    host = replace(HERE, encoding=encoding)
    log = tmp_path / "日志.log"
    path = tmp_path / os.fsdecode("日志.log".encode(encoding))
    said = {"log": str(log), "says": "^\\[INFO] 誠功[0-9]+$"}

    def write(text: str) -> None:
        with path.open("ab") as file:
            file.write(text.encode(encoding))

    write("[INFO] 誠功1\n")
    assert tried.after(lambda: write("[INFO] 失败2\n"), host, **said) == "no"
    assert tried.after(lambda: write("[INFO] 誠功3\n"), host, **said) == "yes"


def test_a_log_that_may_not_be_read_or_comes_only_later(tried: Tried, tmp_path: Path) -> None:
    log = tmp_path / "later.log"
    assert tried.after(lambda: log.write_text("up\n"), log=str(log), says="up") == "yes"
    assert tried.after(lambda: None, log=str(tmp_path / "never.log"), says="up") == "no"
    # Cut to nothing and written anew in place.
    assert tried.after(lambda: log.write_text("up\n"), log=str(log), says="up") == "no"
    log.write_text("x" * 100)
    assert tried.after(lambda: log.write_text("up\n"), log=str(log), says="up") == "yes"
    with pytest.raises(OpsError):
        tried.after(lambda: None, replace(HERE, transport="nowhere"), log=str(log), says="up")
