"""A Form as a page and as a Word document. Both come from templates a user may replace: a file of
the same name in `inventories/templates/` is taken before our own.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

from docx.opc.exceptions import PackageNotFoundError
from docxtpl import DocxTemplate, RichText
from jinja2 import Environment, FileSystemLoader
from jinja2 import TemplateError as JinjaError

from tasks.errors import OpsError
from tasks.reports.form import Cell, Form
from tasks.reports.word import COLOURS, insert_tables, writable
from tasks.texts import t

TEMPLATES = Path(__file__).parent / "templates"
HTML = "text/html; charset=utf-8"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


def html(form: Form, own: Path | None = None) -> bytes:
    """One file that needs nothing else: it is read years later, from a DVD."""
    with template("record.html", own) as path:
        loader = FileSystemLoader(path.parent)
        environment = Environment(loader=loader, autoescape=True, trim_blocks=True, finalize=finalize)
        return environment.get_template(path.name).render(form=form, t=t).encode()


def docx(form: Form, own: Path | None = None) -> bytes:
    """The frame (title, header, signatures) is the template's; the tables go where it says so."""
    with template("record.docx", own) as path:
        document = DocxTemplate(path)
        values = {"form": form, "t": t, "rich": rich, "lines": lines(form)}
        document.render(values, Environment(autoescape=True, finalize=finalize), autoescape=True)
        insert_tables(document.docx, form.tables)
        made = io.BytesIO()
        document.save(made)
    return made.getvalue()


# Whatever can be wrong with a template people write: not the file it should be, and code that fails.
BROKEN = (
    JinjaError,
    PackageNotFoundError,
    BadZipFile,
    OSError,
    SyntaxError,  # of XML
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    ArithmeticError,
)


@contextmanager
def template(name: str, own: Path | None) -> Iterator[Path]:
    """People's own template if there is one. What fails with ours is a bug."""
    path = own / name if own else TEMPLATES / name
    if not path.exists():
        yield TEMPLATES / name
        return
    try:
        yield path
    except BROKEN as problem:
        if path.parent == TEMPLATES:
            raise
        reason = " ".join(str(problem).split())[:200] or type(problem).__name__
        raise OpsError(t("reports.no_template", path=path, reason=reason)) from problem


def finalize(value: Any) -> Any:
    """Of each value a template shows."""
    return writable(value) if type(value) is str else value


def rich(cell: Cell) -> RichText:
    """A cell's text in its status colour."""
    return RichText(writable(cell.text), color=COLOURS[cell.status] if cell.status else None, bold=True)


def lines(form: Form) -> list[list[tuple[str, str]]]:
    """The header pairs, two to a line."""
    pairs = [*form.header, *([("", "")] if len(form.header) % 2 else [])]
    return [list(pairs[i : i + 2]) for i in range(0, len(pairs), 2)]
