"""The portal's pages. Everything shown comes from the book; nothing here writes to it."""

import re
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote

from jinja2 import Environment, FileSystemLoader
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from tasks.errors import OpsError, Refused
from tasks.home import home
from tasks.people.logins import Identity, check, identity_of
from tasks.portal.sessions import Sessions
from tasks.records import Book, Entry
from tasks.texts import t

TEMPLATES = Path(__file__).parent / "templates"
COOKIE = "opsproof"
PAGE = 50

# Evidence is shown as it was kept, perhaps with script in it from a system that was inspected: it
# may run nothing and fetch nothing.
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
INLINE = ("text/html", "application/json", "text/plain")
LARGEST_FORM = 16 * 1024
# What fits into the book's own counting.
NUMBER = re.compile(r"[0-9]{1,18}")

sessions = Sessions()
pages = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True)
pages.globals["t"] = t  # macros of an imported template see no other values
Page = Callable[[Request, Identity], Awaitable[Response]]


def create() -> Starlette:
    routes = [
        Route("/health", health),
        Route("/login", login, methods=["GET", "POST"]),
        Route("/logout", logout, methods=["POST"]),
        Route("/", behind_login(overview)),
        Route("/records/{contract}", behind_login(contract_records)),
        Route("/records/{contract}/{seq}", behind_login(one_record)),
        Route("/records/{contract}/{seq}/evidence/{n}", behind_login(evidence)),
    ]
    handlers: dict[Any, Any] = {OpsError: trouble, 404: not_found, 405: not_that_way, 500: bug}
    return Starlette(routes=routes, exception_handlers=handlers)


def page(template: str, status: int = 200, **values: Any) -> HTMLResponse:
    text = pages.get_template(template).render(**values)
    return HTMLResponse(text, status, headers=HEADERS)


def behind_login(shown: Page) -> Callable[[Request], Awaitable[Response]]:
    async def guarded(request: Request) -> Response:
        session = sessions.who(request.cookies.get(COOKIE, ""))
        # Asked again each time: who was removed, or lost a contract, is out at once.
        identity = await run_in_threadpool(identity_of, home(), session.name) if session else None
        if identity is None:
            here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
            return RedirectResponse(f"/login?next={quote(here, safe='/')}", 303, headers=HEADERS)
        return await shown(request, identity)

    return guarded


async def health(request: Request) -> Response:
    return PlainTextResponse("ok")


async def login(request: Request) -> Response:
    target = local_path(request.query_params.get("next", "/"))
    if request.method == "GET":
        return page("login.html", next=target, wrong=False)
    if from_elsewhere(request):
        return page("message.html", 403, who=None, text=t("portal.from_elsewhere"))
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_FORM:
            return page("message.html", 413, who=None, text=t("portal.too_large"))
    form = dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
    user, password = form.get("user", ""), form.get("password", "")
    identity = await run_in_threadpool(check, home(), user, password)
    if identity is None:
        return page("login.html", 401, next=target, wrong=True)
    answer = RedirectResponse(target, 303, headers=HEADERS)
    secure = request.url.scheme == "https"
    answer.set_cookie(COOKIE, sessions.open(identity), httponly=True, secure=secure, samesite="strict")
    return answer


def from_elsewhere(request: Request) -> bool:
    """Sent by a page of another site, as the browser says: nobody's own wish to log in or out."""
    return request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "same-site", "none")


def local_path(text: str) -> str:
    """Where to go after the login: a path of ours, never another host."""
    ours = text.startswith("/") and not text.startswith(("//", "/\\")) and text.isprintable()
    return text if ours else "/"


async def logout(request: Request) -> Response:
    if from_elsewhere(request):
        return page("message.html", 403, who=None, text=t("portal.from_elsewhere"))
    sessions.close(request.cookies.get(COOKIE, ""))
    answer = RedirectResponse("/login", 303, headers=HEADERS)
    answer.delete_cookie(COOKIE)
    return answer


