"""Statements of a backup, said on connections that PyMySQL opened."""

import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

import pymysql
from pymysql.cursors import Cursor

T = TypeVar("T")
Row = tuple[Any, ...]


def ask(connection: Any, sql: str, values: Sequence[Any] = ()) -> list[Row]:
    with connection.cursor(Cursor) as cursor:
        cursor.execute(sql, values or None)
        return list(cursor.fetchall())


def setting(connection: Any, name: str) -> str:
    """A variable of the server; empty where it has none of that name."""
    rows = ask(connection, "SHOW GLOBAL VARIABLES LIKE %s", [name.replace("_", r"\_")])
    return str(rows[0][1]) if rows else ""


def is_mariadb(connection: Any) -> bool:
    return "mariadb" in str(connection.get_server_info()).lower()


def quoted(*names: str) -> str:
    return ".".join("`" + name.replace("`", "``") + "`" for name in names)


def shared(
    connections: Sequence[Any], work: Callable[[Any, T], Any], things: Iterable[T], control: Any
) -> list[Any]:
    """`work` for each thing, the connections taking them in turn. Whatever ends it early, a stop included,
    ends what they still ask: a server goes on counting for a client that has left."""
    waiting: SimpleQueue[T] = SimpleQueue()
    for thing in things:
        waiting.put(thing)
    done: list[Any] = []
    failed: list[BaseException] = []

    def take(connection: Any) -> None:
        try:
            while not failed:
                done.append(work(connection, waiting.get_nowait()))
        except Empty:
            return
        except BaseException as problem:  # noqa: BLE001 - raised again below
            failed.append(problem)

    threads = [threading.Thread(target=take, args=(one,), daemon=True) for one in connections]
    for thread in threads:
        thread.start()
    try:
        while not failed and any(thread.is_alive() for thread in threads):
            for thread in threads:
                thread.join(0.02 if thread.is_alive() else 0)
    finally:
        if any(thread.is_alive() for thread in threads):
            failed.append(InterruptedError())
        # Again and again: one that was only about to ask would not be hit.
        while alive := [one for one, thread in zip(connections, threads, strict=True) if thread.is_alive()]:
            for one in alive:
                with suppress(pymysql.MySQLError):
                    ask(control, f"KILL QUERY {one.thread_id()}")
            for thread in threads:
                thread.join(0.1)
    if failed:
        raise failed[0]
    return done
