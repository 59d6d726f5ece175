from collections.abc import Iterator

from tasks.checks.answers import Answers, query
from tasks.checks.judging import Before, Limits, finding
from tasks.checks.mysql.counters import Counted, counted, status
from tasks.model import Finding, Number, Status

# counter → (number, subject, meaning, what to do)
COUNTERS = {
    "aborted_connects": (
        "connects_hourly",
        "失败的连接",
        "连接未能建立",
        "核对是否有错误的口令、扫描或探活程序；疑似暴力破解时封禁来源",
    ),
    "aborted_clients": (
        "clients_hourly",
        "中断的会话",
        "会话未正常关闭",
        "检查应用是否不关闭连接、网络是否中断，以及 wait_timeout、max_allowed_packet",
    ),
    "connection_errors_internal": (
        "internal",
        "内部错误",
        "服务器内部错误导致连接失败",
        "检查内存、线程数上限和错误日志",
    ),
    "innodb_buffer_pool_wait_free": (
        "wait_free",
        "缓冲池等待",
        "等待空闲页",
        "缓冲池过小或磁盘过慢：调大 innodb_buffer_pool_size，检查磁盘延迟",
    ),
    "innodb_log_waits": (
        "log_waits",
        "日志缓冲等待",
        "重做日志缓冲不足而等待",
        "调大 innodb_log_buffer_size，检查磁盘延迟",
    ),
    "table_locks_waited": ("table_locks_hourly", "表锁等待", "等待表锁", "将频繁写入的 MyISAM 表改为 InnoDB"),
}


# MariaDB counts by itself who left before a user was named: no password was tried.
BEFORE_LOGIN = "aborted_connects_preauth"


@query(
    "mysql.errors",
    title="错误计数",
    topics=("database", "performance", "security"),
    probe=status(*(name.capitalize() for name in (*COUNTERS, BEFORE_LOGIN))),
    limits={
        # Load balancers look whether the port is open: each look is one.
        "connects_hourly": (20, None),
        "clients_hourly": (100, 1000),
        "internal": (1, None),
        "wait_free": (1, None),
        "log_waits": (10, None),
        "table_locks_hourly": (100, None),
    },
)
def errors(answers: Answers, limits: Limits, before: Before) -> Iterator[Finding]:
    count = counted(answers, before)
    marks = count.marks
    for name in COUNTERS:
        if name in count.now:
            yield judged(name, count, limits, before, marks)
            marks = {}


def judged(name: str, count: Counted, limits: Limits, before: Before, marks: dict[str, str]) -> Finding:
    number, subject, meaning, advice = COUNTERS[name]
    new, limit = tried(count) if name == "aborted_connects" else count.since(name), limits.of(number)
    value = round(count.rate(new), 1) if number.endswith("hourly") else new
    return finding(
        subject,
        Status.OK if count.how == "first" else limit.level(value),
        f"{count.period}{meaning} {new} 次",
        Number(number, value, "次/小时" if number.endswith("hourly") else "次", limit.passed(value)),
        change=before.change(subject, number, value),
        advice=advice,
        marks=marks,
    )


def tried(count: Counted) -> int:
    looked = count.since(BEFORE_LOGIN) if BEFORE_LOGIN in count.now else 0
    return max(count.since("aborted_connects") - looked, 0)
