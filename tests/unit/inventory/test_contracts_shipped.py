"""The shipped contract files against the contracts: every number stands here a second time."""

from datetime import date
from pathlib import Path

import pytest

from tasks.inventory.contract import Contract, contracts
from tasks.model import Mode, Tier

SHIPPED = Path(__file__).parents[3] / "inventories"
CONTRACTS = contracts(SHIPPED)
E, A, B, C, D = (
    CONTRACTS[code]
    for code in ("approval-platform", "office-oa", "culture-office", "science-oa", "petition-web")
)


def test_there_are_the_five_the_local_one_and_the_lab() -> None:
    five = (E, A, B, C, D)
    assert set(CONTRACTS) == {*(one.code for one in five), "local", "lab"}
    for code in ("local", "lab"):
        assert (CONTRACTS[code].term, CONTRACTS[code].duties, CONTRACTS[code].milestones) == (None, (), ())
    assert {one.mode for one in five} == {Mode.REAL} and CONTRACTS["lab"].mode is Mode.LAB


@pytest.mark.parametrize(
    ("contract", "start", "end"),
    [
        (E, "2022-03-01", "2023-04-30"),
        (A, "2025-03-01", "2026-02-28"),
        (B, "2026-04-09", "2027-04-08"),
        (C, "2024-06-09", "2025-06-08"),
        (D, "2026-03-01", "2027-02-28"),
    ],
)
def test_terms(contract: Contract, start: str, end: str) -> None:
    assert contract.term is not None
    assert (contract.term.start, contract.term.end) == (date.fromisoformat(start), date.fromisoformat(end))


DUTIES = {
    "approval-platform": """
E1 auto day:日巡检记录 | 日巡检记录
E2 auto day:日巡检记录 | 日巡检记录
E3 auto day:日巡检记录 | 日巡检记录
E4 auto need:变更记录单 | 变更记录单
E5 auto day:日巡检记录 | 日巡检记录
E6 auto day:日巡检记录 | 日巡检记录
E7 auto day:日巡检记录 | 日巡检记录
E8 auto day: month:月报 | 月报
E9 auto need:变更记录单 | 变更记录单
E10 auto continuous: month:月报 | 月报
E11 auto change:台账 | 台账
E12 auto schedule:备份记录 schedule:备份数据有效性测试记录 | 备份记录 备份数据有效性测试记录
E13 auto+manual need:变更记录单 change:台账 | 台账 变更记录单
E14 auto term×2:应急演练报告 term×2:应急预案 | 应急预案 应急演练报告
E15 auto need:应急演练报告 | 应急演练报告
E16 auto+manual term×5:值守记录 key-period:特殊时期值班巡检手册 | 特殊时期值班巡检手册 值守记录
E17 auto+manual incident:故障报告单 | 故障报告单
E18 auto session:操作报告 | 操作报告
E19 auto month:月报 stage:阶段性验收报告 term:项目验收报告 | 月报 阶段性验收报告 项目验收报告
""",
    "office-oa": """
A1 auto day:日巡检记录 | 日巡检记录
A2 auto schedule:周报 | 周报
A3 auto holiday:服务启停记录 need:服务启停记录 | 服务启停记录
A4 auto schedule:备份记录 | 备份记录
A5 auto schedule:备份检查记录 | 备份检查记录
A6 auto week:周报 day:日巡检记录 | 日巡检记录 周报
A7 auto week:周报 | 周报
A8 auto+manual incident:故障报告单 incident:知识库 | 故障报告单 知识库
A9 auto continuous:日巡检记录 | 日巡检记录
A11 auto+manual schedule:记录 | 记录
A10 manual change:台账 | 台账
""",
    "culture-office": """
B1 auto key-period:值守记录 | 值守记录
B2 auto schedule:巡检记录 | 巡检记录
B3 auto schedule:备份记录 schedule:有效性测试记录 | 备份记录 有效性测试记录
B4 auto+manual incident:故障报告单 term:应急预案 schedule: | 应急预案 故障报告单
B5 manual event:事件报告 | 事件报告
B6 manual term:计数 | 附件 计数
B7 auto term:总结报告 | 总结报告
""",
    "science-oa": """
C1 auto day:日巡检记录 | 日巡检记录
C2 auto week:巡检报告 | 巡检报告
C3 auto continuous:可用性统计 | 可用性统计
C4 auto need:变更记录单 need:日志分析记录 | 日志分析记录 变更记录单
C5 auto+manual incident:故障报告单 | 故障报告单
C6 manual term:计数 | 计数
C7 auto week:周报 month:月报 quarter:季报 half-year:半年报 incident:故障报告单 |\
 提交时间 周报 月报 季报 半年报 故障报告单
C8 auto period:绩效考核自评表 | 绩效考核自评表
""",
    "petition-web": """
D1 auto continuous: week:安全服务周报 | 安全服务周报
D2 auto month:漏洞扫描月报 change: | 漏洞扫描月报
D3 auto+manual schedule:巡检记录 change:台账 incident:报修记录 | 台账 巡检记录 报修记录
D4 auto continuous:巡检记录 need:变更记录单 | 巡检记录 变更记录单
D5 auto need:变更记录单 | 变更记录单
D6 auto key-period:值守记录 key-period: | 值守记录
D7 auto item:工作日志 | 工作日志
D8 auto schedule:备份记录 | 备份记录
D9 auto+manual incident:故障报告单 | 故障报告单
D10 manual year:计数 | 计数
""",
}


