from tasks.databases.statements import ONLY, Statement, statements

PROBE = """
-- lag on=standby since=12.2
SELECT name, value -- with a remark
FROM v$dataguard_stats;
-- managed on=standby before=12.2
SELECT process FROM v$managed_standby
-- slaves flavour=mariadb,percona
SHOW ALL SLAVES STATUS
"""
LAG, MANAGED, SLAVES = statements(PROBE)


def test_a_probe_without_headings_is_one_statement() -> None:
    assert statements("\nSELECT 1 -- not a heading\n") == (Statement(ONLY, "SELECT 1 -- not a heading"),)


def test_headings_part_statements() -> None:
    assert (
        Statement("lag", "SELECT name, value -- with a remark\nFROM v$dataguard_stats", "standby", "12.2")
        == LAG
    )
    assert (MANAGED.before, MANAGED.sql) == ("12.2", "SELECT process FROM v$managed_standby")
    assert SLAVES.where == {"flavour": "mariadb,percona"} and SLAVES.on == "primary"


def test_versions_bound_a_statement() -> None:
    for version, lag, managed in (
        ("11.2.0.4.0", False, True),
        ("12.2.0.1.0", True, False),
        ("19.21", True, False),
    ):
        assert (LAG.fits({"version": version}), MANAGED.fits({"version": version})) == (lag, managed)


def test_what_a_session_says_of_itself_chooses() -> None:
    assert SLAVES.fits({"version": "10.11.6-MariaDB-log", "flavour": "mariadb"})
    assert not SLAVES.fits({"version": "8.0.36", "flavour": "mysql"}) and not SLAVES.fits({})


def test_a_member_that_stands_alone_is_asked_what_a_primary_is() -> None:
    assert SLAVES.concerns("standby", 1) and not SLAVES.concerns("standby", 2)
    assert LAG.concerns("standby", 2) and not LAG.concerns("primary", 1)
