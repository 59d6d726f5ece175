"""Prefect's server, with patience for people. On SQLite it answers 503 to a request that met another's
writing; its own clients ask again, its UI does not: a form that was sent would be lost, a click as well.
"""

import asyncio
import random

from starlette.types import ASGIApp, Message, Receive, Scope, Send

BUSY = 503
# Seconds until it is asked again, more or less; what it says after the last stands.
AGAIN_AFTER = (0.1, 0.2, 0.5, 1.0, 2.0, 4.0)


def create() -> ASGIApp:
    from prefect.server.api.server import create_app  # takes seconds to load

    return Patient(create_app())


class Patient:
    """Asked again as Prefect's own clients do: what it is too busy for, it rolls back."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            await self.app(scope, receive, send)
            return
        asked = [await receive()]
        while asked[-1].get("more_body"):
            asked.append(await receive())
        for wait in AGAIN_AFTER:
            busy = False

            async def send_unless_busy(message: Message) -> None:
                nonlocal busy
                busy = busy or message.get("status") == BUSY
                if not busy:
                    await send(message)

            try:
                await self.app(dict(scope), Replayed(asked, receive), send_unless_busy)
            except Exception:
                if not busy:  # what it answered 503 to is raised as well, for whoever writes a log
                    raise
            if not busy:
                return
            # Two that met once would meet again after the same time.
            await asyncio.sleep(wait * random.uniform(0.5, 1.5))  # noqa: S311 - no secret
        await self.app(scope, Replayed(asked, receive), send)


class Replayed:
    """A request that was read already; behind it, what else the client does."""

    def __init__(self, asked: list[Message], receive: Receive) -> None:
        self.messages, self.receive = iter(asked), receive

    async def __call__(self) -> Message:
        for message in self.messages:
            return message
        return await self.receive()