@pytest.mark.parametrize(("code", "count"), list(zip(DUTIES, (19, 11, 7, 8, 10), strict=True)))
def test_every_duty_with_its_rhythm_and_evidence(code: str, count: int) -> None:
    def owed(every: str, times: int, document: str) -> str:
        return f"{every}{f'×{times}' if times > 1 else ''}:{document}"

    duties = CONTRACTS[code].duties
    lines = [
        f"{duty.id} {duty.kind} {' '.join(owed(o.every, o.at_least, o.document) for o in duty.owes)}"
        f" | {' '.join(duty.evidence)}"
        for duty in duties
    ]
    assert lines == DUTIES[code].strip().splitlines()
    assert len(duties) == count
    assert all(duty.clause and duty.title and duty.routines for duty in duties)
    assert len({duty.clause for duty in duties}) == count


# duty, measure, sign and number, unit, and what narrows it.
THRESHOLDS = {
    "approval-platform": """
E10 availability ≥99.9 % raw
E15 switchover ≤10 分钟 core
E16 hours-a-day ≥24 小时
E17 respond ≤5 分钟 line1 甲方请求
E17 respond ≤30 分钟 line2 甲方请求
E17 solve ≤2 小时 level1 甲方请求
E17 solve ≤15 分钟 level1 core 甲方请求
E17 solve ≤4 小时 level2 甲方请求
E17 solve ≤6 小时 level3,4 甲方请求
E19 copies ≥2 份
""",
    "office-oa": "A8 on-site ≤1 小时 line2",
    "culture-office": """
B3 loss ≤0 次
B5 report.phone ≤1 小时 事件发生
B5 report.written ≤2 小时 事件发生
""",
    "science-oa": """
C3 loss ≤0 次
C4 protection ≥2 级
C5 respond ≤30 分钟 接到通知 -第三方厂商须做的部分
C5 solve ≤8 小时 接到通知 -第三方厂商须做的部分
""",
    "petition-web": """
D1 sites ≥5 个
D1 hours-a-day ≥24 小时
D2 sites ≥5 个
D3 devices ≥74 台
D3 device-kinds ≥15 种
D6 hours-a-day ≥24 小时
D9 respond ≤30 分钟
D9 restore ≤2 小时
D9 on-site ≤2 小时
""",
}


@pytest.mark.parametrize("code", THRESHOLDS)
def test_every_threshold(code: str) -> None:
    found = []
    for duty in CONTRACTS[code].duties:
        for one in duty.thresholds:
            sign = f"≥{one.at_least:g}" if one.at_least is not None else f"≤{one.at_most:g}"
            narrowed = [
                one.basis or "",
                f"line{one.line}" if one.line else "",
                f"level{','.join(map(str, one.level))}" if one.level else "",
                "core" if one.core else "",
                one.since,
                *(f"-{what}" for what in one.excepts),
            ]
            found.append(" ".join(filter(None, [duty.id, one.measure, sign, one.unit, *narrowed])))
    assert found == THRESHOLDS[code].strip().splitlines()


