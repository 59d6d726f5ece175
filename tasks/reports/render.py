"""A Form as a page and as a Word document. Both come from templates a user may replace: a file of
the same name in `inventories/templates/` is taken before our own.
"""

import io
from pathlib import Path

from docx.opc.exceptions import PackageNotFoundError
from docxtpl import DocxTemplate, RichText
from jinja2 import Environment, FileSystemLoader
from jinja2 import TemplateError as JinjaError

from tasks.errors import OpsError
from tasks.reports.form import Cell, Form
from tasks.reports.word import COLOURS, insert_tables
from tasks.texts import t

TEMPLATES = Path(__file__).parent / "templates"
HTML = "text/html; charset=utf-8"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


def html(form: Form, own: Path | None = None) -> bytes:
    """One file that needs nothing else: it is read years later, from a DVD."""
    folders = [str(folder) for folder in (own, TEMPLATES) if folder]
    environment = Environment(loader=FileSystemLoader(folders), autoescape=True, trim_blocks=True)
    return environment.get_template("record.html").render(form=form, t=t).encode()


def docx(form: Form, own: Path | None = None) -> bytes:
    """The frame (title, header, signatures) is the template's; the tables go where it says so."""
    path = TEMPLATES / "record.docx"
    if own and (own / "record.docx").exists():
        path = own / "record.docx"
    try:
        document = DocxTemplate(path)
        document.render({"form": form, "t": t, "rich": rich, "lines": lines(form)}, autoescape=True)
        insert_tables(document.docx, form.tables)
        made = io.BytesIO()
        document.save(made)
    except (JinjaError, PackageNotFoundError, KeyError, ValueError) as problem:
        raise OpsError(t("reports.no_template", path=path, reason=problem)) from problem
    return made.getvalue()


def rich(cell: Cell) -> RichText:
    """A cell's text in its status colour."""
    return RichText(cell.text, color=COLOURS[cell.status] if cell.status else None, bold=True)


def lines(form: Form) -> list[list[tuple[str, str]]]:
    """The header pairs, two to a line."""
    pairs = [*form.header, *([("", "")] if len(form.header) % 2 else [])]
    return [list(pairs[i : i + 2]) for i in range(0, len(pairs), 2)]
