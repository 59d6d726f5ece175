import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pyotp
import pytest

from tasks.clock import ZONE
from tasks.errors import OpsError, Refused
from tasks.home import Home
from tasks.people import codes, operators
from tasks.people.codes import Accepted, Rejected
from tasks.people.operators import Operator
from tests.unit.people.at_once import at_once

AT = datetime(2026, 11, 21, 9, 0, 5, tzinfo=ZONE)
Code = Callable[[datetime], str]


def seconds(n: float) -> timedelta:
    return timedelta(seconds=n)


@pytest.fixture
def code(house: Home) -> Code:
    """The authenticator app of an enrolled operator."""
    operators.add(house, Operator(name="张三", roles=("approver",), contracts="all"))
    secret = codes.new_secret()
    codes.enrol(house, "张三", secret)
    return lambda at: pyotp.TOTP(secret).at(at)


def test_a_code_is_good_one_step_early_and_late_and_no_further(house: Home, code: Code) -> None:
    for n, offset in enumerate((-30, 0, 30)):
        now = AT + timedelta(hours=n)
        assert isinstance(codes.accept(house, "张三", code(now + seconds(offset)), now), Accepted)
    for n, offset in enumerate((-65, 65)):
        now = AT + timedelta(days=1, hours=n)
        assert isinstance(codes.accept(house, "张三", code(now + seconds(offset)), now), Rejected)


def test_a_code_is_good_once(house: Home, code: Code) -> None:
    assert isinstance(codes.accept(house, "张三", code(AT), AT), Accepted)
    again = codes.accept(house, "张三", code(AT), AT + seconds(2))
    assert isinstance(again, Rejected) and "已使用" in again.reason
    # An older code, not used itself, does not follow a newer one either.
    assert isinstance(codes.accept(house, "张三", code(AT - seconds(30)), AT), Rejected)
    assert isinstance(codes.accept(house, "张三", code(AT + seconds(30)), AT + seconds(30)), Accepted)


def test_it_is_used_up_on_disk_before_the_answer(house: Home, code: Code) -> None:
    codes.accept(house, "张三", code(AT), AT)
    held = json.loads((house.secrets / "totp.json").read_text())
    assert held["张三"]["last"] == int(AT.timestamp()) // 30


def test_five_wrong_lock_out_and_the_right_one_waits(house: Home, code: Code) -> None:
    for n in range(5):
        answer = codes.accept(house, "张三", "000000", AT + seconds(n))
        assert isinstance(answer, Rejected)
    assert answer.locked_until == AT + timedelta(minutes=15)
    late = AT + timedelta(minutes=14)
    locked = codes.accept(house, "张三", code(late), late)
    assert isinstance(locked, Rejected) and "锁定" in locked.reason
    free = AT + timedelta(minutes=15)
    assert isinstance(codes.accept(house, "张三", code(free), free), Accepted)


def test_wrong_ones_far_apart_do_not_lock(house: Home, code: Code) -> None:
    for n in range(12):
        codes.accept(house, "张三", "000000", AT + timedelta(minutes=4 * n))
    after = AT + timedelta(minutes=45)
    assert isinstance(codes.accept(house, "张三", code(after), after), Accepted)


def test_a_clock_set_back_lets_no_code_through_twice(house: Home, code: Code) -> None:
    ahead = AT + timedelta(hours=1)
    assert isinstance(codes.accept(house, "张三", code(ahead), ahead), Accepted)
    answer = codes.accept(house, "张三", code(AT), AT)
    assert isinstance(answer, Rejected) and "回拨" in answer.reason
    assert isinstance(codes.accept(house, "张三", code(ahead), ahead), Rejected)


def test_a_lock_from_the_future_lasts_a_quarter_of_an_hour(house: Home, code: Code) -> None:
    future = datetime(2038, 1, 19, 12, tzinfo=ZONE)
    for _ in range(5):
        codes.accept(house, "张三", "000000", future)
    assert isinstance(codes.accept(house, "张三", code(AT), AT), Rejected)
    free = AT + timedelta(minutes=15)
    assert isinstance(codes.accept(house, "张三", code(free), free), Accepted)


def test_2038_and_the_epoch_work(house: Home, code: Code) -> None:
    for at in (datetime(1970, 1, 1, 8, 0, 1, tzinfo=ZONE), datetime(2038, 1, 20, tzinfo=ZONE)):
        assert isinstance(codes.accept(house, "张三", code(at), at), Accepted)


@pytest.mark.parametrize(
    "typed", ["", " ", "12345", "1234567", "abcdef", "１２３４５６", "\udc80", "0" * 9999]
)
def test_what_is_no_code_is_wrong(house: Home, code: Code, typed: str) -> None:
    assert isinstance(codes.accept(house, "张三", typed, AT), Rejected)


def test_spaces_in_a_code_are_forgiven(house: Home, code: Code) -> None:
    right = code(AT)
    assert isinstance(codes.accept(house, "张三", f"{right[:3]} {right[3:]}", AT), Accepted)


def test_nobody_without_secret_or_off_the_list(house: Home, code: Code) -> None:
    assert isinstance(codes.accept(house, "李四", "000000", AT), Rejected)
    operators.remove(house, "张三")
    assert isinstance(codes.accept(house, "张三", code(AT), AT), Rejected)


def test_six_processes_with_one_code_one_gets_in(house: Home, code: Code) -> None:
    right = code(AT)
    answers = at_once(6, lambda: type(codes.accept(house, "张三", right, AT)).__name__)
    assert sorted(answers) == ["Accepted"] + ["Rejected"] * 5


def test_clock_error_tells_how_far_and_uses_nothing_up(house: Home, code: Code) -> None:
    assert codes.clock_error(house, "张三", code(AT - timedelta(minutes=3)), AT) == -timedelta(minutes=3)
    assert codes.clock_error(house, "张三", code(AT + timedelta(minutes=20)), AT) is None
    assert codes.clock_error(house, "张三", code(AT), AT) == timedelta()
    assert isinstance(codes.accept(house, "张三", code(AT), AT), Accepted)


def test_a_damaged_or_readable_file_is_told_not_ignored(house: Home, code: Code) -> None:
    path: Path = house.secrets / "totp.json"
    path.chmod(0o604)
    with pytest.raises(Refused, match="chmod 600"):
        codes.accept(house, "张三", code(AT), AT)
    path.chmod(0o600)
    for content in ('{"张三": ', "[]", '{"张三": 1}'):
        path.write_text(content)
        with pytest.raises(OpsError, match="损坏"):
            codes.accept(house, "张三", code(AT), AT)
