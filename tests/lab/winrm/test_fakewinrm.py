"""The stand-in Windows against unmodified pypsrp. What it answers is synthetic."""

import concurrent.futures
import datetime
import json
import time

import pytest
import requests
from pypsrp.client import Client
from pypsrp.complex_objects import PSInvocationState
from pypsrp.exceptions import AuthenticationError, WinRMError, WinRMTransportError, WSManFaultError
from pypsrp.powershell import PowerShell, RunspacePool
from pypsrp.shell import Process, SignalCode, WinRS
from pypsrp.wsman import WSMan, WSManAction

from tests.lab.winrm.fakewinrm import FakeWindows, Hashtable, Reply, ps_object

IDENTIFY = (
    '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:i="http://schemas.dmtf.org/wbem/wsman/'
    'identity/1/wsmanidentity.xsd"><s:Header/><s:Body><i:Identify/></s:Body></s:Envelope>'
)
TRANSPORTS = [{"auth": "basic"}, {"auth": "basic", "ssl": True}, {}, {"ssl": True}, {"auth": "ntlm"}]


def ids(kw):
    return f"{kw.get('auth', 'negotiate')}-{'https' if kw.get('ssl') else 'http'}"


@pytest.fixture
def host():
    with FakeWindows("WEB01", {"Administrator": "P@ss:w0rd", "ops": "运维密码"}, https=True) as h:
        yield h
        assert not h.rule_errors


def url(host, scheme="http"):
    return f"{scheme}://127.0.0.1:{host.ports[scheme]}/wsman"


def run_ps(host, script, **kw):
    with Client(**host.client_args(**kw)) as client:
        return client.execute_ps(script)


def run_cmd(host, command, encoding="437", **kw):
    with Client(**host.client_args(**kw)) as client:
        return client.execute_cmd(command, encoding=encoding)


