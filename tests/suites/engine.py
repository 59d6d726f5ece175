"""What every database engine keeps to. A subclass gives the fixture `opened` (a session with a sound
database), and says in its own SQL what differs.
"""

import json
import time

import pytest

from tasks.databases import NotAnswered, Session

# Beyond the first plane of Unicode, too: what a three-byte "utf8" loses.
WEIRD = "一'\"; -- \t\u20ac😀"


class EngineSuite:
    ONE = "SELECT 1 AS n"
    # The text as a literal, doubled quotes being the same everywhere.
    TEXT = "SELECT '{text}' AS said"
    NULL = "SELECT NULL AS absent"
    EMPTY = "SELECT 1 AS n WHERE 1 = 0"
    NO_SUCH = "SELECT * FROM no_such_thing"
    MANY = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < {count}) SELECT x FROM n"
    SLOW: str
    WRITES: tuple[str, ...] = ("CREATE TABLE opsproof_was_here (n INTEGER)",)

    def test_it_says_what_it_is(self, opened: Session) -> None:
        assert opened.facts["version"][0].isdigit() and opened.facts["role"] in ("primary", "standby")

    def test_an_answer_has_names_types_and_values(self, opened: Session) -> None:
        table = opened.ask(self.ONE, 5)
        assert [name for name, _ in table.columns] == ["n"] and [dict(row) for row in table.rows] == [
            {"n": 1}
        ]

    def test_text_comes_as_it_was_written(self, opened: Session) -> None:
        asked = self.TEXT.format(text=WEIRD.replace("'", "''"))
        assert opened.ask(asked, 5).rows[0]["said"] == WEIRD

    def test_what_json_cannot_hold_is_not_in_it(self, opened: Session) -> None:
        for statement in (self.ONE, self.NULL, self.EMPTY):
            json.dumps([dict(row) for row in opened.ask(statement, 5).rows], allow_nan=False)
        assert opened.ask(self.NULL, 5).rows[0]["absent"] is None
        assert opened.ask(self.EMPTY, 5).rows == ()

    def test_ten_thousand_rows(self, opened: Session) -> None:
        assert len(opened.ask(self.MANY.format(count=10_000), 20).rows) == 10_000

    def test_a_refusal_has_a_code_and_the_session_lives_on(self, opened: Session) -> None:
        with pytest.raises(NotAnswered) as refused:
            opened.ask(self.NO_SUCH, 5)
        assert refused.value.code and str(refused.value)
        assert opened.ask(self.ONE, 5).rows[0]["n"] == 1

    def test_a_slow_statement_ends_at_its_limit_and_the_session_lives_on(self, opened: Session) -> None:
        started = time.monotonic()
        with pytest.raises(NotAnswered, match="1 秒"):
            opened.ask(self.SLOW, 1)
        assert time.monotonic() - started < 4
        assert opened.ask(self.ONE, 5).rows[0]["n"] == 1

    def test_it_writes_nothing(self, opened: Session) -> None:
        for statement in self.WRITES:
            with pytest.raises(NotAnswered):
                opened.ask(statement, 5)
            assert opened.ask(self.ONE, 5).rows[0]["n"] == 1

    def test_closing_twice_does_no_harm(self, opened: Session) -> None:
        opened.close()
        opened.close()
