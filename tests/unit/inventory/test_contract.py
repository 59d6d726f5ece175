"""Contract files: a sixth one is data alone, and a wrong one is told where and what."""

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from flows.cli import main
from tasks.calendar.schedules import load as load_schedules
from tasks.checks import CHECKS
from tasks.errors import Refused
from tasks.inventory.contract import contract_named, contracts, read_contract
from tasks.inventory.due import Due
from tasks.inventory.vocabulary import Anchor, Routine, Topic
from tasks.strict import Problem

SHIPPED = Path(__file__).parents[3] / "inventories"

SIXTH = """\
code: water-works
name: 供水调度平台运维
term: {start: 2027-01-31, end: 2028-01-30}
parts:
  core:
    title: 调度平台
    hosts: {centos: 2, any: 3}
    devices: {pump-panel: 2}
kinds: {pump-panel: 泵站面板}
forms: [泵站检查表]
duties:
  - id: W1
    clause: 1.1
    title: 每日巡检
    kind: auto
    owes: [{every: day, document: 泵站检查表}]
    evidence: [泵站检查表]
    topics: [disk]
    routines: [inspection]
milestones:
  - {id: plan, title: 提交方案, kind: report, due: {within: 1 month, after: signing}}
""".replace("clause: 1.1", 'clause: "1.1"')

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    folder = tmp_path / "contracts"
    folder.mkdir()

    def put(text: str) -> Path:
        path = folder / "water-works.yml"
        path.write_text(text, "utf-8")
        return path

    return put


def problems_of(path: Path) -> list[str]:
    problems: list[Problem] = []
    read_contract(path, problems)
    return [str(problem) for problem in problems]


def test_a_sixth_contract_is_one_more_file(write: Write, tmp_path: Path) -> None:
    path = write(SIXTH)
    shipped = list((SHIPPED / "contracts").glob("*.yml"))
    for one in shipped:
        path.with_name(one.name).write_bytes(one.read_bytes())
    found = contracts(tmp_path)
    assert len(found) == len(shipped) + 1
    sixth = found["water-works"]
    assert sixth.due(sixth.milestones[0].due) == date(2027, 2, 28)  # type: ignore[arg-type]
    assert [duty.id for duty in sixth.duties_about({"disk", "cpu"}, "inspection")] == ["W1"]
    assert sixth.duties_about({"disk"}, "backup") == ()
    assert sixth.duties_about({"cpu"}, "inspection") == ()


@pytest.mark.parametrize(
    ("before", "after", "line", "words"),
    [
        ("topics: [disk]", "topics: [disc]", 18, ["不在词汇表中", "disk"]),
        ("routines: [inspection]", "routines: [inspektion]", 19, ["inspection"]),
        ("every: day", "every: dayly", 16, ["every", "day"]),
        ("topics: [disk]\n    routines: [inspection]", "note: x", 15, ["W1", "topics"]),
        ("document: 泵站检查表", "document: 泵站检查单", 16, ["泵站检查单", "泵站检查表"]),
        ("forms: [泵站检查表]\n", "", 16, ["未知的证据类型"]),
        ("end: 2028-01-30", "end: 2026-01-30", 3, ["早于"]),
        ("term: {start: 2027-01-31, end: 2028-01-30}\n", "", 1, ["服务期"]),
        ("code: water-works", "code: water-work", 1, ["water-works.yml"]),
        ("centos: 2", "centos: -2", 7, ["不能小于 0"]),
        ("kinds: {pump-panel", "kinds: {pump-panl", 8, ["pump-panel", "pump-panl"]),
        ("within: 1 month", "within: 1 moth", 21, ["within"]),
        ("after: signing", "after: sining", 21, ["signing"]),
        ("after: signing", "before: signing, after: signing", 21, ["before"]),
        ("within: 1 month, ", "", 21, ["within"]),
        ("kind: auto", "kind: automatic", 15, ["auto"]),
        ("clause", "clouse", 13, ["clouse", "clause"]),
    ],
)
def test_what_is_wrong_is_told_with_its_line(
    write: Write, before: str, after: str, line: int, words: list[str]
) -> None:
    assert before in SIXTH
    told = problems_of(write(SIXTH.replace(before, after, 1)))
    matching = [text for text in told if text.startswith(f"contracts/water-works.yml:{line}:")]
    assert any(all(word in text for word in words) for text in matching), told


