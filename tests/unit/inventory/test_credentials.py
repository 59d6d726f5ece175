"""Names become logins only from places that nobody else can read, and never show themselves."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.errors import OpsError, Refused
from tasks.home import Home
from tasks.inventory.credentials import Credential, resolve, source_of, variable
from tasks.inventory.secret_files import Login, credentials_file, read_any, store, stored

SECRET = "Tr0ub4dor&3-不外传"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    for name in list(os.environ):
        if name.startswith("OPSPROOF_CREDENTIAL_"):
            monkeypatch.delenv(name)
    return Home(tmp_path / "home", tmp_path / "inventories")


def file(home: Home, text: str, mode: int = 0o600) -> Path:
    path = home.ready(home.secrets) / "credentials.yml"
    path.write_text(text, "utf-8")
    path.chmod(mode)
    return path


def test_three_sources_in_order(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def block(name: str) -> dict[str, str] | None:
        asked.append(name)
        return {"user": "blocked", "password": SECRET} if name == "sp-linux" else None

    assert resolve("sp-linux", home, block).user == "blocked"
    file(home, f"sp-linux: {{user: filed, password: '{SECRET}'}}")
    assert resolve("sp-linux", home, block) == Credential("sp-linux", "filed", SECRET)
    monkeypatch.setenv("OPSPROOF_CREDENTIAL_SP_LINUX_USER", "env")
    monkeypatch.setenv("OPSPROOF_CREDENTIAL_SP_LINUX_PASSWORD", SECRET)
    assert (resolve("sp-linux", home, block).user, source_of("sp-linux", home)) == ("env", "environment")
    assert asked == ["sp-linux"]
    assert source_of("other", home, block) is None


def test_a_missing_one_says_what_to_do(home: Home) -> None:
    with pytest.raises(OpsError, match="opsproof credential set sp-linux") as missing:
        resolve("sp-linux", home)
    assert variable("sp-linux", "user") in str(missing.value)


def test_nothing_shows_a_secret(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    found = Credential("a", "u", SECRET, "", SECRET)
    assert SECRET not in f"{found!r}{found}{Login(user='u', password=SECRET)!r}"
    monkeypatch.setenv("OPSPROOF_CREDENTIAL_A_PASSWORD", SECRET)
    with pytest.raises(Refused) as refused:
        resolve("a", home)
    assert SECRET not in str(refused.value)
    assert refused.value.__suppress_context__


@pytest.mark.parametrize(
    "text",
    [
        f"a: {SECRET}",
        f"a: {{user: u, pasword: {SECRET}}}",
        f"a: {{user: u, password: [{SECRET}]}}",
        f"a: {{user: u, password: *{SECRET}}}",
        f"a: {{user: u, password: 1}}\na: {{user: u, password: {SECRET}}}",
        f"a: {{user: u}}\n{SECRET}: x: y",
        f"a: {{user: u, password: !!int {SECRET}}}",
        f'a: {{user: u, password: "{SECRET}\\x07"}}',
        f"- {SECRET}",
    ],
)
def test_a_broken_file_is_told_by_line_only(home: Home, text: str) -> None:
    path = file(home, "# 凭据\n" + text)
    with pytest.raises(Refused) as refused:
        resolve("a", home)
    assert f"{path}:" in str(refused.value)
    assert "Tr0ub" not in str(refused.value)
    assert "Tr0ub" not in repr(refused.value.__cause__)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660, 0o601])
def test_a_file_others_can_read_is_refused(home: Home, mode: int) -> None:
    path = file(home, "a: {user: u}", mode)
    with pytest.raises(Refused, match=f"chmod 600 {path}"):
        resolve("a", home)


def test_a_folder_others_can_enter_is_refused(home: Home) -> None:
    file(home, "a: {user: u}")
    home.secrets.chmod(0o755)
    with pytest.raises(Refused, match=f"chmod 700 {home.secrets}"):
        resolve("a", home)


def test_a_link_is_judged_by_what_it_leads_to(home: Home, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.yml"
    elsewhere.write_text("a: {user: u}")
    elsewhere.chmod(0o644)
    (home.ready(home.secrets) / "credentials.yml").symlink_to(elsewhere)
    with pytest.raises(Refused, match=f"chmod 600 {elsewhere}"):
        resolve("a", home)
    elsewhere.chmod(0o600)
    assert resolve("a", home).user == "u"
    tmp_path.chmod(0o777)
    with pytest.raises(Refused, match=f"chmod go-w {tmp_path}"):
        resolve("a", home)
    tmp_path.chmod(0o700)
    elsewhere.unlink()
    with pytest.raises(OpsError, match="无法读取"):
        resolve("a", home)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_somebody_else_is_refused(home: Home) -> None:
    os.chown(file(home, "a: {user: u}"), 65534, 65534)
    with pytest.raises(Refused, match="不属于当前用户"):
        resolve("a", home)


def test_a_key_others_can_read_is_refused(home: Home, tmp_path: Path) -> None:
    key = tmp_path / "id"
    key.write_text("key")
    key.chmod(0o644)
    file(home, f"a: {{user: u, key_file: {key}}}")
    with pytest.raises(Refused, match=f"chmod 600 {key}"):
        resolve("a", home)
    key.chmod(0o600)
    assert resolve("a", home).key_file == str(key)


printable = st.text(
    st.characters(blacklist_categories=["C"], blacklist_characters="\u2028\u2029"), min_size=1, max_size=20
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(printable, printable)
def test_any_password_survives_the_file(home: Home, user: str, password: str) -> None:
    user = user.strip() or "u"
    store(home, {"a": Login(user=user, password=password)})
    found = resolve("a", home)
    assert (found.user, found.password) == (user, password)


def test_the_file_is_private_from_its_first_byte(home: Home) -> None:
    assert store(home, {"a": Login(user="u"), "b": Login(user="v")}) == 0
    assert store(home, {"b": Login(user="w")}) == 1
    assert stored(home) == {"a": Login(user="u"), "b": Login(user="w")}
    assert credentials_file(home).stat().st_mode & 0o777 == 0o600
    assert home.secrets.stat().st_mode & 0o777 == 0o700


def test_many_who_add_at_once_are_all_in_the_file(home: Home) -> None:
    names = [f"c{number}" for number in range(24)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: store(home, {name: Login(user=name)}), names))
    assert sorted(stored(home)) == sorted(names)


def test_a_spreadsheet_saved_on_a_chinese_windows(tmp_path: Path) -> None:
    path = tmp_path / "凭据.csv"
    path.write_bytes('name,user,password\r\na,管理员,口令1\r\nb,root,"x,""y"\r\n'.encode("gbk"))
    path.chmod(0o600)
    assert read_any(path) == {
        "a": Login(user="管理员", password="口令1"),
        "b": Login(user="root", password='x,"y'),
    }
    path.write_bytes("\ufeffname,user\na,u\n".encode())
    assert read_any(path) == {"a": Login(user="u")}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("user,password\nu,p\n", "表头不符"),
        ("name,user,pass\na,u,p\n", "表头不符"),
        ("", "表头不符"),
        ("name,user,password\na,u,p\na,u,q\n", ".csv:3"),
        ("name,user,password\na,,secret\n", ".csv:2"),
        ("name,user,password\na b,u,secret\n", ".csv:2"),
        ("name,user,password\na,u,secret,more\n", ".csv:2"),
        ("name,user,password\na,u,sec\x07ret\n", ".csv:2"),
    ],
)
def test_a_wrong_list_is_told_by_line_only(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "list.csv"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(Refused) as refused:
        read_any(path)
    assert said in str(refused.value)
    assert "secret" not in str(refused.value)
