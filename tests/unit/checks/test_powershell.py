"""The PowerShell composer. Nothing here runs PowerShell: there is none for this system. Its grammar is
checked by a parser, its answers are as the script would print them."""

import json
from datetime import timedelta

import pytest
import tree_sitter_powershell
from hypothesis import given, settings
from hypothesis import strategies as st
from tree_sitter import Language, Node, Parser

from tasks import clock
from tasks.checks import Check, checks_for
from tasks.checks.judging import Before, Limits
from tasks.checks.powershell import LIBRARY, PROLOGUE, compose, quoted, take_apart
from tasks.inspection.judge import judge
from tasks.model import Output, Status

PARSER = Parser(Language(tree_sitter_powershell.language()))
WINDOWS = checks_for("windows")
# What 2.0 does not have.
TOO_NEW = (
    "ConvertTo-Json",
    "[ordered]",
    "[pscustomobject]",
    "::new(",
    "Get-ScheduledTask",
    "-notin ",
    " -in ",
)


def wrong(text: str) -> list[tuple[int, str]]:
    found = []

    def walk(node: Node) -> None:
        if node.is_missing or node.type == "ERROR":
            found.append((node.start_point[0], (node.text or b"").decode()[:60]))
        for child in node.children:
            walk(child)

    walk(PARSER.parse(text.encode()).root_node)
    return found


def answer(text: str, failure: str = "") -> Output:
    return Output("ps", 0, text.encode(), text, "", clock.now(), timedelta(seconds=1), failure)


def section(mark: str, name: str, document: str, code: int = 0) -> str:
    return f"\r\n@@{mark} begin {name}\r\n{document}\r\n\r\n@@{mark} end {name} {code}\r\n"


def test_the_parser_notices_what_is_wrong() -> None:
    assert wrong("function A($x){ if($x){ 1 }") and wrong("@{a=;b=}")


@pytest.mark.parametrize("text", [LIBRARY, PROLOGUE, *[check.probe for check in WINDOWS]])
def test_every_piece_is_powershell_of_the_oldest_version(text: str) -> None:
    assert not wrong(text)
    assert text.isascii()
    assert not [word for word in TOO_NEW if word.casefold() in text.casefold()]


def test_the_composed_script_is_powershell_in_ascii() -> None:
    script = compose(WINDOWS, {"windows.services": {"wanted": "W3SVC 打印\u2019s \U0001f600"}})
    assert script.text.isascii() and not wrong(script.text)
    assert script.seconds > sum(check.seconds for check in WINDOWS)


@settings(max_examples=200, deadline=None)
@given(text=st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=30))
def test_any_text_is_one_string_of_powershell(text: str) -> None:
    made = quoted(text)
    assert made.isascii() and not wrong(f"$x={made}")


def test_sections_are_told_apart_and_noise_around_them_is_none() -> None:
    script = compose(WINDOWS[:2])
    first, second = (check.name for check in script.checks)
    text = "欢迎登录\r\n".encode("gbk").decode("utf-8", "replace")
    text += section(script.mark, first, '{"at":1,"ms":5,"answer":{"a":"\\u4e2d"}}')
    text += section(script.mark, second, '{"at":1,"ms":5,"answer":"\\u62d2\\u7edd\\u8bbf\\u95ee\\u3002"}', 1)
    outputs = take_apart(script, answer(text))
    assert json.loads(outputs[first].text)["answer"] == {"a": "中"}
    assert (outputs[second].exit_code, outputs[second].stderr) == (1, "拒绝访问。")
    (found,) = judge(script.checks[1], outputs[second], Limits(script.checks[1].limits), Before())
    assert found.status is Status.UNKNOWN and "拒绝访问" in found.summary


def test_a_probe_that_hung_costs_only_its_own_answer() -> None:
    script = compose(WINDOWS[:2])
    first, second = (check.name for check in script.checks)
    text = section(script.mark, first, '{"at":1,"ms":9000,"answer":null}', 124)
    text += section(script.mark, second, '{"at":1,"ms":5,"answer":{}}')
    outputs = take_apart(script, answer(text))
    assert outputs[first].failure and not outputs[second].failure


def test_a_cut_anywhere_is_no_answer() -> None:
    script = compose(WINDOWS[:1])
    name = script.checks[0].name
    whole = section(script.mark, name, '{"at":1,"ms":5,"answer":{"busy":7,"cores":2}}')
    for end in range(len(whole)):
        assert take_apart(script, answer(whole[:end]))[name].failure, end
    assert not take_apart(script, answer(whole))[name].failure


def test_a_check_is_a_probe_under_the_mark_of_this_run_alone() -> None:
    probe = Check("windows.x", "windows", "x", (), "@{a='it''s'}", lambda *_: [], 3)
    one, other = compose([probe]), compose([probe])
    assert one.mark != other.mark and "Probe 'windows.x' 3 '@{a=''it''''s''}'" in one.text