def test_an_id_twice(write: Write) -> None:
    duty = SIXTH[SIXTH.index("  - id: W1") : SIXTH.index("milestones")]
    assert problems_of(write(SIXTH.replace("milestones", duty + "milestones"))) == [
        "contracts/water-works.yml:20: 编号 W1 重复"
    ]


def test_score_items_have_one_kind_of_points(write: Write) -> None:
    score = """score:
  start: 100
  items:
    - {id: a, text: 甲, by: records}
    - {id: b, text: 乙, by: people, points: 1, range: [1, 2]}
    - {id: c, text: 丙, by: people, range: [2, 1]}
    - {id: d, text: 丁, by: records, points: 1, measure: system}
  grades: [{at_least: 80, title: 良}, {at_least: 90, title: 优}]
"""
    told = problems_of(write(SIXTH + score))
    assert [int(text.split(":")[1]) for text in told] == [25, 26, 27, 28]
    sound = score.replace("    - {id: a, text: 甲, by: records}\n", "").replace("range: [1, 2]", "per: each")
    sound = sound.replace("[2, 1]", "[1, 2]").replace(", measure: system", "")
    assert problems_of(write(SIXTH + sound)) == [
        "contracts/water-works.yml:28: 等级应从高到低排列，最后一级不写 at_least（以下均属此级）"
    ]


def test_a_broken_neighbour_stops_the_list_and_not_the_other(write: Write, tmp_path: Path) -> None:
    write(SIXTH).with_name("other.yml").write_text("code: [", "utf-8")
    assert contract_named(tmp_path, "water-works").name == "供水调度平台运维"
    with pytest.raises(Refused, match=r"contracts/other\.yml"):
        contracts(tmp_path)
    with pytest.raises(Refused, match="water-works"):
        contract_named(tmp_path, "water-work")


def test_due_days() -> None:
    anchors = {Anchor.TERM_END: date(2024, 2, 29), Anchor.SIGNING: date(2024, 1, 31)}
    assert Due(within="1 month", after=Anchor.SIGNING).day(anchors) == date(2024, 2, 29)
    assert Due(within="1 year", after=Anchor.TERM_END).day(anchors) == date(2025, 2, 28)
    assert Due(within="2 weeks", before=Anchor.TERM_END).day(anchors) == date(2024, 2, 15)
    assert Due(before=Anchor.TERM_END).day(anchors) == date(2024, 2, 29)
    assert Due(within="2 hours", after=Anchor.SIGNING).day(anchors) == date(2024, 1, 31)
    working = Due(within="3 working-days", after=Anchor.TERM_END)
    assert working.day(anchors) is None
    assert working.day(anchors, lambda day, n: day.replace(day=n)) == date(2024, 2, 3)
    assert working.day({}) is None


def test_commands(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPSPROOF_INVENTORIES", str(SHIPPED))
    assert main(["contract", "list", "--json"]) == 0
    rows = {row["code"]: row for row in json.loads(capsys.readouterr().out)}
    assert (rows["approval-platform"]["hosts"], rows["approval-platform"]["databases"]) == (116, 56)
    assert (rows["petition-web"]["devices"], rows["petition-web"]["sites"]) == (74, 5)
    assert rows["office-oa"]["hosts"] is None
    for code in rows:
        assert main(["contract", "show", code]) == 0
    # Thirty working days after 2023-04-30, with the days off of May and the make-up Saturday.
    assert "2023-06-13" in capsys.readouterr().out
    assert main(["contract", "show", "science-oa", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (len(shown["duties"]), len(shown["score"]["items"])) == (8, 46)
    assert shown["milestones"][2]["day"] == "2025-07-08"
    assert main(["contract", "show", "science"]) == 1
    assert "science-oa" in capsys.readouterr().err


def test_the_words_of_checks_and_schedules_are_in_the_vocabulary() -> None:
    topics = {topic for check in CHECKS.all().values() for topic in check.topics}
    assert topics and topics <= set(Topic)
    routines = {
        entry.routine
        for path in SHIPPED.glob("*/schedules.yml")
        for entry in load_schedules(SHIPPED, path.parent.name).schedules
    }
    assert routines and routines <= set(Routine)
