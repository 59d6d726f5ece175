"""Logs of jump hosts, whatever wrote them."""

import json
from datetime import datetime, timedelta

import pytest

from tasks import clock
from tasks.errors import Refused
from tasks.sessions.imports import Columns, Imported, Log, decoded, sessions_of
from tasks.sessions.imports.moments import moment
from tasks.sessions.imports.typescript import is_timing
from tasks.sessions.screen import prompted

AT = clock.parse("2026-11-20T09:00:00")


def log(name: str, text: str, **more: object) -> Log:
    said = {"host": "WEB-01", "by": "张三", **more}
    return Log(name=name, raw=text.encode(), text=text, **said)  # type: ignore[arg-type]


def texts(found: Imported) -> list[str]:
    return [one.text for one in found.operations]


SCREEN = "[root@web ~]# uptime\r\n 10:00 up\r\n[root@web ~]# df -h\r\n/ 20%\r\n[root@web ~]# exit\r\n"


def test_a_cast_tells_commands_by_its_prompts_and_never_reads_what_was_typed() -> None:
    lines = [
        {"version": 2, "width": 80, "timestamp": int(AT.timestamp())},
        [0.5, "i", "hunter2\r"],
        [1, "o", SCREEN[:60]],
        [3, "o", SCREEN[60:]],
    ]
    (found,) = sessions_of(log("x.cast", "\n".join(map(json.dumps, lines)) + "\n"))
    assert texts(found) == ["uptime", "df -h", "exit"] and found.started_at == AT
    assert found.operations[2].at == AT + timedelta(seconds=3)
    assert found.operations[0].size == len(" 10:00 up\n") and found.ended_at == AT + timedelta(seconds=3)


def test_a_cast_of_ours_tells_its_commands_itself() -> None:
    lines = [{"version": 2}, [1, "o", SCREEN], [2, "m", "uptime"]]
    (found,) = sessions_of(log("x.cast", "\n".join(map(json.dumps, lines)), at=AT))
    assert texts(found) == ["uptime"]


def test_a_typescript_with_and_without_its_times() -> None:
    head = 'Script started on 2026-11-20 09:00:00+08:00 [TERM="xterm" COLUMNS="80" LINES="24"]\n'
    (found,) = sessions_of(log("typescript", head + SCREEN))
    assert texts(found) == ["uptime", "df -h", "exit"] and found.started_at == AT
    timing = f"0.5 {len(SCREEN[:25])}\n2.0 {len(SCREEN[25:])}\n"
    assert is_timing(timing) and not is_timing(SCREEN)
    (found,) = sessions_of(log("typescript", head + SCREEN, timing=timing))
    assert found.operations[0].at == AT + timedelta(seconds=0.5)
    assert found.operations[1].at == AT + timedelta(seconds=2.5)
    with pytest.raises(Refused, match="不相符"):
        sessions_of(log("typescript", head + SCREEN, timing="1.0 99999\n"))


def test_an_old_typescript_needs_to_be_told_when() -> None:
    with pytest.raises(Refused, match="--at"):
        sessions_of(log("typescript", "Script started on Fri 20 Nov 2026\n" + SCREEN))


def test_a_plain_log_with_times() -> None:
    text = "[2026-11-20 09:00:00] [root@web ~]# uptime\n 10:00 up\n2026/11/20 09:01:30 df -h\n"
    (found,) = sessions_of(log("web.log", text))
    assert texts(found) == ["uptime", "df -h"] and found.operations[0].size == len(" 10:00 up\n")
    assert found.ended_at == AT + timedelta(seconds=90)
    with pytest.raises(Refused, match="第 2 行"):
        sessions_of(log("web.log", "\nhello\n"))
    with pytest.raises(Refused, match="--host"):
        sessions_of(log("web.log", text, host=""))


CSV = """会话ID,运维人员,资产,操作时间,操作命令,返回码
s1,李四,192.0.2.7,2026-11-20 09:00:00,uptime,0
s2,王五,DB-01,2026/11/20 9:05:00,"select 1, 2
from dual",
s1,李四,192.0.2.7,2026-11-20 09:01:00,df -h,1
"""


def test_the_table_of_a_bastion_holds_many_sessions() -> None:
    one, two = sessions_of(log("b.csv", CSV, host="", names={"192.0.2.7": "WEB-01"}))
    assert (one.host, one.by, texts(one)) == ("WEB-01", "李四", ["uptime", "df -h"])
    assert [sent.exit_code for sent in one.operations] == [0, 1]
    assert (two.host, texts(two)) == ("DB-01", ["select 1, 2\nfrom dual"])


def test_a_mapping_says_which_column_is_which() -> None:
    text = "A;B;C\n2026-11-20 09:00:00;WEB-01;id\n"
    mapping = Columns(columns={"time": "A", "host": "B", "command": "C"})
    (found,) = sessions_of(log("x.txt", text, mapping=mapping))
    assert texts(found) == ["id"]
    with pytest.raises(Refused, match="没有“D”"):
        sessions_of(log("x.csv", text, mapping=Columns(columns={"time": "D"})))
    with pytest.raises(Refused, match="comand"):
        sessions_of(log("x.csv", text, mapping=Columns(columns={"comand": "C"})))
    with pytest.raises(Refused, match="找不到"):
        sessions_of(log("x.csv", "甲,乙\n1,2\n"))


def test_every_line_that_is_wrong_is_told_at_once() -> None:
    text = "时间,命令,主机,退出码\n昨天,id,a,0\n2026-11-20 09:00:00,,a,x\n"
    with pytest.raises(Refused) as refused:
        sessions_of(log("x.csv", text))
    said = str(refused.value)
    assert "第 2 行：无法识别的时间" in said and "第 3 行：没有命令" in said and "退出码“x”" in said


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-20 09:00:00", "2026-11-20T09:00:00+08:00"),
        ("2026/11/20 9:00", "2026-11-20T09:00:00+08:00"),
        ("2026年11月20日 9时00分05秒", "2026-11-20T09:00:05+08:00"),
        ("2026-11-20T01:00:00Z", "2026-11-20T09:00:00+08:00"),
        ("2026-11-20T09:00:00.123+08:00", "2026-11-20T09:00:00+08:00"),
    ],
)
def test_times_as_logs_write_them(text: str, expected: str) -> None:
    assert moment(text) == datetime.fromisoformat(expected)


@pytest.mark.parametrize("text", ["", "2026-13-20 09:00", "2026-11-20", "09:00:00", "x 2026-11-20 09:00"])
def test_what_is_no_time(text: str) -> None:
    assert moment(text) is None


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("[root@web-01 ~]# rm -rf /tmp/x", "rm -rf /tmp/x"),
        ("ops@web:/var/log$ tail -n 5 messages", "tail -n 5 messages"),
        ("$ id", "id"),
        ("mysql> select 1;", "select 1;"),
        ("SQL> shutdown immediate", "shutdown immediate"),
        ("<SW-1> display version", "display version"),
        ("SW-1# show run", "show run"),
        ("total 20", ""),
        ("100% done", ""),
        ("price is $ 5", ""),
    ],
)
def test_prompts(line: str, command: str) -> None:
    assert prompted(line) == command


def test_utf_8_and_gbk_are_read_and_anything_else_is_told_by_line() -> None:
    assert decoded("x", "查看".encode("gbk"))[0] == "查看"
    assert decoded("x", "\ufeff查看".encode())[0] == "查看"
    with pytest.raises(Refused, match="第 2 行"):
        decoded("x", b"ok\n\xff\xff\n")
