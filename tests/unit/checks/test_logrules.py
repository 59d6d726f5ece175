"""Lines of logs: which rule each meets, which are of one kind, and what is told of them."""

import random
import subprocess
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

import pytest

from tasks.checks.grouping import GROUPED, read_groups
from tasks.checks.judging import Before, Limits
from tasks.checks.logrules import SHIPPED, Rules, rules_for, shape, shipped, shipped_entries
from tasks.checks.logs import LIMITS, MOST_SEEN, Lines, Log, judge_log
from tasks.inventory.logrules import LogRulesFile
from tasks.model import Finding, Status
from tests.unit.checks.test_script import SHELLS, shell

EXAMPLES = Path(__file__).parent / "loglines"
LOGS = [path.stem for path in sorted(SHIPPED.glob("*.toml"))]


def examples(log: str) -> Iterator[tuple[str, str]]:
    for line in (EXAMPLES / f"{log}.txt").read_text("utf-8").splitlines():
        if not line.startswith("#"):
            rule, _, text = line.partition(": ")
            yield rule, text


@pytest.mark.parametrize("log", LOGS)
def test_each_line_meets_its_rule_and_each_rule_has_a_line(log: str) -> None:
    met = [(rule, shipped().match(log, text), text) for rule, text in examples(log)]
    wrong = [(rule, found, text) for rule, found, text in met if rule != (found.name if found else "-")]
    assert not wrong, wrong
    own = {name for name, entry in shipped_entries().items() if log in entry.logs}
    assert own == {rule for rule, _ in examples(log)} - {"-"}


def test_there_are_many_rules_and_each_says_what_to_do() -> None:
    assert len(shipped_entries()) >= 60
    for name, entry in shipped_entries().items():
        assert not entry.meaning.isascii() and not entry.advice.isascii(), name
        assert name.partition("-")[0] in ("ora", "mysql", "pg", "linux", "win")


