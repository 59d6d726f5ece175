"""The portal from outside, over a real book: who sees what, and what nobody can make it do."""

import re
import shutil
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from tasks import clock
from tasks.home import Home, home
from tasks.model import Evidence, Outcome, Record, Tier
from tasks.people import logins, operators
from tasks.people.operators import Operator, Role
from tasks.portal import app, sessions
from tasks.records import Book

PASSWORD = "correct-horse-1"
NASTY = "<script>alert(1)</script><img src=x onerror=alert(2)>"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An installation with a login, an operator and two contracts; each test gets a copy."""
    folder = tmp_path_factory.mktemp("model")
    (folder / "inventories").mkdir()
    made = Home(folder / "var", folder / "inventories")
    logins.first_login(made)
    operators.add(made, Operator(name="甲", roles=(Role.READER,), contracts=("shop",)))
    logins.set_password(made, "甲", PASSWORD)
    book = Book(made.ready(made.book))
    content = f"<h1>表单</h1>{NASTY}".encode()
    page = book.keep(content, f"表单{NASTY}.html", "text/html; charset=utf-8", Tier.LEAST)
    word = book.keep(b"PK", "a.docx", "application/octet-stream", Tier.FAIR)
    for contract in ("shop", "bank"):
        book.append(record(contract, page, word))
    return folder


@pytest.fixture
def house(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("OPSPROOF_HOME", str(tmp_path / "var"))
    monkeypatch.setenv("OPSPROOF_INVENTORIES", str(tmp_path / "inventories"))
    monkeypatch.delenv("OPSPROOF_LOGIN_FILE", raising=False)
    shutil.copytree(model, tmp_path, dirs_exist_ok=True)
    return home()


@pytest.fixture
def book(house: Home) -> Book:
    return Book(house.book)


def record(contract: str, *evidence: Evidence, summary: str = NASTY) -> Record:
    now = clock.now()
    return Record(
        contract=contract,
        routine="inspection",
        title=f"每日巡检{NASTY}",
        started_at=now,
        ended_at=now,
        started_by=NASTY,
        outcome=Outcome.FINDINGS,
        summary=summary,
        not_reached=(NASTY,),
        facts={NASTY: NASTY},
        evidence=evidence,
    )


@pytest.fixture
def stranger(book: Book) -> Iterator[TestClient]:
    with TestClient(app.create(), follow_redirects=False) as client:
        yield client


@pytest.fixture
def admin(stranger: TestClient, house: Home) -> TestClient:
    return inside(stranger, logins.Identity("admin", (Role.ADMIN,), "all"))


@pytest.fixture
def reader(stranger: TestClient) -> TestClient:
    return inside(stranger, logins.Identity("甲", (Role.READER,), ("shop",)))


def inside(client: TestClient, who: logins.Identity) -> TestClient:
    """Logged in without the tenth of a second that a password takes."""
    client.cookies.set("opsproof", app.sessions.open(who))
    return client


def enter(client: TestClient, user: str, password: str) -> TestClient:
    answer = client.post("/login?next=/records/shop", data={"user": user, "password": password})
    assert (answer.status_code, answer.headers["location"]) == (303, "/records/shop")
    return client


PAGES = ["/", "/records/shop", "/records/shop/1", "/records/shop/1/evidence/1", "/records/shop?before=9"]


@pytest.mark.parametrize("path", [*PAGES[::2], "/records/x/9?self=1&a=b"])
def test_a_stranger_is_sent_to_the_login_and_comes_back_where_he_was(stranger: TestClient, path: str) -> None:
    answer = stranger.get(path)
    assert answer.status_code == 303 and not answer.content
    login = stranger.get(answer.headers["location"])
    assert login.status_code == 200
    action = re.search(r'action="(/login\?next=[^"]*)"', login.text)
    assert action
    password = logins.first_login(home()).password
    back = stranger.post(action[1], data={"user": "admin", "password": password})
    assert back.headers["location"] == path
    assert stranger.get(path).status_code in (200, 404)


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.test/",
        "//evil.test",
        "/\\evil.test",
        "/\t/evil.test",
        "\\\\evil.test",
        "javascript:alert(1)",
        "/%09/evil.test",
        "evil.test",
        "/\r\nSet-Cookie: a=b",
    ],
)
def test_the_login_leads_to_no_other_host(target: str) -> None:
    location = app.local_path(target)
    assert re.match(r"/(?![/\\\s])|/$", location), location
    assert "\r" not in location and "\n" not in location


def test_where_the_login_leads_is_looked_at(stranger: TestClient, house: Home) -> None:
    right = {"user": "admin", "password": logins.first_login(house).password}
    answer = stranger.post("/login", params={"next": "//evil.test"}, data=right)
    assert answer.status_code == 303 and answer.headers["location"] == "/"
    assert answer.headers.get_list("set-cookie")[0][:8] == "opsproof"


def test_a_wrong_password_and_a_locked_name_look_alike(stranger: TestClient) -> None:
    for user in ("甲", "nobody"):
        for password in ("wrong-password", "", "x" * 300, "\x00"):
            answer = stranger.post("/login", data={"user": user, "password": password})
            assert answer.status_code == 401 and "set-cookie" not in answer.headers
    stranger.post("/login", data={"user": "甲", "password": "wrong"})
    locked = stranger.post("/login", data={"user": "甲", "password": PASSWORD})
    assert locked.status_code == 401 and locked.text == answer.text
    assert stranger.get("/").status_code == 303


def test_a_login_form_of_another_site_or_of_any_size_is_refused(stranger: TestClient, house: Home) -> None:
    right = {"user": "admin", "password": logins.first_login(house).password}
    assert stranger.post("/login", data=right, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert stranger.post("/login", content=b"x" * 20_000).status_code == 413
    for odd in (b"", b"\xff\xfe", b"user", b"user=a&user=b&password"):
        assert stranger.post("/login", content=odd).status_code == 401
    files = {"user": ("a", b"admin"), "password": ("b", b"x")}
    assert stranger.post("/login", files=files).status_code == 401


def test_logging_out_ends_the_session_and_only_by_oneself(admin: TestClient) -> None:
    token = admin.cookies["opsproof"]
    assert admin.post("/logout", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert admin.get("/logout").status_code == 405
    assert admin.get("/").status_code == 200
    assert admin.post("/logout").status_code == 303
    admin.cookies.set("opsproof", token)
    assert admin.get("/").status_code == 303


def test_the_cookie_is_for_the_browser_alone(stranger: TestClient, house: Home) -> None:
    right = {"user": "admin", "password": logins.first_login(house).password}
    cookie = stranger.post("/login", data=right).headers["set-cookie"].lower()
    assert (
        "httponly" in cookie and "samesite=strict" in cookie and "path=/" in cookie and "secure" not in cookie
    )
    with TestClient(app.create(), base_url="https://testserver", follow_redirects=False) as safe:
        assert "secure" in safe.post("/login", data=right).headers["set-cookie"].lower()


def test_sessions_end_unused_and_in_any_case(monkeypatch: pytest.MonkeyPatch) -> None:
    held, now = sessions.Sessions(), [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    who = logins.Identity("甲", (Role.READER,), ("shop",))
    token = held.open(who)
    now[0] += sessions.IDLE_SECONDS - 1
    assert held.who(token) == who and held.who("") is None and held.who(token + "x") is None
    now[0] += sessions.IDLE_SECONDS + 1
    assert held.who(token) is None
    token = held.open(who)
    for _ in range(24 * 6 - 1):
        now[0] += 600
        assert held.who(token)
    now[0] += 601
    assert held.who(token) is None
    tokens = [held.open(who) for _ in range(sessions.MOST + 5)]
    assert held.who(tokens[0]) is None and held.who(tokens[-1]) == who


def test_an_operator_sees_his_contracts_only(reader: TestClient) -> None:
    for path in PAGES:
        assert reader.get(path).status_code == 200, path
    assert "bank" not in reader.get("/").text
    unseen = [reader.get(path.replace("shop", "bank")) for path in PAGES[1:]]
    absent = reader.get("/records/nowhere")
    assert {answer.status_code for answer in unseen} == {404} == {absent.status_code}
    assert {answer.text for answer in unseen} == {absent.text}, "nobody learns that there is such a contract"


def test_everybody_sees_everything_who_may(admin: TestClient) -> None:
    assert all(admin.get(path.replace("shop", "bank")).status_code == 200 for path in PAGES)


@pytest.mark.parametrize(
    "path",
    [
        "/records/shop/2",
        "/records/shop/0",
        "/records/shop/-1",
        "/records/shop/9223372036854775808",
        f"/records/shop/{'9' * 5000}",
        "/records/shop/٣",
        "/records/shop/1/evidence/0",
        "/records/shop/1/evidence/3",
        f"/records/shop/1/evidence/{'9' * 5000}",
        "/records/..%2f..%2fetc%2fpasswd",
        "/records/../../../etc/passwd",
        "/records/%3Cscript%3E",
        "/records/shop/1/evidence/..%2f..%2fbook.sqlite",
        "/static/x",
        "/records",
    ],
)
def test_what_is_not_there_is_a_page_that_says_so(admin: TestClient, path: str) -> None:
    answer = admin.get(path)
    assert answer.status_code == 404 and "没有这一页" in answer.text and "<script>" not in answer.text
    assert answer.headers["content-security-policy"]


@pytest.mark.parametrize("before", ["9" * 5000, "9223372036854775807", "-1", "x", "²", ""])
def test_odd_questions_are_no_bugs(admin: TestClient, before: str) -> None:
    assert admin.get("/records/shop", params={"before": before, "routine": "inspection"}).status_code == 200
    assert admin.get("/records/shop", params={"routine": "' OR 1=1 --"}).status_code == 404


@pytest.mark.parametrize("path", PAGES)
def test_pages_only_show(admin: TestClient, path: str) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        answer = admin.request(method, path)
        assert answer.status_code == 405 and "只供查看" in answer.text
    assert admin.head(path).status_code == 200


@pytest.mark.parametrize("path", [*PAGES, "/login", "/nothing"])
def test_every_page_carries_the_safe_headers_and_runs_nothing(admin: TestClient, path: str) -> None:
    answer = admin.get(path)
    policy = answer.headers["content-security-policy"]
    assert (
        "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "script-src" not in policy
    )
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    if "evidence" not in path:
        assert "<script" not in answer.text and "<img" not in answer.text


def test_evidence_is_shown_in_a_box_and_other_files_are_handed_out(admin: TestClient) -> None:
    page = admin.get("/records/shop/1/evidence/1")
    assert "sandbox" in page.headers["content-security-policy"] and "表单" in page.text
    assert (
        page.headers["content-disposition"].startswith("inline; filename*=UTF-8''")
        and "<" not in page.headers["content-disposition"]
    )
    word = admin.get("/records/shop/1/evidence/2")
    assert word.content == b"PK" and word.headers["content-disposition"].startswith("attachment")


def test_changed_evidence_is_an_error_and_never_shown(admin: TestClient, house: Home, book: Book) -> None:
    digest = book.entry("shop", 1).record.evidence[0].digest
    blob = next((house.book / "blobs").rglob(f"{digest}*"))
    sound = blob.read_bytes()
    other = book.keep(b"<h1>forged</h1>", "x.html", "text/html", Tier.LEAST)
    for content in (sound[:-1], b"", next((house.book / "blobs").rglob(f"{other.digest}*")).read_bytes()):
        blob.chmod(0o600)
        blob.write_bytes(content)
        answer = admin.get("/records/shop/1/evidence/1")
        assert answer.status_code == 409 and "无法显示" in answer.text
        assert "forged" not in answer.text and "<h1>表单" not in answer.text
    blob.unlink()
    assert admin.get("/records/shop/1/evidence/1").status_code == 409


def test_no_secret_is_on_any_page(admin: TestClient, house: Home) -> None:
    secrets = [logins.first_login(house).password, admin.cookies["opsproof"], str(house.root)]
    for path in [*PAGES, "/login", "/nothing", "/health"]:
        text = admin.get(path).text
        assert not [secret for secret in secrets if secret in text]


def test_a_book_that_cannot_be_read_is_told_and_a_bug_shows_nothing(
    admin: TestClient, house: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    (house.book / "book.sqlite").write_bytes(b"nonsense" * 1000)
    for stale in house.book.glob("book.sqlite-*"):
        stale.unlink()
    answer = admin.get("/")
    assert answer.status_code == 409 and "Traceback" not in answer.text


def test_a_thousand_records_are_shown_at_once(admin: TestClient, book: Book) -> None:
    book.append_all(record("shop", summary=f"第 {n} 次") for n in range(1000))
    started = time.monotonic()
    overview = admin.get("/")
    seconds = time.monotonic() - started
    assert "第 999 次" in overview.text and seconds < 3
    page = admin.get("/records/shop")
    older = re.search(r'href="(\?before=\d+)"', page.text)
    assert older and "第 949 次" in admin.get(f"/records/shop{older[1]}").text
    print(f"overview {seconds:.3f} s")


def test_an_operator_logs_in_and_an_empty_installation_says_so(house: Home) -> None:
    shutil.rmtree(house.book)
    with TestClient(app.create(), follow_redirects=False) as client:
        enter(client, "甲", PASSWORD)
        assert "还没有记录" in client.get("/").text
        assert client.get("/health").text == "ok"


def test_a_record_without_evidence_and_one_planned(admin: TestClient, book: Book) -> None:
    entry = book.append(record("shop"))
    assert "没有附件" in admin.get(f"/records/shop/{entry.seq}").text
    assert entry.record.started_at - clock.now() < timedelta(seconds=1)


def test_an_operator_who_is_removed_is_out_at_once(reader: TestClient, house: Home) -> None:
    assert reader.get("/").status_code == 200
    operators.remove(house, "甲")
    assert reader.get("/").status_code == 303


def test_a_recorded_session_is_handed_out_and_never_run(admin: TestClient, book: Book) -> None:
    cast = book.keep(b'{"version": 2}\n', "session.cast", "application/x-asciicast", Tier.VERY)
    seq = book.append(record("shop", cast)).seq
    answer = admin.get(f"/records/shop/{seq}/evidence/1")
    assert answer.content == b'{"version": 2}\n'
    assert answer.headers["content-disposition"] == "attachment; filename*=UTF-8''session.cast"
