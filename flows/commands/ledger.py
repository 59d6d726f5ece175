"""`opsproof ledger`: the ledgers of a contract as a workbook, and people's workbooks back into it."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.commands import noun, verb
from flows.terminal import confirmed, plain, say, show
from tasks.texts import t, why

if TYPE_CHECKING:
    from tasks.inventory.ledger.difference import Difference

Row = dict[str, Any]


def add(nouns: Any) -> None:
    verbs = noun(nouns, "ledger", t("ledger.noun"))
    out = verb(verbs, "export", t("ledger.verb_export"), export)
    out.add_argument("--contract", required=True, metavar="CODE", help=t("ledger.help_contract"))
    out.add_argument("--output", required=True, type=Path, metavar="FILE", help=t("ledger.help_output"))
    back = verb(verbs, "import", t("ledger.verb_import"), import_workbook, table=True)
    back.add_argument("file", type=Path, metavar="FILE", help=t("ledger.help_file"))
    back.add_argument("--contract", required=True, metavar="CODE", help=t("ledger.help_contract"))
    back.add_argument("--mapping", type=Path, metavar="FILE", help=t("ledger.help_mapping"))
    back.add_argument("--remove-missing", action="store_true", help=t("ledger.help_remove"))
    back.add_argument("--yes", action="store_true", help=t("cli.yes"))


def export(options: Any) -> int:
    from tasks.errors import OpsError
    from tasks.files import write_whole
    from tasks.home import home
    from tasks.inventory.ledger.export import workbook
    from tasks.inventory.ledger.rows import current
    from tasks.inventory.load import load

    inventory = load(home().inventories, options.contract)
    tables = current(home().inventories, inventory, options.contract)
    content = workbook(inventory.contract(options.contract), tables)
    try:
        write_whole(options.output, content)
    except OSError as problem:
        raise OpsError(t("ledger.not_written", reason=why(problem))) from problem
    say(t("ledger.exported", file=options.output, rows=sum(len(rows) for rows in tables.values())))
    return 0


def import_workbook(options: Any) -> int:
    from tasks.errors import Refused
    from tasks.home import home
    from tasks.inventory.ledger import apply
    from tasks.inventory.ledger.difference import compare
    from tasks.inventory.ledger.rows import current
    from tasks.inventory.ledger.table import read_mapping, read_tables
    from tasks.inventory.ledger.workbook import read_sheets
    from tasks.inventory.load import load

    folder = home().inventories
    inventory = load(folder, options.contract)
    now = current(folder, inventory, options.contract)
    mappings = read_mapping(options.mapping)
    reading = read_tables(read_sheets(options.file), mappings, inventory.contract(options.contract))
    difference = compare(now, reading.tables)
    for notice in reading.notices:
        say(plain(notice))
    if problems := [plain(one) for one in (*reading.problems, *difference.problems)]:
        raise Refused(t("ledger.workbook_invalid", file=options.file.name, count=len(problems)), problems)
    if not options.json:
        show_difference(difference, options.remove_missing)
    planned = apply.plan(folder, options.contract, difference, reading.tables, options.remove_missing)
    if planned.files:
        apply.proven(folder, options.contract, difference, planned, reading.tables, options.remove_missing)
    # With --json nobody is asked: it shows the difference, and writes it with --yes.
    asked = options.yes if options.json else planned.files and confirmed(t("ledger.ask"), options.yes)
    written = bool(planned.files and asked)
    if written:
        apply.put_in_place(planned)
        say(t("ledger.written", files=t("ledger.and").join(sorted(path.name for path in planned.files))))
    if options.json:
        print(json.dumps(as_json(difference, written), ensure_ascii=False, indent=1))
        return 0
    return 1 if planned.files and not written else 0


def as_json(difference: "Difference", written: bool) -> Row:
    return {
        "added": [
            {"ledger": code, "name": row.name, "values": dict(row.values)} for code, row in difference.added
        ],
        "removed": [{"ledger": code, "name": name} for code, name in difference.removed],
        "changed": [asdict(change) for change in difference.changed],
        "written": written,
    }


def show_difference(difference: "Difference", remove: bool) -> None:
    from tasks.inventory.ledger.columns import LEDGERS

    if not difference:
        print(t("ledger.no_difference"))
        return
    rows: list[Row] = [
        {
            "what": t("ledger.added"),
            "ledger": LEDGERS[code].title,
            "name": row.name,
            "after": t("ledger.and").join(value for key, value in row.values.items() if value),
        }
        for code, row in difference.added
    ]
    rows += [
        {
            "what": t("ledger.changed"),
            "ledger": LEDGERS[one.ledger].title,
            "name": one.name,
            "column": LEDGERS[one.ledger].heading(one.column),
            "before": one.before or t("ledger.blank"),
            "after": one.after or t("ledger.blank"),
        }
        for one in difference.changed
    ]
    gone = t("ledger.removed" if remove else "ledger.missing")
    rows += [{"what": gone, "ledger": LEDGERS[code].title, "name": name} for code, name in difference.removed]
    columns = ("what", "ledger", "name", "column", "before", "after")
    show(rows, {key: t(f"ledger.heading_{key}") for key in columns}, False)
    if difference.removed and not remove:
        say(t("ledger.only_listed", count=len(difference.removed)))
