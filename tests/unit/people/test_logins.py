import stat
from datetime import timedelta
from pathlib import Path

import pytest

from tasks.clock import now
from tasks.errors import Refused
from tasks.home import Home
from tasks.people import logins, operators
from tasks.people.operators import Operator, Role
from tests.unit.people.at_once import at_once

GOOD = "correct-horse-1"


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """A try takes a tenth of a second on purpose; who is no operator, and the first login, still pay it."""
    monkeypatch.setitem(logins.COST, "n", 2**10)


def person(house: Home, name: str = "张三", password: str = GOOD) -> None:
    operators.add(house, Operator(name=name, roles=("reader",), contracts=("local",)))
    logins.set_password(house, name, password)


def test_the_first_login_is_made_once_private_and_readable(house: Home) -> None:
    made = logins.first_login(house)
    assert made.user == "admin" and made.made and len(made.password) >= 16
    assert not set(made.password) & set("0O1Il:")
    path = house.secrets / "first-login"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(house.secrets.stat().st_mode) == 0o700
    again = logins.first_login(house)
    assert (again.password, again.made) == (made.password, False)
    assert made.password not in repr(made)
    assert path.read_text().strip() == made.auth


def test_two_starts_at_once_make_one_first_login(house: Home) -> None:
    answers = set(at_once(4, lambda: logins.first_login(house).auth))
    assert len(answers) == 1 and answers.pop().startswith("admin:")


def test_the_first_login_opens_the_portal(house: Home) -> None:
    made = logins.first_login(house)
    who = logins.check(house, "admin", made.password)
    assert who == logins.Identity("admin", (Role.ADMIN,), "all")
    assert logins.check(house, "admin", made.password + "x") is None


def test_a_login_file_is_used_instead(house: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "login"
    path.write_text("chief:some:password\n")
    path.chmod(0o600)
    monkeypatch.setenv("OPSPROOF_LOGIN_FILE", str(path))
    login = logins.first_login(house)
    assert (login.user, login.password, login.made) == ("chief", "some:password", False)
    assert not (house.secrets / "first-login").exists()
    path.chmod(0o644)
    with pytest.raises(Refused, match="chmod 600"):
        logins.first_login(house)


@pytest.mark.parametrize(
    "content", ["", "admin", "admin:", ":longenough-password", "a b:longenough-1", "甲:longenough-1"]
)
def test_a_login_file_of_another_form_is_refused(
    house: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    path = tmp_path / "login"
    path.write_text(content)
    path.chmod(0o600)
    monkeypatch.setenv("OPSPROOF_LOGIN_FILE", str(path))
    with pytest.raises(Refused):
        logins.first_login(house)


def test_a_missing_login_file_is_not_replaced_by_a_made_login(
    house: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPSPROOF_LOGIN_FILE", str(tmp_path / "nothing"))
    with pytest.raises(Refused, match="OPSPROOF_LOGIN_FILE"):
        logins.first_login(house)


def test_an_operator_logs_in_with_roles_and_contracts(house: Home) -> None:
    person(house)
    assert logins.check(house, "张三", GOOD) == logins.Identity("张三", (Role.READER,), ("local",))
    for user, password in (
        ("张三", "wrong"),
        ("李四", GOOD),
        ("", ""),
        ("张三", "x" * 100_000),
        ("\udc80", "\udc80"),
    ):
        assert logins.check(house, user, password) is None


def test_no_password_is_in_any_file_but_the_first_login(house: Home) -> None:
    person(house)
    files = [path for path in house.secrets.iterdir() if path.is_file()]
    assert files and all(GOOD.encode() not in path.read_bytes() for path in files)
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in files)


def test_five_wrong_lock_out_for_a_quarter_of_an_hour(house: Home) -> None:
    person(house)
    at = now()
    for n in range(5):
        assert logins.check(house, "张三", "wrong", at + timedelta(seconds=n)) is None
    assert logins.check(house, "张三", GOOD, at + timedelta(minutes=14)) is None
    assert logins.check(house, "张三", GOOD, at + timedelta(minutes=15)) is not None


def test_a_right_one_clears_the_wrong_ones(house: Home) -> None:
    person(house)
    at = now()
    for password in ("wrong", "wrong", "wrong", "wrong", GOOD, "wrong", "wrong"):
        logins.check(house, "张三", password, at)
    assert logins.check(house, "张三", GOOD, at) is not None


def test_a_person_taken_off_the_list_is_out(house: Home) -> None:
    person(house)
    operators.remove(house, "张三")
    assert logins.check(house, "张三", GOOD) is None


@pytest.mark.parametrize("password", ["short", "x" * 9, "x" * 300, "with\x1bescape-code"])
def test_weak_or_strange_passwords_are_refused(house: Home, password: str) -> None:
    operators.add(house, Operator(name="张三", roles=("reader",), contracts="all"))
    with pytest.raises(Refused):
        logins.set_password(house, "张三", password)


def test_nobody_shares_the_name_of_the_first_login(house: Home) -> None:
    operators.add(house, Operator(name="admin", roles=("reader",), contracts="all"))
    with pytest.raises(Refused, match="admin"):
        logins.set_password(house, "admin", GOOD)


def test_a_readable_password_file_is_refused(house: Home) -> None:
    person(house)
    (house.secrets / "logins.json").chmod(0o640)
    with pytest.raises(Refused, match=r"logins\.json"):
        logins.check(house, "张三", GOOD)


def test_unknown_names_leave_no_trace_of_their_own(house: Home) -> None:
    person(house)
    for n in range(3):
        assert logins.check(house, f"guess-{n}", GOOD) is None
    assert "guess" not in (house.secrets / "logins.json").read_text()
    assert logins.with_password(house) == {"张三"}
    assert logins.check(house, "张三", GOOD) is not None
