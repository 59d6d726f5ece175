"""YAML that people write, read strictly: every error of a file in one pass, each with its line
and, where a key is misspelt, what was probably meant.
"""

import difflib
import typing
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Generic, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, RootModel, StringConstraints, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.constructor import RoundTripConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from tasks.texts import t, why

Location = Sequence[str | int]


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing wrong in one place of a file."""

    file: str
    line: int
    text: str
    suggestion: str = ""

    def __str__(self) -> str:
        """On one line: what a file says must not look like a line of ours."""
        return f"{self.file}:{self.line}: {spelt(self.text)}{spelt(self.suggestion)}"


class Shape(BaseModel):
    """What a mapping in a file may hold: no other key, and nothing changes it afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


def printable(text: str) -> str:
    """Refuse control characters here, so that no terminal, log or form ever meets one."""
    for char in text:
        if unicodedata.category(char)[0] == "C" and char != "\n":
            code = f"U+{ord(char):04X}"
            raise PydanticCustomError("control_character", t("strict.control_character", code=code))
    return text


# A name is typed on command lines and used in file names: word characters, dot and hyphen only.
# To pydantic the invisible joiners U+200C and U+200D are word characters: they are refused as well.
Name = Annotated[str, StringConstraints(pattern=r"^\w[\w.-]{0,63}$"), AfterValidator(printable)]
Text = Annotated[str, StringConstraints(max_length=2000, strip_whitespace=True), AfterValidator(printable)]

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True)
class Document(Generic[M]):
    """A file that was read: what it says, and on which line it says it."""

    path: Path
    name: str
    content: M
    tree: Any

    def problem(self, location: Location, text: str, suggestion: str = "") -> Problem:
        return Problem(self.name, line_of(self.tree, location), text, suggestion)


def line_of(tree: Any, location: Location) -> int:
    """The line (from 1) of the innermost part of `location` that the file really has."""
    line = 1
    for step in location:
        if isinstance(tree, CommentedMap) and step in tree:
            line = known(tree.lc.key, step, line)
        elif isinstance(tree, CommentedSeq) and isinstance(step, int) and step < len(tree):
            line = known(tree.lc.item, step, line)
        else:
            # pydantic also names the member of a union: not a place in the file.
            continue
        tree = tree[step]
    return line


def known(place: Any, step: str | int, line: int) -> int:
    """What bears a tag of its own does not know where its parts stand: then it is the line around them."""
    try:
        return int(place(step)[0]) + 1
    except (TypeError, KeyError):
        return line


class DatesAsWritten(RoundTripConstructor):
    """Leaves dates to the shape: `2026-02-30` is an error of its line, not of the whole file."""


DatesAsWritten.add_constructor("tag:yaml.org,2002:timestamp", RoundTripConstructor.construct_scalar)


# Values in one file, each reference counted as what it stands for: 5,000 hosts have 50,000.
LARGEST = 500_000


def parsed(content: bytes) -> Any:
    yaml = YAML(typ="rt")
    yaml.Constructor = DatesAsWritten
    tree = yaml.load(content)
    # A few hundred bytes of references to references can stand for more than any memory holds.
    if weight(tree, {}) > LARGEST:
        raise ValueError("expands without end")
    return tree


# Every room reads the same few files for what it wants of them, and a tree is only looked at. Larger
# ones are not kept: a tree takes forty times the room of its file.
KEPT = 64 * 1024
parsed_once = lru_cache(maxsize=128)(parsed)


def weight(tree: Any, known: dict[int, int]) -> int:
    """How many values `tree` stands for; what contains itself stands for too many."""
    if not isinstance(tree, dict | list | set):
        return 1
    if id(tree) not in known:
        known[id(tree)] = LARGEST + 1
        inside = tree.values() if isinstance(tree, dict) else tree
        known[id(tree)] = 1 + sum(weight(inner, known) for inner in inside)
    return known[id(tree)]