SAME = [
    (
        "Nov 20 03:20:01 db01 app[77]: error after 8 ms",
        "Dec  1 23:59:59 db01 app[4242]: error after 12345 ms",
    ),
    (
        "2026-11-20T03:20:01.123+08:00 db01 sshd[7]: from 192.0.2.7 port 22",
        "2026-12-01T00:00:00+08:00 db01 sshd[999]: from 198.51.100.200 port 40022",
    ),
    ("cannot open /var/lib/mysql/app/orders.ibd", "cannot open /data/mysql/shop/customers_2026.ibd"),
    ("cannot open D:\\data\\a.mdf", "cannot open E:\\other\\b.ldf"),
    ("at 0x7f1c2c0e1700 in deadbeef01", "at 0x55d0aa in 0123abcd99"),
    ("id 6b019e33-5ea5-4cc1-8d70-0123456789ab", "id 11119e33-aea5-4cc1-bd70-ffff456789ab"),
    ("from fe80::1ff:fe23:4567:890a", "from 2001:db8:0:1:1:1:1:1"),
    ("Fri Mar 24 18:06:17 2017 gone", "Sat Apr  1 08:06:17 2017 gone"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_lines_that_say_the_same_have_one_shape(one: str, other: str) -> None:
    assert shape(one) == shape(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ORA-00600: internal error", "ORA-07445: internal error"),
        ("Errcode: 13 at x", "Errcode: 28 at x"),
        ("[ERROR] [MY-010119] x", "[ERROR] [MY-010584] x"),
        ("error 数据库连接失败", "error 磁盘写入失败"),
    ],
)
def test_codes_are_what_a_line_says(one: str, other: str) -> None:
    assert shape(one) != shape(other)


def grouped(argv: list[str], lines: bytes, *words: str) -> str:
    script = GROUPED + "grouped " + " ".join(f"'{word}'" for word in words)
    done = subprocess.run(
        [*argv[:-1], "-c", script],
        input=lines,
        capture_output=True,
        check=True,
        env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"},
    )
    assert not done.stderr
    return done.stdout.decode("gb18030", "replace")


@pytest.mark.parametrize("name", SHELLS)
def test_lines_are_grouped_where_they_lie(name: str) -> None:
    lines = [f"Nov 20 03:20:{n:02} db01 app[{n}]: error at /srv/{n}/x of {n * 7919} ms" for n in range(50)]
    lines += [
        "Nov 20 03:21:00 db01 app[1]: fine",
        "Nov 20 03:22:00 db01 ora: ORA-00600 error",
        "Nov 20 03:23:00 db01 ora: ORA-07445 error",
    ]
    lines += ["Nov 20 03:24:00 db01 app[1]: error 数据库连接失败\twith a tab\r"]
    random.Random(1).shuffle(lines)
    found = read_groups(grouped(shell(name), "\n".join(lines).encode("gb18030") + b"\n", "error"))
    counts = sorted((one.count, one.line[28:33]) for one in found.groups)
    assert [count for count, _ in counts] == [1, 1, 1, 50] and not found.left
    assert any("数据库连接失败 with a tab" in one.line for one in found.groups)
    assert all(one.first.startswith("Nov 20 03:2") and one.last for one in found.groups)


@pytest.mark.parametrize("name", SHELLS)
def test_what_a_flood_sends_is_bounded_and_the_rest_is_counted(name: str) -> None:
    chance = random.Random(2)
    words = ["".join(chance.choices("ghijklmnopqrstuvwxyz", k=12)) for _ in range(3000)]
    lines = [f"error {word} " + "x" * 5000 for word in words] + [f"error ORA-{n:05} gone" for n in range(150)]
    text = grouped(shell(name), "\n".join(lines).encode() + b"\n", "error")
    found = read_groups(text)
    assert len(found.groups) == 300 and found.left == 3000 + 150 - 300 and len(text) < 160_000
    assert sum("ORA-" in one.line for one in found.groups) == 100


def test_the_times_of_an_alert_log_stand_before_what_they_are_about() -> None:
    """Both styles in one file, and a day's name in another language."""
    text = """Fri Mar 24 18:06:17 2017
Errors in file /u01/x_ora_1.trc:
ORA-00600: internal error code, arguments: [1]
2017-03-24T18:49:39.327480+09:00
Errors in file /u01/x_ora_2.trc:
ORA-00600: internal error code, arguments: [2]
星期五 3月  24 19:06:17 2017
ORA-00060: Deadlock detected.
Starting ORACLE instance (normal)
"""
    found = read_groups(grouped(["sh", "-s"], text.encode("gb18030"), "ora-[0-9]|error", "apart"))
    times = {one.line[:9]: (one.count, one.first, one.last) for one in found.groups}
    assert times["ORA-00600"] == (2, "Fri Mar 24 18:06:17 2017", "2017-03-24T18:49:39.327480+09:00")
    assert times["ORA-00060"] == (1, *2 * ("星期五 3月  24 19:06:17 2017",))


def judged(lines: Sequence[str], before: Before = Before(), rules: Rules | None = None) -> list[Finding]:  # noqa: B008
    block = f"count {len(lines)} left 0\n" + "".join(f"group 1\t\t\t{line}\n" for line in lines)
    log = Log(Lines("linux"), "journal", read_groups(block))
    limits = Limits(LIMITS, rules=lambda: rules or shipped())
    return list(judge_log(log, limits, before))


def after(found: Sequence[Finding], before: Before = Before()) -> Before:  # noqa: B008
    return Before(marks={**before.marks, **{mark.name: mark.text for one in found for mark in one.marks}})


def test_what_was_never_seen_before_comes_first_and_only_once() -> None:
    old = ["app: error alpha"] * 5 + ["app: error beta"] * 4 + ["kernel: Out of memory: Killed process 1 (x)"]
    first = judged(old)
    assert "首次出现" not in first[0].summary and first[1].change == "", (
        "nothing is new where nothing is known"
    )
    before = after(first)
    second = judged([*old, "app: error gamma", "x: Read-only file system"], before)
    assert second[0].summary.index("gamma") < second[0].summary.index("alpha")
    assert [one.subject for one in second[1:]] == ["journal linux-read-only", "journal linux-oom"]
    assert [one.change for one in second[1:]] == ["首次出现", ""]
    third = judged(["app: error gamma"], after(second, before))
    assert "首次出现" not in third[0].summary and not third[0].marks


def test_what_is_remembered_is_bounded() -> None:
    before = Before()
    for turn in range(3):
        words = ["".join(random.Random(f"{turn} {n}").choices("ghijklmnop", k=9)) for n in range(300)]
        before = after(judged([f"app: error {word}" for word in words], before), before)
    assert len(before.marks["seen"].split()) == MOST_SEEN and len(before.marks["seen"]) < 5000
    assert "首次出现" not in judged([f"app: error {words[0]}"], before)[0].summary


def test_a_suppressed_line_is_counted_and_no_alarm_until_it_is_over() -> None:
    said = {"overrides": {"linux-oom": {"suppress": {"until": "2026-11-20", "reason": "已知"}}}}
    lines = ["kernel: Out of memory: Killed process 1 (x)"] * 3
    file = LogRulesFile.model_validate(said)
    quiet = judged(lines, rules=rules_for(file, "WEB", date(2026, 11, 20)))
    assert {one.status for one in quiet} == {Status.OK}
    assert [(one.name, one.value) for one in quiet[0].numbers] == [("errors", 0), ("suppressed", 3)]
    assert "屏蔽至 2026-11-20：已知" in quiet[1].summary and quiet[1].numbers[0].value == 3
    loud = judged(lines, rules=rules_for(file, "WEB", date(2026, 11, 21)))
    assert [one.status for one in loud] == [Status.WARN, Status.FAIL, Status.WARN]
    silent = judged([], rules=rules_for(file, "WEB", date(2026, 11, 21)))
    assert [one.status for one in silent] == [Status.OK, Status.WARN], "it speaks up without a line, too"
    assert "已于 2026-11-20 到期" in silent[1].summary


def test_a_flood_of_what_is_harmless_alone_is_not() -> None:
    noise = ["sshd: error: kex_exchange_identification: Connection closed by remote host"]
    assert judged(noise * 999)[0].status is Status.OK
    assert judged(noise * 1000)[0].status is Status.WARN
