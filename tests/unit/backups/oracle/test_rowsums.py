"""Every statement is Oracle's SQL by its grammar, as far as a parser of another's making knows it; that no
line is too long for SQL*Plus, and that nothing but looking is done."""

import pytest
import sqlglot
from sqlglot import exp

from tasks.backups.oracle import rowsums
from tasks.backups.oracle.rowsums import DEFINITIONS, TABLES, USERS, Columns, at, of_definitions, of_rows

WIDE = Columns("APP", 'O"DD', tuple((f"C{n}", "NUMBER") for n in range(200)), ())
MIXED = Columns("APP", "T", (("ID", "NUMBER"), ("D", "TIMESTAMP(6)"), ("B", "BLOB"), ("C", "CLOB")), ())
STATEMENTS = [
    *(of_definitions(one, "77") for one in DEFINITIONS),
    *(of_definitions(one, owners=["APP", "O'X"]) for one in DEFINITIONS),
    of_rows(WIDE, "77"),
    of_rows(MIXED),
    TABLES.format(point=at("77"), users=USERS),
]


@pytest.mark.parametrize("statement", STATEMENTS)
def test_it_is_a_query_of_oracle(statement: str) -> None:
    assert isinstance(sqlglot.parse_one(statement, dialect="oracle"), exp.Select)
    assert max(len(line) for line in statement.splitlines()) < 2499
    assert ";" not in statement


def test_a_lob_is_hashed_by_its_content_and_null_is_no_hash() -> None:
    said = of_rows(MIXED)
    assert 'dbms_crypto.hash("B", 4)' in said and 'standard_hash("C"' not in said
    assert said.count("'-')") == 4 and "ora_hash" not in said.lower()


def test_many_columns_fit_a_text() -> None:
    assert of_rows(WIDE).count("standard_hash(nvl2") == 4  # 200 columns, 50 at once


@pytest.mark.parametrize(
    ("kind", "can"), [("LONG", False), ("XMLTYPE", False), ("TIMESTAMP(6) WITH TIME ZONE", True)]
)
def test_types(kind: str, can: bool) -> None:
    assert rowsums.can_be_summed(kind) is can
