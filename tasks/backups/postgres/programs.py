"""pg_dump, pg_dumpall and pg_restore on a database's own host: one script, its password in it and nowhere
else, what it says on its standard output."""

import shlex
from collections.abc import Mapping, Sequence

from tasks.backups.postgres.sessions import Way
from tasks.databases.postgres import NO_FILE

# Gentle where the host can be.
GENTLE = """gentle=""
command -v nice >/dev/null && gentle="nice -n 19"
command -v ionice >/dev/null && gentle="$gentle ionice -c 3"
"""
FIND = """found=""
for one in {places}; do [ -x "$one" ] && found="$one" && break; done
[ -n "$found" ] || found=$(command -v {name}) || {{ echo "{missing}" >&2; exit 127; }}
"""
PLACES = ("/usr/lib/postgresql/{}/bin/{}", "/usr/pgsql-{}/bin/{}", "/usr/local/pgsql/bin/{1}")
MISSING = "opsproof: no {}"


def script(
    way: Way,
    version: int,
    name: str,
    words: Sequence[str],
    database: str,
    given: Mapping[str, str] = {},
    gentle: bool = False,
) -> str:
    """Its environment is its owner's and root's to see; it ends with the stream."""
    major = version // 10000
    places = [given[name]] if name in given else [place.format(major, name) for place in PLACES]
    exports = "\n".join(
        f"export {key}={shlex.quote(value)}" for key, value in environment(way, database).items()
    )
    finding = FIND.format(places=shlex.join(places), name=name, missing=MISSING.format(name))
    return f'{exports}\n{finding}{GENTLE if gentle else ""}exec ${{gentle:-}} "$found" {shlex.join(words)}\n'


def environment(way: Way, database: str) -> Mapping[str, str]:
    endpoint, login = way.endpoint, way.login
    said = {
        "PGHOST": endpoint.address,
        "PGPORT": str(endpoint.port),
        "PGDATABASE": database,
        "PGUSER": login.user if login else "",
        "PGPASSWORD": login.password if login else "",
        "PGPASSFILE": NO_FILE,
        "PGSSLMODE": "require" if way.database.tls else "disable",
        "PGCONNECT_TIMEOUT": "20",
        "PGAPPNAME": "opsproof",
        "PGCLIENTENCODING": "UTF8",
        "LC_ALL": "C",
        # The time in an archive is told in it without its zone.
        "TZ": "UTC",
    }
    return {key: value for key, value in said.items() if value}
