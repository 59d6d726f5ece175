"""What goes out is noted once, whole, and without a secret."""

import json
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from tasks import clock
from tasks.databases.asking import opened
from tasks.errors import OpsError
from tasks.hiding import Hiding, HidingFlow
from tasks.home import Home
from tasks.inventory.credentials import Keyring, variable
from tasks.model import Database, Host
from tasks.operations import Operation, Operations, collecting, digest_of, read
from tasks.transports import Access, open_stream, open_transport

HERE = Host(contract="local", part="m", name="h", os="linux", transport="local")
SECRET = "S3cret'pa\\ss\"w0rd"


def operation(text: str, target: str = "h") -> Operation:
    return Operation(at=clock.now(), target=target, way="ssh", text=text, seconds=0.1)


@pytest.fixture
def keyring(tmp_path: Path) -> Keyring:
    return Keyring(Home(tmp_path, tmp_path))


def test_what_a_transport_sends_is_noted_with_the_digest_of_its_answer(keyring: Keyring) -> None:
    with collecting() as sent:
        access = Access(keyring)
        output = open_transport(HERE, access).run("echo said; echo no >&2; exit 3", timedelta(seconds=5))
        with open_stream(HERE, access).stream("printf abc") as stream:
            while stream.read():
                pass
    one, two = read(sent.content())
    assert (one.target, one.way, one.text, one.exit_code) == (
        "h",
        "local",
        "echo said; echo no >&2; exit 3",
        3,
    )
    assert one.digest == digest_of(output.raw + output.stderr.encode()) and one.size == 8
    assert (two.text, two.exit_code, two.digest) == ("printf abc", 0, digest_of(b"abc"))


def test_a_stream_that_breaks_is_noted_with_its_failure(keyring: Keyring) -> None:
    with (
        collecting() as sent,
        pytest.raises(OpsError),
        open_stream(HERE, Access(keyring)).stream("exit 4") as stream,
    ):
        stream.read()
    (one,) = read(sent.content())
    assert "4" in one.failure and one.exit_code is None


def test_nothing_is_noted_where_nothing_is_collected(keyring: Keyring) -> None:
    assert Access(keyring).sent is None


def test_threads_of_a_run_note_into_its_collection(keyring: Keyring) -> None:
    with collecting() as sent:
        access = Access(keyring)

    def work() -> None:
        with access.noting("x", "http", "GET /"):
            pass

    threads = [threading.Thread(target=work) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(sent) == 20 and len(json.loads(sent.content())["texts"]) == 1


def test_one_script_for_many_hosts_is_held_once_although_each_trip_has_its_own_mark() -> None:
    sent = Operations()
    for number in range(116):
        sent.add(operation(f"mark={number:024x}\nuptime", f"web-{number}"))
    document = json.loads(sent.content())
    assert list(document["texts"].values()) == ["mark=<mark>\nuptime"]
    assert len(document["operations"]) == 116


@pytest.mark.parametrize(
    "written",
    [
        SECRET,
        "'S3cret'\"'\"'pa\\ss\"w0rd'",
        '"S3cret\'pa\\\\ss\\"w0rd"',
        "'S3cret''pa\\ss\"w0rd'",
    ],
)
def test_no_secret_of_the_keyring_is_noted_however_it_is_written(
    written: str, keyring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable("db", "user"), "backup")
    monkeypatch.setenv(variable("db", "password"), SECRET)
    keyring("db")
    with collecting() as sent, Access(keyring).noting("h", "ssh", f"password={written} run") as answer:
        answer.failure = f"refused: {written}"
    (one,) = read(sent.content())
    assert "w0rd" not in one.text + one.failure and one.text.startswith("password=") and "run" in one.text


def test_statements_are_noted(keyring: Keyring, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sqlite3

    monkeypatch.setenv("OPSPROOF_HOME", str(tmp_path))
    sqlite3.connect(tmp_path / "db.sqlite").close()
    database = Database(contract="local", part="m", name="db", engine="sqlite", path="db.sqlite")
    with collecting() as sent, opened(database, Access(keyring)) as members:
        session = members[0].session
        assert session is not None, members[0].failure
        session.ask("SELECT 1 AS one", 5)
    login, asked = read(sent.content())
    assert login.way == "sqlite" and asked.text == "SELECT 1 AS one" and asked.size > 0


def test_a_secret_cut_by_pieces_is_hidden_and_nothing_else_is() -> None:
    hiding = Hiding(["hunter2", "另一个口令"])
    for text in ("a hunter2 b hunter hunter", "hunt\x1b[0mer2!", "口令 另一个 另一个口令。"):
        for step in (1, 2, 3, 7):
            flow = HidingFlow(hiding)
            pieces = [text[i : i + step] for i in range(0, len(text), step)]
            kept = "".join(map(flow.feed, pieces)) + flow.rest()
            assert kept == hiding(text)
            assert "hunter2" not in kept and "另一个口令" not in kept
