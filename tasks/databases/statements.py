"""What a check asks a database, written as SQL: one statement, or several under headings.

    -- lag on=standby since=12.2
    SELECT name, value FROM v$dataguard_stats

`on` says which member of a database is asked: `primary` (if nothing is said), `standby` or `each`. `since`
and `before` bound the version. Any other word has to be what the session says of itself: `flavour=mariadb`,
`role=standby,primary`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

HEADING = re.compile(r"^-- (?P<name>[a-z]\w*)(?P<words>(?: \w+=\S+)*)[ \t]*$", re.MULTILINE)
# The name of a check's only statement.
ONLY = "rows"


@dataclass(frozen=True, slots=True)
class Statement:
    name: str
    sql: str
    on: str = "primary"
    since: str = ""
    before: str = ""
    where: Mapping[str, str] = field(default_factory=dict)

    def fits(self, facts: Mapping[str, str]) -> bool:
        """Whether a session with these facts is to be asked."""
        version = parts(facts.get("version", ""))
        if self.since and version < parts(self.since):
            return False
        if self.before and version >= parts(self.before):
            return False
        return all(facts.get(name, "") in wanted.split(",") for name, wanted in self.where.items())

    def concerns(self, role: str, members: int) -> bool:
        """Whether a member in this role is asked: one that stands alone is, whatever it is."""
        return self.on in ("each", role) or (members == 1 and self.on == "primary")


def parts(version: str) -> tuple[int, ...]:
    """`19.21.0.0.0`, `10.11.6-MariaDB-log`: the numbers in front."""
    found = re.match(r"\d+(\.\d+)*", version)
    return tuple(int(part) for part in found[0].split(".")) if found else ()


def statements(probe: str) -> tuple[Statement, ...]:
    headings = list(HEADING.finditer(probe))
    if not headings:
        return (Statement(ONLY, probe.strip()),)
    ends = [*(heading.start() for heading in headings[1:]), len(probe)]
    return tuple(
        made(heading["name"], heading["words"], probe[heading.end() : end])
        for heading, end in zip(headings, ends, strict=True)
    )


def made(name: str, words: str, sql: str) -> Statement:
    said = dict(word.split("=", 1) for word in words.split())
    fixed = {key: said.pop(key) for key in ("on", "since", "before") if key in said}
    return Statement(name, sql.strip().rstrip(";"), **fixed, where=said)
