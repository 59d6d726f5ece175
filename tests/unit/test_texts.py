"""The catalogue against the code: every text asked for is there, every text there is asked for."""

import ast
import re
import string
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

CODE = Path(__file__).parents[2]
TEXTS = CODE / "tasks" / "texts"
SOURCES = sorted(path for room in ("flows", "tasks") for path in (CODE / room).rglob("*.py"))
TEMPLATES = sorted((CODE / "tasks").rglob("templates/*"))
CATALOGUE = {
    f"{path.stem}.{key}": value
    for path in sorted(TEXTS.glob("*.toml"))
    for key, value in tomllib.loads(path.read_text("utf-8")).items()
}
# Ideographs and the punctuation that only Chinese text uses.
CHINESE = re.compile(r"[\u2e80-\u303f\u3400-\u9fff\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff]")
# A check carries its own words, so that it stays one file.
OWN_WORDS = re.compile(r"tasks/checks/[a-z]+/\w+\.py")
IN_TEMPLATE = re.compile(r"""\bt\(\s*["']([\w.]+)["']\s*([~,)])""")


def name(path: Path) -> str:
    return path.relative_to(CODE).as_posix()


def pattern(node: ast.expr) -> str | None:
    """The keys an argument of t() may be, as a regular expression."""
    match node:
        case ast.Constant(value=str(text)):
            return re.escape(text)
        case ast.JoinedStr(values=parts):
            return "".join(
                re.escape(str(part.value)) if isinstance(part, ast.Constant) else r"\w+" for part in parts
            )
        case ast.IfExp(body=body, orelse=orelse):
            both = (pattern(body), pattern(orelse))
            return "|".join(f"(?:{one})" for one in both if one) if all(both) else None
        case _:
            return None


class Call(NamedTuple):
    """A t(…): the pattern of its key, and the names given; None: some were unpacked."""

    place: str
    key: str | None
    given: set[str] | None


class Code(NamedTuple):
    calls: list[Call]
    # Every whole text constant: keys kept in tables are among them.
    strings: set[str]


@cache
def code() -> Code:
    found = Code([], set())
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            match node:
                case ast.Call(func=ast.Name(id="t")):
                    given = {keyword.arg for keyword in node.keywords}
                    names = None if None in given else {str(one) for one in given}
                    found.calls.append(Call(f"{name(path)}:{node.lineno}", pattern(node.args[0]), names))
                case ast.Constant(value=str(text)):
                    found.strings.add(text)
    return found


@cache
def known(key: str) -> list[str]:
    """The keys of the catalogue that a pattern may be."""
    literal = re.sub(r"\\(\W)", r"\1", key)
    if re.escape(literal) == key:
        return [literal] if literal in CATALOGUE else []
    return [one for one in CATALOGUE if re.fullmatch(key, one)]


def in_templates() -> Iterator[tuple[str, str]]:
    for path in TEMPLATES:
        for key, after in IN_TEMPLATE.findall(template_text(path)):
            yield name(path), re.escape(key) + (r"\w+" if after == "~" else "")


def template_text(path: Path) -> str:
    if path.suffix != ".docx":
        return path.read_text("utf-8")
    from docx import Document

    document = Document(str(path))
    cells = [cell.text for table in document.tables for row in table.rows for cell in row.cells]
    parts = [section.footer for section in document.sections]
    lines = [line.text for line in document.paragraphs] + [
        line.text for part in parts for line in part.paragraphs
    ]
    return "\n".join([*lines, *cells])


@cache
def asked() -> list[tuple[str, str]]:
    return [(call.place, call.key) for call in code().calls if call.key] + list(in_templates())


# A call that may mean any text of a room says nothing about which are used: those stand in a table.
WHOLE_ROOM = re.compile(r"\w+\\\.(?:\\w\+)")


# Keys whose end is a name of something else: a duty's form, a ledger's column, a routine, an error of
# the system, what a record's page shows.
BY_NAME = (
    "contract.form_",
    "ledger.host_",
    "ledger.also_",
    "system.E",
    "routine.performance_review",
    "oracle.dpi_",
    "oracle.dpy_",
    "oracle.ora_",
    "oracle.no_driver",
    "oracle.not_oracle",
    "routine.plan_check",
    "routine.backup_",
    "inspection.backup",
    "portal.",
    "inspection.security_",
    "inspection.plan",
)


def placeholders(text: str) -> set[str]:
    return {re.split(r"[.\[]", field)[0] for _, field, _, _ in string.Formatter().parse(text) if field}


def test_no_chinese_in_the_code() -> None:
    found = [
        f"{name(path)}:{number}: {line.strip()}"
        for path in SOURCES
        if not OWN_WORDS.fullmatch(name(path))
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if CHINESE.search(line)
    ]
    assert not found, "\n".join(found)


def test_what_is_asked_for_is_there() -> None:
    missing = [f"{place}: {key}" for place, key in asked() if not known(key)]
    assert not missing, "\n".join(missing)


def test_what_is_there_is_asked_for() -> None:
    """By a call, by a call with a part to fill in, or as a key kept in a table of the code."""
    used = {one for _, key in asked() if not WHOLE_ROOM.fullmatch(key) for one in known(key)}
    kept = code().strings
    unused = [
        key
        for key in CATALOGUE
        if key not in used and not key.startswith(BY_NAME) and not {key, key.partition(".")[2]} & kept
    ]
    assert not unused, unused


def test_what_a_text_needs_is_given() -> None:
    wrong = []
    for place, key, given in code().calls:
        if key is None or given is None or WHOLE_ROOM.fullmatch(key):
            continue
        for one in known(key):
            value = CATALOGUE[one]
            needs = placeholders(value) if isinstance(value, str) else set()
            if key == re.escape(one) and needs != given:
                wrong.append(f"{place}: {one} needs {sorted(needs)}, given {sorted(given)}")
    assert not wrong, "\n".join(wrong)


def test_texts_are_chinese_and_whole() -> None:
    for key, value in CATALOGUE.items():
        for text in [value] if isinstance(value, str) else value:
            assert text.strip() or text == "", key
            assert placeholders(text) is not None
            assert "TODO" not in text and "\ufffd" not in text, key
