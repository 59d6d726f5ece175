"""The three forms about backups: every field the contracts ask for, what is wrong first, nothing claimed."""

import io
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from docx import Document

from tasks.model import Finding, Mode, Outcome, Record, Status
from tasks.reports import backup, backup_check, backup_proof, render
from tasks.reports.form import Form

AT = datetime.fromisoformat("2026-11-20T01:00:00+08:00")
RECORD = Record(
    contract="office-oa",
    routine="backup",
    title="备份",
    started_at=AT,
    ended_at=AT + timedelta(minutes=9),
    started_by="计划自动执行",
    outcome=Outcome.FINDINGS,
    expected=2,
    reached=1,
)
NASTY = "<script>alert(1)</script> & {{ 7 * 7 }} {% raw %} ]]>"
NAME = "oa_OA-ORA-1_full_20261120T010000_v0003"
SM3 = "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"


def common(*statuses: Status) -> dict[str, Any]:
    return {
        "record": RECORD,
        "number": "office-oa-备份-20261120-010000",
        "header": [("编号", "一"), ("依据条款", "2.2.1")],
        "findings": [
            Finding("backup", f"OA-{n}", "oa", status, f"情况 {n} {NASTY}", advice=f"建议 {n}")
            for n, status in enumerate(statuses)
        ],
        "titles": {"backup": "备份"},
        "done": sum(status is Status.OK for status in statuses),
        "expected": len(statuses),
        "attachments": {"manifest.json": b"{}"},
    }


def taken(*statuses: Status) -> Form:
    stored = backup.Stored(
        name=NAME,
        medium="vault（s3：b）",
        copies="offsite（folder：/mnt）",
        keep="日 7、周 4、月 12、年 0",
        protection="age，密钥 ops、client",
        level="L0 字节一致",
        point="scn=4711",
        sm3=SM3,
    )
    row = backup.Row(
        target="OA-ORA-1",
        policy="oa：oracle-rman，全量 周六，其间增量",
        kind="全量",
        times="01:00 – 01:09",
        size="原始 2.00 GiB，存储 0.50 GiB（25%）",
        status=Status.OK,
        result="成功",
        stored=stored,
        log=("01:00:01 通道已分配", f"01:09:00 {NASTY}"),
    )
    failed = replace(row, target="OA-ORA-2", stored=None, status=Status.FAIL, result="失败", log=())
    rows = [row, failed]
    return backup.build(backup.Facts(**common(*statuses), rows=rows, removed=[("旧的", "超出保留期限")]))


def proven(*statuses: Status) -> Form:
    row = backup_proof.Row(
        target="OA-ORA-1",
        name=NAME,
        sm3=SM3,
        where="本机 scratch",
        asked="L3 数据一致",
        level="L1 引擎校验",
        status=Status.FAIL,
        result="在 L2 未通过",
        compared="未进行到数据比对（要求 L3）",
        took="—",
        rto="≤ 4 小时，未测得",
        point="scn=4711",
        age="2.0 小时",
        rpo="≤ 26 小时，满足",
        cleared="已清除，验证目录内无残留",
        steps=[("0.00 秒", "取回备份集，核对清单"), ("61.20 秒", "已达到 L1")],
    )
    return backup_proof.build(backup_proof.Facts(**common(*statuses), rows=[row]))


def checked(*statuses: Status) -> Form:
    row = backup_check.Row(
        target="OA-ORA-1",
        policy="oa",
        plan="计划 11-20 01:00 的备份没有执行",
        last=f"{NAME}（共 3 份）",
        level="未证明",
        proof="没有一份通过恢复验证",
        copies="3 处副本都在",
        status=Status.FAIL,
    )
    return backup_check.build(backup_check.Facts(**common(*statuses), rows=[row]))


FIELDS = {
    taken: (
        "对象",
        "策略",
        "类型",
        "起止",
        "大小",
        "位置/介质",
        "校验",
        "日志",
        "保留期",
        "异地副本",
        "结果",
        "SM3",
    ),
    proven: (
        *("备份集", "SM3", "隔离环境", "步骤", "行数/校验和", "应用登录", "恢复耗时", "恢复点"),
        *("RTO 对比", "RPO 对比", "清理", "结论"),
    ),
    checked: ("对象", "策略", "计划执行情况", "最近备份", "最近验证", "副本", "判定"),
}


@pytest.mark.parametrize("made", FIELDS)
def test_every_field_is_there_in_both_forms(made: Any) -> None:
    form = made(Status.OK, Status.FAIL)
    page, document = render.html(form).decode(), Document(io.BytesIO(render.docx(form)))
    cells = {cell.text for table in document.tables for row in table.rows for cell in row.cells}
    words = "\n".join([*cells, *(line.text for line in document.paragraphs)])
    for field in FIELDS[made]:
        assert field in page and field in words, field
    assert "<script>" not in page and "签字" in page


@pytest.mark.parametrize("made", FIELDS)
def test_the_conclusion_is_the_worst_and_comes_first(made: Any) -> None:
    assert made(Status.OK).verdict.status is Status.OK
    bad = made(Status.OK, Status.UNKNOWN, Status.WARN)
    assert bad.verdict.status is Status.UNKNOWN and "未能查看 1 项" in bad.verdict.text
    assert [row[0].text for row in bad.tables[0].rows] == ["OA-1", "OA-2"]
    assert made().verdict.status is Status.UNKNOWN  # nothing was looked at


def test_taken_is_said_to_be_taken_and_no_more() -> None:
    page = render.html(taken(Status.OK)).decode()
    assert "L0 字节一致" in page and "能否恢复" in page and "已验证" not in page


def test_what_was_not_real_says_so() -> None:
    facts = common(Status.OK) | {"record": replace(RECORD, mode=Mode.LAB)}
    assert backup_check.build(backup_check.Facts(**facts, rows=[])).synthetic