def wait_for(condition, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


# --- 1. WSMan -----------------------------------------------------------------------------------------------------
def test_identify_and_http_errors(host):
    anonymous = requests.post(url(host), IDENTIFY, headers={"WSMANIDENTIFY": "unauthenticated"})
    assert anonymous.status_code == 200 and "OS: 0.0.0 SP: 0.0 Stack: 3.0" in anonymous.text
    known = requests.post(url(host), IDENTIFY, auth=("Administrator", "P@ss:w0rd"))
    assert "OS: 10.0.17763" in known.text
    assert requests.post(url(host), IDENTIFY).status_code == 401
    assert requests.post(url(host) + "x", IDENTIFY).status_code == 404
    assert requests.get(url(host)).status_code == 405
    assert requests.post(url(host), "junk", auth=("Administrator", "P@ss:w0rd")).status_code == 400
    assert (
        requests.post(
            url(host, "https"), IDENTIFY, auth=("Administrator", "P@ss:w0rd"), verify=host.ca_file
        ).status_code
        == 200
    )
    with pytest.raises(requests.exceptions.SSLError):
        requests.post(url(host, "https"), IDENTIFY)


@pytest.mark.parametrize("kw", TRANSPORTS, ids=ids)
def test_transports(host, kw):
    host.on("Get-Date", output=["2024-01-01", "星期一"])
    host.on("^ver$", stdout="Microsoft Windows\r\n", stderr=b"warn", rc=7)
    out, streams, had_errors = run_ps(host, "Get-Date", **kw)
    assert out == "2024-01-01\n星期一" and not had_errors and not streams.error
    assert run_cmd(host, "ver", **kw) == ("Microsoft Windows\r\n", "warn", 7)
    assert [c.user for c in host.calls] == ["Administrator"] * 2
    assert [c.outcome for c in host.calls] == ["completed"] * 2 and not host.shells and not host.unmatched


@pytest.mark.parametrize("kw", TRANSPORTS, ids=ids)
def test_wrong_password_and_unknown_user(host, kw):
    for user, password in (("Administrator", "nope"), ("nobody", "P@ss:w0rd")):
        with pytest.raises(AuthenticationError):
            run_ps(host, "x", user=user, password=password, **kw)
    assert host.failed_logons == 2 and not host.calls


def test_user_name_forms_and_changed_password(host):
    host.on("whoami", lambda call: call.user)
    for name in ("administrator", "WEB01\\Administrator", ".\\Administrator"):
        for kw in ({"auth": "basic"}, {}):
            assert run_ps(host, "whoami", user=name, password="P@ss:w0rd", **kw)[0] == "Administrator"
    assert run_ps(host, "whoami", user="ops")[0] == "ops"
    host.users["ops"] = "new"
    with pytest.raises(AuthenticationError):
        run_ps(host, "whoami", user="ops", password="运维密码")


def test_unencrypted_refused():
    with FakeWindows(allow_unencrypted=False) as h:
        h.on("x", output="ok")
        assert run_ps(h, "x")[0] == "ok"  # encrypted
        with pytest.raises(AuthenticationError):
            run_ps(h, "x", auth="basic")
        with pytest.raises(WinRMTransportError):
            run_ps(h, "x", encryption="never")


def test_faults(host):
    with WSMan(**host.client_args()) as wsman:
        with pytest.raises(WSManFaultError) as e:
            wsman.invoke(WSManAction.GET, "http://schemas.microsoft.com/wbem/wsman/1/nothing", None)
        assert e.value.code == 2150858752 and "cannot find the resource" in e.value.reason
        with pytest.raises(WSManFaultError) as e:
            RunspacePool(wsman, configuration_name="No.Such").open()
        assert "No.Such session configuration" in e.value.reason
        shell = WinRS(wsman)
        shell.open()
        process = Process(shell, "sleep")
        host.on("sleep", hang=True)
        process.begin_invoke()
        with pytest.raises(WSManFaultError) as e:
            shell.receive("stdout stderr", process.id, timeout=1)
        assert e.value.code == 2150858793
        with pytest.raises(WSManFaultError):
            shell.receive("stdout stderr", "00000000-0000-0000-0000-000000000000")
        shell.close()
        shell.opened = True
        with pytest.raises(WSManFaultError) as e:
            shell.close()
        assert e.value.code == 2150858843


@pytest.mark.parametrize(
    "name,code", [("access_denied", 5), ("too_many_shells", 2150859173), ("internal", 2)]
)
def test_injected_faults(host, name, code):
    host.inject("Create", fault=name)
    host.on("x", output="ok")
    with pytest.raises(WSManFaultError) as e:
        run_ps(host, "x")
    assert e.value.code == code
    assert run_ps(host, "x")[0] == "ok"


def test_shell_quota():
    with FakeWindows(max_shells=2) as h, WSMan(**h.client_args()) as wsman:
        shells = [WinRS(wsman) for _ in range(3)]
        shells[0].open(), shells[1].open()
        with pytest.raises(WSManFaultError) as e:
            shells[2].open()
        assert e.value.code == 2150859173
        shells[0].close()
        shells[2].open()


# --- 2. PSRP ------------------------------------------------------------------------------------------------------
def test_streams_and_error_records(host):
    host.on(
        "mixed",
        output=["one", 2],
        warnings=["警告"],
        verbose=["v"],
        debug=["d"],
        information=["i"],
        errors=[
            "boom",
            {
                "message": "no such service",
                "id": "NoServiceFoundForGivenName,Get-Service",
                "category": "ObjectNotFound",
                "target": "svc",
                "type": "Microsoft.PowerShell.Commands.ServiceCommandException",
            },
        ],
    )
    out, streams, had_errors = run_ps(host, "mixed")
    assert out == "one\n2"
    assert not had_errors  # as with Windows: non-terminating errors leave the pipeline Completed
    assert [str(e) for e in streams.error] == ["boom", "no such service"]
    record = streams.error[1]
    assert (record.fq_error, record.category, record.target_name) == (
        "NoServiceFoundForGivenName,Get-Service",
        13,
        "svc",
    )
    assert [str(w) for w in streams.warning] == ["警告"]
    assert [str(v) for v in streams.verbose] == ["v"] and [str(d) for d in streams.debug] == ["d"]
    assert [str(i.message_data) for i in streams.information] == ["i"]


def test_terminating_error_and_unknown_command(host):
    host.on(
        "fail",
        output=["before"],
        throw={"message": "拒绝访问", "id": "Denied", "category": "PermissionDenied"},
    )
    out, streams, had_errors = run_ps(host, "fail")
    assert (out, had_errors) == ("before", True)
    assert str(streams.error[0]) == "拒绝访问" and streams.error[0].fq_error == "Denied"
    assert host.calls[-1].outcome == "failed"
    out, streams, had_errors = run_ps(host, "Get-Nothing -X 1")
    assert "The term 'Get-Nothing' is not recognized" in str(streams.error[0]) and not had_errors
    assert host.unmatched == ["Get-Nothing -X 1"]
    out, _, code = run_cmd(host, "nothing /?")
    assert code == 1 and len(host.unmatched) == 2


def test_objects(host):
    now = datetime.datetime(2024, 5, 6, 7, 8, 9, tzinfo=datetime.UTC)
    host.on(
        "objects",
        output=[
            {
                "Name": "W3SVC",
                "Deps": ["HTTP", "WAS"],
                "Nested": {"Pid": 4, "Big": 2**40, "F": 1.5, "N": None},
            },
            ps_object(
                {"Status": "Running"},
                "System.ServiceProcess.ServiceController",
                to_string="W3SVC",
                adapted=True,
            ),
            Hashtable(a=1),
            True,
            b"\x00\xff",
            now,
        ],
    )
    with WSMan(**host.client_args()) as wsman, RunspacePool(wsman) as pool:
        first, service, table, true, raw, when = PowerShell(pool).add_script("objects").invoke()
    assert first.extended_properties["Name"] == "W3SVC" and first.extended_properties["Deps"] == [
        "HTTP",
        "WAS",
    ]
    assert first.types[0] == "System.Management.Automation.PSCustomObject"
    assert first.extended_properties["Nested"].extended_properties == {
        "Pid": 4,
        "Big": 2**40,
        "F": 1.5,
        "N": None,
    }
    assert service.adapted_properties["Status"] == "Running" and str(service) == "W3SVC"
    assert service.types[0] == "System.ServiceProcess.ServiceController"
    assert (table, true, bytes(raw)) == ({"a": 1}, True, b"\x00\xff")
    assert "2024-05-06T07:08:09" in str(when).replace(" ", "T")


def test_runspace_pool(host):
    seen = []
    host.on(r"Get-Service -Name (\S+)", lambda call: seen.append(call) or call.match[1])
    host.on("takes args", lambda call: list(call.args) + list(call.read_input()))
    host.on("secret", lambda call: str(call.commands[0][1][0][1]))
    with WSMan(**host.client_args()) as wsman, RunspacePool(wsman, min_runspaces=1, max_runspaces=3) as pool:
        assert pool.get_available_runspaces() == 3
        pool.max_runspaces = 5
        pool.reset_runspace_state()
        assert pool.is_alive()
        ps = PowerShell(pool).add_cmdlet("Get-Service").add_parameter("Name", "W3SVC")
        assert ps.invoke() == ["W3SVC"] and ps.state == PSInvocationState.COMPLETED
        ps.close()
        assert seen[0].commands == [("Get-Service", [("Name", "W3SVC")])]
        ps = PowerShell(pool).add_script("takes args").add_argument("参数").add_argument(3)
        assert ps.invoke(input=(x for x in ["甲", "b"])) == ["参数", 3, "甲", "b"]
        long = "takes args #" + "x" * 1_000_000  # a script in several fragments
        assert PowerShell(pool).add_script(long).add_argument(1).invoke() == [1]
        pool.exchange_keys()
        from pypsrp.complex_objects import ObjectMeta

        value = pool.serialize("机密", ObjectMeta("SS"))
        assert PowerShell(pool).add_cmdlet("secret").add_parameter("P", value).invoke() == ["机密"]
    assert not host.shells


def test_environment_reaches_the_call(host):
    host.on("env", lambda call: call.env["LANG"])
    with Client(**host.client_args()) as client:
        assert client.execute_ps("env", environment={"LANG": "zh"})[0] == "zh"
        assert client.execute_cmd("env", environment={"LANG": "zh"})[0] == "zh"
    assert len(host.calls) == 2


@pytest.mark.parametrize("rule", [{"hang": True}, {"output": list(range(1000)), "interval": 0.05}])
def test_stop(host, rule):
    host.on("forever", **rule)
    with WSMan(**host.client_args(operation_timeout=1)) as wsman, RunspacePool(wsman) as pool:
        ps = PowerShell(pool).add_script("forever")
        ps.begin_invoke()
        ps.poll_invoke()
        assert ps.state == PSInvocationState.RUNNING
        ps.stop()
        assert ps.state == PSInvocationState.STOPPED and host.calls[0].outcome == "stopped"
        host.on("short", output="next")
        assert PowerShell(pool).add_script("short").invoke() == ["next"]


def test_stream_in_pieces(host):
    def slow(call):
        for i in range(3):
            call.write(f"step {i}")
            call.warning(f"w{i}")
            call.sleep(0.1)
        return "end"

    host.on("slow", slow)
    with WSMan(**host.client_args()) as wsman, RunspacePool(wsman) as pool:
        ps = PowerShell(pool).add_script("slow")
        ps.begin_invoke()
        counts = []
        while ps.state == PSInvocationState.RUNNING:
            ps.poll_invoke()
            counts.append(len(ps.output))
        assert ps.output == ["step 0", "step 1", "step 2", "end"] and len(set(counts)) > 1


def test_big_output(host):
    big, lines = "中" * 350_000, [f"行 {i:05d} " + "x" * 40 for i in range(20_000)]
    host.on("one", output=big)
    host.on("many", output="\n".join(lines))
    host.on("objects", output=[{"I": i, "T": "文" * 100} for i in range(1500)])
    with WSMan(**host.client_args()) as wsman, RunspacePool(wsman) as pool:
        assert PowerShell(pool).add_script("one").invoke() == [big]
        objects = PowerShell(pool).add_script("objects").invoke()
        assert [o.extended_properties["I"] for o in objects] == list(range(1500))
    assert sum(r[1] == "Receive" for r in host.requests) >= 4
    assert run_ps(host, "many")[0].splitlines()[19_999] == lines[-1]
    host.on("^type", stdout=(data := bytes(range(256)) * 4096), rc=0)
    with WSMan(**host.client_args(ssl=True)) as wsman, WinRS(wsman) as shell:
        process = Process(shell, "type", ["big.bin"])
        process.invoke()
        assert process.stdout == data and host.calls[-1].script == "type big.bin"


# --- 3. WinRS -----------------------------------------------------------------------------------------------------
def test_code_pages(host):
    host.on("^ipconfig", stdout="以太网适配器 €\r\n", encoding="gbk")
    host.on("^raw", stdout=b"\xd6\xd0\xce\xc4", stderr="错误".encode("gbk"), rc=1)
    host.on("^page", stdout="中文")
    assert run_cmd(host, "ipconfig", encoding="gbk")[0].startswith("以太网适配器")
    assert run_cmd(host, "raw", encoding="gbk") == ("中文", "错误", 1)
    with WSMan(**host.client_args()) as wsman:
        for page, expected in ((936, "中文".encode("gbk")), (65001, "中文".encode()), (None, b"??")):
            with WinRS(wsman, codepage=page) as shell:
                process = Process(shell, "page")
                process.invoke()
                assert process.stdout == expected
    host.codepage = "cp936"
    assert run_cmd(host, "page", encoding="cp936")[0] == "中文"


@pytest.mark.parametrize("rc", [0, 1, 255, 3010, -1073741510, 4294967295])
def test_exit_codes(host, rc):
    host.on("^exit", rc=rc)
    assert run_cmd(host, "exit") == ("", "", rc)


def test_cmd_stdin_and_ctrl_c(host):
    host.on("^sort", lambda call: Reply(stdout=b"".join(sorted(call.read_input()))))
    host.on("^ping", hang=True, stdout="Reply\r\n")
    with WSMan(**host.client_args(operation_timeout=1)) as wsman, WinRS(wsman) as shell:
        process = Process(shell, "sort")
        process.begin_invoke()
        process.send(b"b\r\n", end=False)
        process.send(b"a\r\n", end=True)
        process.end_invoke()
        assert process.stdout == b"a\r\nb\r\n"
        process = Process(shell, "ping", ["-t", "x"])
        process.begin_invoke()
        process.poll_invoke()
        process.signal(SignalCode.CTRL_C)
        process.end_invoke()
        assert (process.stdout, process.rc) == (b"Reply\r\n", -1073741510) and host.calls[
            -1
        ].outcome == "stopped"


# --- 4. copy and fetch ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("size", [0, 10, 1_500_000])
def test_copy_and_fetch(host, tmp_path, size):
    (tmp_path / "src").write_bytes(data := (b"\x00\x01\xfe\xff" * (size // 4 + 1))[:size])
    with Client(**host.client_args()) as client:
        assert client.copy(str(tmp_path / "src"), "C:\\临时\\a.bin") == "C:\\临时\\a.bin"
        assert host.files["c:/临时/A.BIN"] == data
        assert client.copy(str(tmp_path / "src"), "rel.bin") == "C:\\Users\\Administrator\\Documents\\rel.bin"
        if size:  # pypsrp cannot fetch an empty file, from Windows either
            client.fetch("C:\\临时\\a.bin", str(tmp_path / "dst"))
            assert (tmp_path / "dst").read_bytes() == data
        with pytest.raises(WinRMError, match="does not exist"):
            client.fetch("C:\\none", str(tmp_path / "dst"))


# --- 5. time-outs, dropped connections, hangs -------------------------------------------------------------------------
def test_operation_timeout_is_retried(host):
    host.on("slow", delay=2.5, stdout="done")
    out = run_ps(host, "slow", operation_timeout=1, read_timeout=5)[0]
    assert out == "done" and [r[3] for r in host.requests if r[1] == "Receive"].count(500) == 2
    assert "done" in run_cmd(host, "slow", operation_timeout=1, read_timeout=5)[0]


@pytest.mark.parametrize("kw", [{}, {"auth": "basic"}, {"ssl": True}], ids=ids)
def test_read_timeout_loses_nothing(host, kw):
    """pypsrp repeats a Receive whose answer did not come in time; the repeated message gets the same data."""
    host.on("slow", delay=2, output=["a", "b"])
    out = run_ps(host, "slow", operation_timeout=30, read_timeout=1, reconnection_backoff=0.1, **kw)[0]
    assert out == "a\nb"


def test_hang_of_one_request(host):
    host.on("x", output="ok")
    host.inject("Create", hang=True)
    with pytest.raises(requests.ReadTimeout):
        run_ps(host, "x", read_timeout=1, operation_timeout=1)
    host.on("y", hang="http", at="Command")
    with pytest.raises(requests.ReadTimeout):
        run_ps(host, "y", auth="basic", read_timeout=1, operation_timeout=1)
    # With encryption the context dies with the connection: pypsrp's closing Delete gets 400, and that hides the cause.
    with pytest.raises(WinRMTransportError) as e:
        run_ps(host, "y", read_timeout=1, operation_timeout=1)
    assert e.value.code == 400
    host.on("z", hang="http")  # a Receive that never answers is repeated: the next one works
    assert run_cmd(host, "z", read_timeout=1, operation_timeout=1, reconnection_backoff=0.1) == ("", "", 0)
    assert run_ps(host, "x")[0] == "ok"


def test_hang_forever_is_ended_by_the_client(host):
    host.on("hang", hang=True)
    with WSMan(**host.client_args(operation_timeout=1)) as wsman, RunspacePool(wsman) as pool:
        ps, deadline = PowerShell(pool).add_script("hang"), time.monotonic() + 2
        ps.begin_invoke()
        while ps.state == PSInvocationState.RUNNING and time.monotonic() < deadline:
            ps.poll_invoke(timeout=1)
        assert ps.state == PSInvocationState.RUNNING
    assert host.calls[0].outcome == "aborted"  # by the Delete


@pytest.mark.parametrize("kw", [{}, {"ssl": True}, {"auth": "basic"}], ids=ids)
@pytest.mark.parametrize("drop", ["before", "mid", "after"])
@pytest.mark.parametrize("at", ["Command", "Receive"])
def test_dropped_connection(host, at, drop, kw):
    host.on("x", output="y" * 100_000, drop=drop, at=at, times=1)
    encrypted = kw == {}  # see test_hang_of_one_request
    with pytest.raises(WinRMTransportError if encrypted else requests.exceptions.RequestException) as e:
        run_ps(host, "x", **kw)
    assert (
        e.value.code == 400
        if encrypted
        else isinstance(e.value, (requests.ConnectionError, requests.exceptions.ChunkedEncodingError))
    )
    host.on("x", output="ok")
    assert run_ps(host, "x", **kw)[0] == "ok"
    assert len(host.calls) == 2


def test_shell_survives_a_dropped_answer(host):
    """A product may reconnect and poll on (pypsrp itself does not); what the lost answer held is lost."""
    host.on("job", stdout="result", drop="mid", times=1)
    with WSMan(**host.client_args(auth="basic")) as wsman, WinRS(wsman) as shell:
        process = Process(shell, "job")
        process.begin_invoke()
        with pytest.raises(requests.exceptions.RequestException):
            process.poll_invoke()
        process.end_invoke()
        assert process.rc == 0


def test_fault_during_receive(host):
    host.on("x", fault="aborted")
    with pytest.raises(WSManFaultError) as e:
        run_ps(host, "x")
    assert e.value.code == 995


def test_http_status_and_retries(host):
    host.on("x", output="ok")
    for status in (503, 502):  # pypsrp's reconnection_retries never repeats a POST because of its status
        host.inject("*", status=status)
        with pytest.raises(WinRMTransportError):
            run_ps(host, "x", reconnection_retries=3, reconnection_backoff=0.05)
    host.down()
    host.after(0.5, host.up)  # but it does repeat a refused connection
    assert run_ps(host, "x", reconnection_retries=5, reconnection_backoff=0.2)[0] == "ok"
    host.inject("Command", delay=0.3)
    begin = time.monotonic()
    assert run_ps(host, "x")[0] == "ok" and time.monotonic() - begin > 0.3


def test_twenty_concurrent_clients(host):
    def answer(call):
        call.sleep(0.2)
        return [call.match[1], "中" * 5000]

    host.on(r"job (\d+)", answer)
    host.on(r"^cmd (\d+)", lambda call: call.match[1])

    def work(i):
        kw = TRANSPORTS[i % len(TRANSPORTS)]
        return run_ps(host, f"job {i}", **kw)[0].split()[0], run_cmd(host, f"cmd {i}", **kw)[0]

    with concurrent.futures.ThreadPoolExecutor(20) as executor:
        assert list(executor.map(work, range(20))) == [(str(i), str(i)) for i in range(20)]
    assert len(host.calls) == 40 and not host.shells


def test_many_clients_while_the_host_goes_down_and_up(host):
    host.on("work", lambda call: call.sleep(0.02) or "done")
    results = []

    def work(_):
        for _ in range(8):
            try:
                results.append(
                    run_ps(host, "work", connection_timeout=2, read_timeout=2, operation_timeout=1)[0]
                )
            except (requests.exceptions.RequestException, WinRMError):
                results.append(None)
                time.sleep(0.1)

    with concurrent.futures.ThreadPoolExecutor(10) as executor:
        jobs = [executor.submit(work, i) for i in range(10)]
        for _ in range(3):
            time.sleep(0.2)
            host.down()
            time.sleep(0.1)
            host.up()
        for job in jobs:
            job.result(timeout=30)
    assert results.count("done") > 10 and run_ps(host, "work")[0] == "done" and not host.shells


def test_two_hosts_same_user_different_password():
    with FakeWindows("A", {"admin": "one"}) as a, FakeWindows("B", {"admin": "two"}) as b:
        for h in (a, b):
            h.on("hostname", lambda call: call.host.name)
        assert [run_ps(h, "hostname")[0] for h in (a, b)] == ["A", "B"]
        with pytest.raises(AuthenticationError):
            run_ps(a, "hostname", password="two")


# --- 6. behaviour -------------------------------------------------------------------------------------------------
def test_services_with_state(host):
    host.state.update(W3SVC="Running")

    def control(call):
        verb, name = call.match[1].lower(), call.match[2].upper()
        if name not in call.host.state:
            return Reply(
                errors=[
                    {
                        "message": f"Cannot find any service with service name '{name}'.",
                        "category": "ObjectNotFound",
                        "target": name,
                    }
                ]
            )
        if verb == "get":
            return {"Name": name, "Status": call.host.state[name]}
        call.host.state[name] = "StopPending" if verb == "stop" else "StartPending"
        call.host.after(
            0.3, lambda: call.host.state.update({name: "Stopped" if verb == "stop" else "Running"})
        )
        return None

    host.on(r"(Get|Stop|Start)-Service\s+'?(\w+)", control)

    def status(pool, script="Get-Service W3SVC"):
        return PowerShell(pool).add_script(script).invoke()[0].extended_properties["Status"]

    with WSMan(**host.client_args()) as wsman, RunspacePool(wsman) as pool:
        assert status(pool) == "Running"
        PowerShell(pool).add_script("Stop-Service 'W3SVC'").invoke()
        assert status(pool) == "StopPending"
        time.sleep(0.5)
        assert status(pool) == "Stopped"
        ps = PowerShell(pool).add_script("Get-Service Nope")
        assert ps.invoke() == [] and "Cannot find" in str(ps.streams.error[0])


def test_scheduled_task_leaves_a_json_file(host, tmp_path):
    path = "C:\\ProgramData\\ops\\result.json"
    host.on(
        "Start-ScheduledTask",
        lambda call: call.host.after(
            0.3, lambda: call.host.files.__setitem__(path, json.dumps({"ok": True, "消息": "完成"}))
        ),
    )
    host.on(
        r"Get-Content.*'(.+?)'",
        lambda call: (
            call.host.files[call.match[1]].decode()
            if call.match[1] in call.host.files
            else Reply(errors=["Cannot find path"])
        ),
    )
    run_ps(host, "Start-ScheduledTask -TaskName ops")
    assert run_ps(host, f"Get-Content -Raw '{path}'")[1].error
    time.sleep(0.5)
    assert json.loads(run_ps(host, f"Get-Content -Raw '{path}'")[0]) == {"ok": True, "消息": "完成"}
    with Client(**host.client_args()) as client:
        client.fetch(path, str(tmp_path / "r.json"))
    assert json.loads((tmp_path / "r.json").read_text())["ok"]


@pytest.mark.parametrize(
    "mode,error",
    [
        ("refuse", requests.ConnectionError),
        ("hang", requests.ReadTimeout),
        ("timeout", requests.ConnectTimeout),
    ],
)
def test_reboot(host, mode, error):
    host.on("LastBootUpTime", lambda call: call.host.boot_time.isoformat())
    host.on("Restart-Computer", lambda call: call.host.reboot(down=1.5, after=0.3, mode=mode))
    host.on("forever", hang=True)
    args = {"connection_timeout": 1, "read_timeout": 1, "operation_timeout": 1}
    with WSMan(**host.client_args()) as wsman, RunspacePool(wsman) as pool:
        before, ports = PowerShell(pool).add_script("LastBootUpTime").invoke()[0], dict(host.ports)
        PowerShell(pool).add_script("Restart-Computer -Force").invoke()
        with pytest.raises(requests.exceptions.RequestException):
            PowerShell(pool).add_script("forever").invoke()
        pool.state = 3  # nothing left to close
    wait_for(lambda: host.calls[-1].outcome == "aborted")
    with pytest.raises(error):
        run_ps(host, "LastBootUpTime", **args)
    deadline = time.monotonic() + 60
    while True:
        try:
            after = run_ps(host, "LastBootUpTime", **args)[0]
            break
        except requests.exceptions.RequestException:
            assert time.monotonic() < deadline
            time.sleep(0.1)
    assert after > before and host.boots == 2 and host.ports == ports and host.is_up


def test_rules_order_users_times_and_log(host):
    host.on("who", output="everyone")
    host.on("who", output="only ops", user="ops")
    host.on("who", output="once", times=1)
    host.on("who", output="cmd", kind="cmd")
    assert run_ps(host, "who")[0] == "once"
    assert run_ps(host, "who")[0] == "everyone"
    assert run_ps(host, "who", user="ops")[0] == "only ops"
    assert run_cmd(host, "who")[0] == "cmd\r\n"
    assert [(c.user, c.kind, c.script) for c in host.calls] == [
        ("Administrator", "ps", "who"),
        ("Administrator", "ps", "who"),
        ("ops", "ps", "who"),
        ("Administrator", "cmd", "who"),
    ]
    assert all(c.ended >= c.started for c in host.calls)


def test_a_bug_in_a_rule_is_an_error_not_a_hang(host):
    host.on("bug", lambda call: 1 / 0)
    _out, streams, had_errors = run_ps(host, "bug")
    assert had_errors and "ZeroDivisionError" in str(streams.error[0])
    assert "ZeroDivisionError" in run_cmd(host, "bug")[1]
    assert len(host.rule_errors) == 2
    host.rule_errors.clear()
