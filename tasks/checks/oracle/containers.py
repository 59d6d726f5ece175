"""One statement for a database, and for a container database with everything in it.

A container database is asked over cdb_ views, which show what the account may see of each container: closed
ones are absent without a word, which is why `oracle.pdbs` looks at them by themselves.
"""

import re

from tasks.checks.answers import Answers, Row
from tasks.checks.rows import number, text

# A mounted standby has no dba_ view; an open one has the tablespaces, objects and accounts of its primary.
# The comma, here and in every probe: also where the account may not see which it is. Then it is asked, and
# either answers or is unknown.
PRIMARY = "role=primary,"


def containers(words: str = PRIMARY) -> str:
    """What `name` calls them by."""
    return f"-- containers cdb=YES {words}\nSELECT con_id, name FROM v$containers\n"


def both(name: str, sql: str, words: str = PRIMARY) -> str:
    """`sql` is written over cdb_ views, with `con_id` first wherever it stands; other databases get it over
    dba_ views and without."""
    plain = re.sub(r"\b\w+\.con_id = \w+\.con_id AND ", "", sql)
    plain = re.sub(r"\b(\w+\.)?con_id, ", "", plain).replace("cdb_", "dba_")
    return f"-- {name} cdb=YES {words}\n{sql.strip()}\n-- {name} cdb=NO, {words}\n{plain.strip()}\n"


def name(answers: Answers, row: Row, own: str) -> str:
    """`own` with its container in front, in a container database."""
    if "con_id" not in row:
        return own
    wanted = number(row, "con_id")
    known = answers.rows("containers") if answers.has("containers") else ()
    found = (text(one, "name") for one in known if number(one, "con_id") == wanted)
    return f"{next(found, f'con_id {wanted:.0f}')}/{own}"