def test_counts_of_hosts_and_databases() -> None:
    expected = {
        "supervision": (
            {"windows": 30, "centos": 2, "redhat": 24, "kylin": 1},
            {"oracle": 17, "oracle-rac": 4, "oracle-dataguard": 2, "mysql": 1},
            {"tamper-guard": 1, "network-monitor": 1, "ftp": 1, "share": 9},
        ),
        "front-end": ({"windows": 17, "centos": 6}, {"oracle": 16, "mysql": 4}, {}),
        "portal": ({"windows": 6, "centos": 19}, {"oracle": 2, "mysql": 5}, {}),
        "matters": ({"windows": 1, "centos": 10}, {"mysql": 5}, {}),
    }
    assert {code: (part.hosts, part.databases, part.devices) for code, part in E.parts.items()} == expected
    assert sum(sum(part.hosts.values()) for part in E.parts.values() if part.hosts) == 116
    assert sum(sum(part.databases.values()) for part in E.parts.values() if part.databases) == 56


def test_counts_of_the_others() -> None:
    assert {code: part.hosts for code, part in C.parts.items()} == {
        "oa": {"any": 6},
        "mobile": {"any": 4},
        "archive": {"any": 2},
    }
    for part in (*A.parts.values(), *B.parts.values(), D.parts["cloud"]):
        assert (part.hosts, part.databases, part.sites, part.devices) == (None, None, None, None)
    assert list(A.parts) == ["oa", "office-cloud"]
    assert list(B.parts) == ["office"]
    assert D.parts["websites"].sites == 5


def test_devices_of_d() -> None:
    devices = D.parts["devices"].devices or {}
    assert list(devices.values()) == [4, 8, 8, 8, 8, 3, 3, 3, 13, 4, 4, 4, 1, 1, 2]
    assert (len(devices), sum(devices.values())) == (15, 74)
    assert set(D.kinds) == set(devices)


def test_counts_that_people_owe() -> None:
    counts = {
        f"{duty.id}.{one.id}": (
            one.at_least,
            one.unit,
            contract.due(one.due),
            one.ends_contract,
            one.part,
        )
        for contract in (B, C, D)
        for duty in contract.duties
        for one in duty.counts
    }
    b_end, month, c_end = date(2027, 4, 8), date(2026, 5, 9), date(2025, 6, 8)
    assert counts == {
        "B6.training": (10, "小时", b_end, False, None),
        "B6.optimisations": (3, "项", b_end, False, None),
        "B6.documents": (30000, "份", b_end, False, None),
        "B6.pages": (300000, "页", b_end, False, None),
        "B6.first-training": (2, "小时", month, True, None),
        "B6.satisfaction": (1, "份", month, True, None),
        "B6.previous-year": (1, "批", month, True, None),
        "B6.archive-governance": (1, "套", month, True, None),
        "C6.oa": (3, "项", c_end, False, "oa"),
        "C6.mobile": (1, "项", c_end, False, "mobile"),
        "C6.archive": (1, "项", c_end, False, "archive"),
        "D10.releases": (24, "条", date(2027, 2, 28), False, None),
    }


def test_report_deadlines_of_c() -> None:
    duty = C.duty("C7")
    assert duty is not None
    rules = {o.document: (o.due.within, o.due.after) for o in duty.owes if o.due}
    assert rules == {
        "周报": ("1 working-day", "period-end"),
        "月报": ("3 working-days", "period-end"),
        "季报": ("5 working-days", "period-end"),
        "半年报": ("5 working-days", "period-end"),
        "故障报告单": ("3 working-days", "cleared"),
    }


def test_breaches_and_the_end_of_e() -> None:
    assert E.breach is not None and E.closing is not None and E.score is None
    assert E.breach.model_dump() == {
        "each": 1000,
        "unit": "元",
        "ends_contract_at": 10,
        "late_percent_a_day": 0.5,
        "late_ends_contract_after_days": 15,
    }
    application = next(stone for stone in E.milestones if stone.id == "application")
    assert application.due and application.due.shown == "服务期结束后 30 个工作日内"
    closing = E.closing
    assert (closing.purge, closing.certificate, closing.medium, closing.copies) == (True, True, "DVD", 2)
    assert [(one.scope, one.basis, one.at_least) for one in E.availability] == [("database", "raw", 99.9)]


def test_nothing_leaves_b_unless_its_file_says_so() -> None:
    for tier in Tier:
        assert not B.may_leave(tier, "notifications")
        assert not B.may_leave(tier, "outside_storage")
    assert B.confidentiality is not None
    opened = B.confidentiality.model_copy(update={"notifications": True})
    consented = B.model_copy(update={"confidentiality": opened})
    assert [tier for tier in Tier if consented.may_leave(tier, "notifications")] == [Tier.LEAST]


