"""Many alarms, one thread: each call is made in its time or not at all."""

import threading
import time

from tasks.transports.alarm import Alarm


def test_calls_come_in_their_time_whatever_the_order_they_were_set_in() -> None:
    heard: list[str] = []
    alarms = [Alarm(0.3, lambda: heard.append("late")), Alarm(0.05, lambda: heard.append("soon"))]
    time.sleep(0.15)
    assert heard == ["soon"]
    time.sleep(0.25)
    assert heard == ["soon", "late"]
    for alarm in alarms:
        alarm.put_off()


def test_what_was_put_off_makes_no_call_and_leaves_no_thread() -> None:
    before, heard = threading.active_count(), threading.Event()
    alarms = [Alarm(0.1, heard.set) for _ in range(100)]
    assert threading.active_count() == before + 1
    for alarm in alarms:
        alarm.put_off()
    assert not heard.wait(0.2)
    assert threading.active_count() == before


def test_a_call_that_blocks_delays_no_other_and_is_over_when_put_off() -> None:
    heard, over = threading.Event(), threading.Event()

    def slow() -> None:
        time.sleep(0.4)
        over.set()

    blocking, other = Alarm(0.0, slow), Alarm(0.05, heard.set)
    assert heard.wait(0.3) and not over.is_set()
    blocking.put_off()
    assert over.is_set()
    other.put_off()


def test_set_and_put_off_from_many_threads_at_once() -> None:
    """Half of them are put off in time, half ring; the watching thread ends and starts in between."""
    rung: list[int] = []

    def one(number: int) -> None:
        for turn in range(20):
            alarm = Alarm(30 if turn % 2 else 0, lambda: rung.append(number))
            while not turn % 2 and rung.count(number) <= turn // 2:
                time.sleep(0.001)
            alarm.put_off()

    threads = [threading.Thread(target=one, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()
    assert sorted(rung) == sorted(number for number in range(8) for _ in range(10))
