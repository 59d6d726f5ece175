import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tasks.databases.values import table, value


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (None, None),
        (True, True),
        (2**70, 2**70),
        (1.5, 1.5),
        (float("nan"), "nan"),
        (Decimal("12"), 12),
        (Decimal("12.50"), 12.5),
        (Decimal("Infinity"), "Infinity"),
        (datetime(2026, 2, 28, 1, 2, 3, tzinfo=UTC), "2026-02-28T01:02:03+00:00"),
        (date(2026, 2, 28), "2026-02-28"),
        (timedelta(minutes=-2), -120.0),
        (b"\x00\xff", "00ff"),
        ("一", "一"),
        ([1], "[1]"),
    ],
)
def test_each_value_is_one_that_json_has(given: Any, told: Any) -> None:
    assert value(given) == told and type(value(given)) is type(told)
    json.dumps(value(given), allow_nan=False)


def test_columns_are_named_in_small_letters() -> None:
    made = table([("TABLESPACE_NAME", "VARCHAR2")], [("USERS",)])
    assert made.columns == (("tablespace_name", "VARCHAR2"),)
    assert made.rows == ({"tablespace_name": "USERS"},)