def test_dates_of_c() -> None:
    days = {stone.id: stone.due and C.due(stone.due) for stone in C.milestones}
    assert days == {"summary": date(2025, 6, 8), "acceptance": None, "handover": date(2025, 7, 8)}
    assert C.closing is not None and C.due(C.closing.handover) == date(2025, 7, 8)
    acceptance = next(stone for stone in C.milestones if stone.id == "acceptance")
    assert acceptance.due and (acceptance.due.within, acceptance.due.after) == ("10 days", "application")
    assert C.protection == 2
    assert {one.scope: one.basis for one in C.availability} == {
        "system": "planned-excepted",
        "devices": "planned-excepted",
        "event-support": "uncontrollable-excepted",
        "support": "raw",
    }


SCORE = """
records each inspection-missed -0.5
records each problem-unreported -0.5 after 15 minutes
records each document-missing -0.5
records each document-inaccurate -0.5
records each document-late -0.5
records each ledger-late -0.5 after 1 week
records period event-support-fair -0.5 event-support [90,99)
records period event-support-poor -1 event-support [,90)
records period event-support-full 0.5 event-support [100,)
records period support-fair -0.5 support [80,90)
records period support-poor -1 support [,80)
records period support-full 0.5 support [100,)
records each no-special-period-plan -1
records each no-emergency-plan -1
records each no-drill -1
records each emergency-response-late -0.5
records each emergency-response-none -1
records period emergency-response-clean 1
records each emergency-handling-late -0.5
records each emergency-handling-none -1
records each fault-response-late -0.5
records each fault-handling-late -0.5
records each dispatch-late -0.5 after 30 minutes
records period system-good 1 system [99,)
records period system-fair -0.5 system [90,99)
records period system-poor -1 system [,90)
records period devices-good 1 devices [99,)
records period devices-fair -0.5 devices [90,99)
records period devices-poor -1 devices [,90)
records each fault-level-1 -10
records each fault-level-2 -5
records each fault-again -0.5
people each special-period-human -1
people period special-period-clean 1
people each fault-larger -30..-20
people each fault-major -50..-40
people each hidden-danger 1 most 5 not 日常巡检本应发现的不计
people period satisfaction 5/1/0/-5
people period no-survey -1
people period ranking-faults 1/0/-0.5/-1
people period ranking-cloud 5/0/-1/-5
people each attendance
people each dress
people each complaint
people each praise
people each suggestion 0.5/1
"""


def test_every_score_item_of_c() -> None:
    assert C.score is not None and C.score.start == 100
    lines = []
    for item in C.score.items:
        words = [item.by, item.per, item.id]
        words += [f"{item.points:g}"] if item.points is not None else []
        words += [f"{item.range[0]:g}..{item.range[1]:g}"] if item.range else []
        words += ["/".join(f"{option.points:g}" for option in item.options)] if item.options else []
        if item.band:
            low, high = (
                "" if edge is None else f"{edge:g}" for edge in (item.band.at_least, item.band.below)
            )
            words += [item.measure or "", f"[{low},{high})"]
        words += [f"after {item.within}"] if item.within else []
        words += [f"most {item.most:g} not {item.excepts}"] if item.most else []
        lines.append(" ".join(words))
    assert lines == SCORE.strip().splitlines()


@pytest.mark.parametrize(
    ("points", "grade"),
    [
        (100, "优秀"),
        (95, "优秀"),
        (94.5, "良好"),
        (80, "良好"),
        (70, "合格"),
        (60, "基本合格"),
        (59.9, "不合格"),
    ],
)
def test_grades_of_c(points: float, grade: str) -> None:
    assert C.score is not None and C.score.grade(points) == grade


def test_a_value_falls_in_at_most_one_band() -> None:
    assert C.score is not None
    for value in (0, 79.9, 80, 89.9, 90, 98.99, 99, 99.5, 100):
        for measure in ("event-support", "support", "system", "devices"):
            held = [i for i in C.score.items if i.measure == measure and i.band and i.band.holds(value)]
            assert len(held) <= 1, (measure, value)


def test_sensitivity_of_c() -> None:
    counts = {tier: len(words) for tier, words in C.sensitivity.items()}
    assert counts == {Tier.VERY: 3, Tier.FAIR: 7, Tier.LEAST: 3}