def is_there(path: Path) -> bool:
    """Whether to read it: what cannot even be looked at is there, and reading says why it fails."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        pass
    return True


def read(
    path: Path, shape: type[M], problems: list[Problem], name: str = "", secret: bool = False
) -> Document[M] | None:
    """`path` as a `shape`; what is wrong is added to `problems`, and then there is no document."""
    name = name or path.name
    try:
        content = path.read_bytes()
        tree = parsed(content) if secret or len(content) > KEPT else parsed_once(content)
    except OSError as problem:
        problems.append(Problem(name, 1, t("strict.unreadable", reason=why(problem))))
        return None
    except BROKEN as problem:
        problems.append(broken(name, problem))
        return None
    try:
        said = shape.model_validate({} if tree is None else tree)
    except ValidationError as invalid:
        problems.extend(explain(name, tree, shape, error) for error in invalid.errors())
        return None
    return Document(path, name, said, tree)


# Besides its own errors ruamel lets these out, at tags that do not fit, numbers that are none, merge
# keys that merge themselves, and nesting without end (60,000 broken documents, each kind seen).
BROKEN = (YAMLError, ValueError, LookupError, ArithmeticError, TypeError, AttributeError, RecursionError)


def broken(name: str, problem: Exception) -> Problem:
    """A file that is not YAML at all (or not UTF-8, or has a key twice)."""
    mark = getattr(problem, "problem_mark", None)
    reason = problem.problem if isinstance(problem, MarkedYAMLError) else str(problem)
    first = next(iter((reason or str(problem)).strip().splitlines()), type(problem).__name__)
    return Problem(name, mark.line + 1 if mark else 1, t("strict.broken", reason=translated(first)))


def translated(reason: str) -> str:
    """The parser's English in the user's language; what is not listed is "bad syntax"."""
    for line in t("strict.parser_reasons").strip().splitlines():
        english, _, chinese = line.partition("|")
        if reason.startswith(english):
            return chinese
    return t("strict.broken_otherwise")


def explain(name: str, tree: Any, shape: type[BaseModel], error: ErrorDetails) -> Problem:
    """pydantic's error in the user's language, at the line it is about."""
    location = error["loc"]
    key = visible(named(location))
    suggestion = ""
    match error["type"]:
        case "extra_forbidden":
            text = t("strict.unknown_key", key=key)
            if close := difflib.get_close_matches(key, keys_at(shape, location[:-1]), 1):
                suggestion = t("strict.did_you_mean", key=close[0])
        case "missing":
            text = t("strict.missing_key", key=key)
        case "literal_error" | "enum":
            allowed = str(error["ctx"]["expected"]).replace("'", "").replace(" or ", ", ").split(", ")
            text = t(
                "strict.not_one_of",
                key=key,
                value=ascii_safe(error["input"]),
                expected=t("strict.and").join(allowed),
            )
            if close := difflib.get_close_matches(ascii_safe(error["input"]).strip("'"), allowed, 1):
                suggestion = t("strict.did_you_mean", key=close[0])
        case "string_pattern_mismatch":
            text = t("strict.bad_name", key=key, value=ascii_safe(error["input"]))
        case kind if kind in PLAIN:
            text = t(f"strict.{PLAIN[kind]}", key=key, value=ascii_safe(error["input"]))
        case "greater_than_equal":
            text = t("strict.at_least", key=key, value=ascii_safe(error["input"]), limit=error["ctx"]["ge"])
        case "less_than_equal":
            text = t("strict.at_most", key=key, value=ascii_safe(error["input"]), limit=error["ctx"]["le"])
        case _ if error["msg"].isascii():  # pydantic's own words
            text = t("strict.not_allowed", key=key, value=ascii_safe(error["input"]))
        case _:
            text = t("strict.invalid", key=key, value=ascii_safe(error["input"]), reason=error["msg"])
    return Problem(name, line_of(tree, location), text, suggestion)


PLAIN = {
    "int_type": "not_a_number",
    "int_parsing": "not_a_number",
    "int_from_float": "not_a_number",
    "float_type": "not_a_number",
    "float_parsing": "not_a_number",
    "string_type": "not_a_text",
    "list_type": "not_a_list",
    "tuple_type": "not_a_list",
    "dict_type": "not_a_mapping",
    "model_type": "not_a_mapping",
    "model_attributes_type": "not_a_mapping",
    "bool_type": "not_a_bool",
    "bool_parsing": "not_a_bool",
    "date_type": "not_a_date",
    "date_parsing": "not_a_date",
    "date_from_datetime_parsing": "not_a_date",
    "string_too_long": "too_long",
    "string_too_short": "too_short",
    "too_short": "too_short",
}


def named(location: Location) -> str:
    """What an error is about: a key; pydantic marks an error in the key itself by `[key]`."""
    keys = [str(step) for step in location if step != "[key]"]
    return keys[-1] if keys else t("strict.whole_file")


def ascii_safe(value: object) -> str:
    """A rejected value as it may be shown: short, and with its control characters spelt out."""
    try:
        return visible(repr(value) if isinstance(value, str) else str(value))
    except ValueError:  # a number of more digits than Python writes out
        return "…"


def spelt(text: str) -> str:
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def visible(text: str) -> str:
    shown = spelt(text)
    return shown if len(shown) <= 60 else shown[:57] + "…"


def keys_at(shape: Any, location: Location) -> list[str]:
    """The keys that the shape allows at `location`, through lists, mappings and optional parts."""
    whole = isinstance(shape, type) and issubclass(shape, RootModel)
    # The keys of a RootModel are people's own: only what is inside them has a shape.
    shapes = leaves(shape.model_fields["root"].annotation) if whole else [shape]
    for step in location:
        shapes = [inner for outer in shapes for inner in inside(outer, step)] or shapes
    return sorted({key for found in shapes for key in fields(found)})


def fields(shape: Any) -> list[str]:
    if not (isinstance(shape, type) and issubclass(shape, BaseModel)):
        return []
    return [field.alias or key for key, field in shape.model_fields.items()]


def inside(shape: Any, step: str | int) -> list[Any]:
    """The shapes one step deeper: the field's own, or what a container holds."""
    if isinstance(shape, type) and issubclass(shape, BaseModel):
        found = [f.annotation for key, f in shape.model_fields.items() if (f.alias or key) == step]
        return [leaf for annotation in found for leaf in leaves(annotation)]
    return []


def leaves(annotation: Any) -> list[Any]:
    """The models an annotation may hold: list[A | B] → A, B."""
    arguments = typing.get_args(annotation)
    return [leaf for argument in arguments for leaf in leaves(argument)] if arguments else [annotation]
