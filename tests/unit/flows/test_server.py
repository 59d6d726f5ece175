"""The UI's requests that a busy server did not take are asked again, whole."""

import json
from collections.abc import Callable

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from flows import server

BODY = {"state": {"type": "SCHEDULED"}, "note": "字" * 100_000}


@pytest.fixture
def busy(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], tuple[TestClient, list[bytes]]]:
    """A server that is busy so many times, and what it was asked."""
    monkeypatch.setattr(server, "AGAIN_AFTER", (0.0, 0.0, 0.0, 0.0))

    def made(times: int) -> tuple[TestClient, list[bytes]]:
        heard: list[bytes] = []

        async def answer(request: Request) -> Response:
            heard.append(await request.body())
            if len(heard) <= times:
                raise OSError("database is locked")
            return JSONResponse({"id": len(heard)}, 201)

        app = Starlette(
            routes=[Route("/api", answer, methods=["GET", "POST"])],
            # As Prefect answers; Starlette sends this, and raises the error all the same.
            exception_handlers={Exception: lambda _, __: JSONResponse({}, 503)},
        )
        return TestClient(server.Patient(app), raise_server_exceptions=False), heard

    return made


@pytest.mark.parametrize("times", [0, 1, 4])
def test_it_is_asked_until_it_does(busy: Callable[[int], tuple[TestClient, list[bytes]]], times: int) -> None:
    client, heard = busy(times)
    answer = client.post("/api", json=BODY)
    assert (answer.status_code, answer.json()) == (201, {"id": times + 1})
    assert [json.loads(one) for one in heard] == [BODY] * (times + 1)


def test_one_that_stays_busy_says_so(busy: Callable[[int], tuple[TestClient, list[bytes]]]) -> None:
    client, heard = busy(99)
    assert client.post("/api", json=BODY).status_code == 503 and len(heard) == 5


def test_who_only_reads_is_told_at_once(busy: Callable[[int], tuple[TestClient, list[bytes]]]) -> None:
    client, heard = busy(1)
    assert client.get("/api").status_code == 503 and len(heard) == 1