def may_see(identity: Identity, contract: str) -> bool:
    return identity.contracts == "all" or contract in identity.contracts


async def overview(request: Request, identity: Identity) -> Response:
    def gather() -> list[Mapping[str, Any]]:
        book = Book(home().book)
        return [
            {
                "contract": contract,
                "head": book.head(contract),
                "last": list(book.entries(contract=contract, newest_first=True, limit=5)),
            }
            for contract in book.contracts()
            if may_see(identity, contract)
        ]

    return page("overview.html", who=identity, chains=await run_in_threadpool(gather))


async def contract_records(request: Request, identity: Identity) -> Response:
    contract = request.path_params["contract"]
    before = request.query_params.get("before", "")
    routine = request.query_params.get("routine") or None

    def gather() -> list[Entry]:
        upto = int(before) if NUMBER.fullmatch(before) else None
        book = Book(home().book)
        found = book.entries(contract=contract, routine=routine, before=upto, newest_first=True, limit=PAGE)
        return list(found)

    entries = await run_in_threadpool(gather) if may_see(identity, contract) else []
    if not entries:
        return page("message.html", 404, who=identity, text=t("portal.not_found"))
    more = entries[-1].seq if len(entries) == PAGE else None
    return page(
        "records.html", who=identity, contract=contract, entries=entries, more=more, routine=routine or ""
    )


async def entry_of(request: Request, identity: Identity) -> Entry | None:
    contract, seq = request.path_params["contract"], request.path_params["seq"]
    if not (may_see(identity, contract) and NUMBER.fullmatch(seq)):
        return None
    try:
        return await run_in_threadpool(Book(home().book).entry, contract, int(seq))
    except Refused:  # there is none of that number
        return None


async def one_record(request: Request, identity: Identity) -> Response:
    entry = await entry_of(request, identity)
    if entry is None:
        return page("message.html", 404, who=identity, text=t("portal.not_found"))
    return page("record.html", who=identity, entry=entry, record=entry.record)


async def evidence(request: Request, identity: Identity) -> Response:
    entry, number = await entry_of(request, identity), request.path_params["n"]
    kept = entry.record.evidence if entry else ()
    if not NUMBER.fullmatch(number) or not 1 <= int(number) <= len(kept):
        return page("message.html", 404, who=identity, text=t("portal.not_found"))
    piece = kept[int(number) - 1]
    # read() compares with the digest: changed evidence is an error page, never shown as if sound.
    content = await run_in_threadpool(Book(home().book).read, piece)
    shown = "inline" if piece.media_type.startswith(INLINE) else "attachment"
    disposition = f"{shown}; filename*=UTF-8''{quote(piece.name)}"
    # In a box of its own: a form inside it could otherwise be sent to our login.
    policy = f"{HEADERS['Content-Security-Policy']}; sandbox"
    headers = HEADERS | {"Content-Disposition": disposition, "Content-Security-Policy": policy}
    media_type = piece.media_type
    if media_type.startswith(("application/json", "text/plain")):
        media_type = "text/plain; charset=utf-8"
    return Response(content, media_type=media_type, headers=headers)


async def trouble(request: Request, problem: Exception) -> Response:
    who = sessions.who(request.cookies.get(COOKIE, ""))
    return page("message.html", 409, who=who, text=str(problem))


async def not_found(request: Request, problem: Exception) -> Response:
    who = sessions.who(request.cookies.get(COOKIE, ""))
    return page("message.html", 404, who=who, text=t("portal.not_found"))


async def not_that_way(request: Request, problem: Exception) -> Response:
    who = sessions.who(request.cookies.get(COOKIE, ""))
    return page("message.html", 405, who=who, text=t("portal.read_only_page"))


async def bug(request: Request, problem: Exception) -> Response:
    """Its traceback is in the log; a page tells nobody how we are built."""
    return page("message.html", 500, who=None, text=t("portal.bug"))
