"""Files that hold secrets: read only if nobody else could have, written so that nobody else can.

What is wrong with one is told by line, never by content: the wrong thing may be a password.
"""

import csv
import fcntl
import io
import os
import shlex
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, ConfigDict, RootModel, StringConstraints, ValidationError
from ruamel.yaml import YAML

from tasks.errors import OpsError, Refused
from tasks.files import write_whole
from tasks.home import Home
from tasks.strict import Name, Problem, Shape, Text, printable, read
from tasks.texts import t, why

Secret = Annotated[str, StringConstraints(max_length=2000), AfterValidator(printable)]
PARTS = ("user", "password", "key_file", "passphrase")
# A spreadsheet saved as CSV on a Chinese Windows is not UTF-8.
CSV_ENCODINGS = ("utf-8-sig", "gb18030")


class Login(Shape):
    model_config = ConfigDict(hide_input_in_errors=True)

    user: Annotated[Text, StringConstraints(min_length=1)]
    password: Secret = ""
    key_file: Text = ""
    passphrase: Secret = ""

    def __repr__(self) -> str:
        return f"Login(user={self.user!r})"

    __str__ = __repr__


class Logins(RootModel[dict[Name, Login]]):
    model_config = ConfigDict(hide_input_in_errors=True)

    root: dict[Name, Login] = {}


def credentials_file(home: Home) -> Path:
    return home.secrets / "credentials.yml"


def stored(home: Home) -> dict[str, Login]:
    """What the credentials file holds; without a file, nothing."""
    path = credentials_file(home)
    if not path.exists() and not path.is_symlink():
        return {}
    refuse_exposed(path)
    refuse_open_folder(path.parent)
    return read_yaml(path)


def refuse_exposed(path: Path) -> None:
    """A file others can read or replace is no secret: refused, with the command that mends it."""
    try:
        real = path.resolve(strict=True)
        found, around = real.stat(), real.parent.stat()
    except OSError as problem:
        raise OpsError(t("credentials.unreadable", path=path, reason=why(problem))) from problem
    shown = shlex.quote(str(real))
    if not stat.S_ISREG(found.st_mode):
        raise Refused(t("credentials.not_a_file", path=real))
    if found.st_uid != os.geteuid():
        raise Refused(t("credentials.not_ours", path=real, shown=shown))
    if found.st_mode & 0o077:
        raise Refused(t("credentials.exposed", path=real, shown=shown))
    # Who may write a folder may put another file in its place, unless the folder is sticky.
    if around.st_mode & 0o022 and not around.st_mode & stat.S_ISVTX:
        folder = shlex.quote(str(real.parent))
        raise Refused(t("credentials.open_folder", path=real.parent, shown=folder, mode="go-w"))


def refuse_open_folder(folder: Path) -> None:
    found = folder.stat()
    if found.st_mode & 0o077 or found.st_uid != os.geteuid():
        raise Refused(t("credentials.open_folder", path=folder, shown=shlex.quote(str(folder)), mode="700"))


def read_yaml(path: Path) -> dict[str, Login]:
    problems: list[Problem] = []
    document = read(path, Logins, problems, str(path), secret=True)
    if document is None:
        raise bad_lines(path, [problem.line for problem in problems])
    return document.content.root


def bad_lines(path: Path, lines: list[int]) -> Refused:
    places = [Problem(str(path), line, t("credentials.bad_entry")) for line in sorted(set(lines))]
    return Refused(t("credentials.bad_file"), places)


def read_any(path: Path) -> dict[str, Login]:
    """People's own list, YAML or CSV; it is as secret as what it holds."""
    refuse_exposed(path)
    return read_csv(path) if path.suffix.lower() == ".csv" else read_yaml(path)


def read_csv(path: Path) -> dict[str, Login]:
    rows = csv.DictReader(io.StringIO(decoded(path)), restkey="", restval="")
    if not {"name", "user"} <= set(rows.fieldnames or ()) <= {"name", *PARTS}:
        raise Refused(t("credentials.csv_header", path=path, columns=",".join(("name", *PARTS))))
    found: dict[str, Login] = {}
    wrong: list[int] = []
    try:
        for row in rows:
            try:
                one = Logins.model_validate({row.pop("name"): row}).root
            except ValidationError:
                wrong.append(rows.line_num)
                continue
            wrong += [rows.line_num for name in one if name in found]
            found |= one
    except csv.Error:
        wrong.append(rows.line_num)
    if wrong:
        raise bad_lines(path, wrong)
    return found


def decoded(path: Path) -> str:
    content = path.read_bytes()
    for encoding in CSV_ENCODINGS:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise bad_lines(path, [1])


def store(home: Home, logins: Mapping[str, Login]) -> int:
    """Add to the credentials file, replacing what has the same name; how many were replaced."""
    path = credentials_file(home)
    home.ready(path.parent)
    with alone(path.parent / "credentials.lock"):
        before = stored(home)
        after = {**before, **logins}
        text = io.StringIO()
        yaml = YAML(typ="safe")
        yaml.allow_unicode = True
        yaml.default_flow_style = False
        yaml.dump({name: said(login) for name, login in sorted(after.items())}, text)
        write_whole(path.resolve(), text.getvalue().encode(), mode=0o600)
    return len(before.keys() & logins.keys())


def said(login: Login) -> dict[str, str]:
    return {part: value for part in PARTS if (value := getattr(login, part))}


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Two who add at once must both be in the file afterwards."""
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
