"""`opsproof operator`: who may work with the tool, their one-time codes and portal passwords."""

import sys
from argparse import ArgumentParser
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from flows.commands import noun, verb
from flows.terminal import confirmed, say, show
from tasks.texts import t

TRIES = 3


def add(nouns: Any) -> None:
    verbs = noun(nouns, "operator", t("people.help"))
    added = named(verb(verbs, "add", t("people.help_add"), add_operator))
    added.add_argument("--role", action="append", required=True, metavar="ROLE", help=t("people.help_role"))
    added.add_argument(
        "--contract", action="append", default=[], metavar="CODE", help=t("people.help_contract")
    )
    added.add_argument("--portal", action="store_true", help=t("people.help_portal"))
    secret_options(added)
    verb(verbs, "list", t("people.help_list"), list_operators, table=True)
    removed = named(verb(verbs, "remove", t("people.help_remove"), remove))
    removed.add_argument("--yes", action="store_true", help=t("cli.yes"))
    secret_options(named(verb(verbs, "renew", t("people.help_renew"), renew)))
    named(verb(verbs, "password", t("people.help_password"), password))
    named(verb(verbs, "code-check", t("people.help_code_check"), code_check))


def named(made: ArgumentParser) -> ArgumentParser:
    made.add_argument("name", metavar="NAME", help=t("people.help_name"))
    return made


def secret_options(made: ArgumentParser) -> None:
    made.add_argument("--no-confirm", action="store_true", help=t("people.help_no_confirm"))
    made.add_argument("--show-uri", action="store_true", help=t("people.help_show_uri"))


def add_operator(options: Any) -> int:
    from tasks.home import home
    from tasks.people import codes, logins, operators

    house = home()
    operator = operators.described(options.name, options.role, options.contract)
    operators.refuse_known(house, operator.name)
    operators.refuse_unknown_contracts(house, operator)
    logins.refuse_first_user(house, operator.name)
    chosen = ask_password() if options.portal else None
    if chosen:
        logins.refuse_weak(chosen)
    secret, last = agreed_secret(operator.name, options)
    operators.add(house, operator)
    codes.enrol(house, operator.name, secret, last)
    if chosen:
        logins.set_password(house, operator.name, chosen)
    print(t("people.added", name=operator.name))
    return 0


def agreed_secret(name: str, options: Any) -> tuple[str, int | None]:
    """A new secret, shown once; and the step of the code that proved it arrived, if one was asked for.
    Nothing is kept before that proof: a secret nobody has would lock the operator out.
    """
    from tasks import clock
    from tasks.errors import Refused
    from tasks.people import codes

    if not options.no_confirm and not sys.stdin.isatty():
        raise Refused(t("people.needs_terminal"))
    secret = codes.new_secret()
    show_secret(codes.uri(name, secret), options.show_uri)
    if options.no_confirm:
        return secret, None
    for _ in range(TRIES):
        step = codes.matching(secret, ask("people.ask_first_code"), codes.around(clock.now()))
        if step is not None:
            return secret, step
        say(t("people.code_wrong_now", now=f"{clock.now():%Y-%m-%d %H:%M:%S}"))
    raise Refused(t("people.not_confirmed", name=name))


def ask(question: str, how: Callable[[str], str] = input) -> str:
    from tasks.errors import Refused

    try:
        return how(t(question))
    except EOFError as problem:
        raise Refused(t("people.no_answer")) from problem


def show_secret(uri: str, show_uri: bool) -> None:
    """The QR code on a terminal; into a pipe or a file only what was asked for by name."""
    import segno

    if sys.stdout.isatty():
        print(t("people.scan"))
        segno.make(uri, error="l", micro=False).terminal(compact=True, border=2)
    elif not show_uri:
        say(t("people.secret_hidden"))
    if show_uri:
        print(uri)


def list_operators(options: Any) -> int:
    from tasks.home import home
    from tasks.people import codes, logins, operators

    house = home()
    enrolled, portal = codes.enrolled(house), logins.with_password(house)
    rows = [
        {
            **operator.model_dump(mode="json"),
            "codes": operator.name in enrolled,
            "portal": operator.name in portal,
        }
        for operator in operators.load(house.inventories)
    ]
    columns = {key: t(f"people.column_{key}") for key in ("name", "roles", "contracts", "codes", "portal")}
    show(rows if options.json else [line(row) for row in rows], columns, options.json)
    return 0


def line(row: dict[str, Any]) -> dict[str, object]:
    everything = row["contracts"] == "all"
    return {
        "name": row["name"],
        "roles": " ".join(t(f"people.role_{role}") for role in row["roles"]),
        "contracts": t("people.all_contracts") if everything else " ".join(row["contracts"]),
        "codes": t("people.yes" if row["codes"] else "people.no"),
        "portal": t("people.yes" if row["portal"] else "people.no"),
    }


def remove(options: Any) -> int:
    from tasks.home import home
    from tasks.people import codes, logins, operators

    house = home()
    operators.known(house, options.name)
    if not confirmed(t("people.remove_confirm", name=options.name), options.yes):
        return 1
    operators.remove(house, options.name)
    codes.forget(house, options.name)
    logins.forget(house, options.name)
    print(t("people.removed", name=options.name))
    return 0


def renew(options: Any) -> int:
    from tasks.home import home
    from tasks.people import codes, operators

    house = home()
    operators.known(house, options.name)
    secret, last = agreed_secret(options.name, options)
    codes.enrol(house, options.name, secret, last)
    print(t("people.renewed", name=options.name))
    return 0


def password(options: Any) -> int:
    from tasks.home import home
    from tasks.people import logins, operators

    house = home()
    operators.known(house, options.name)
    logins.set_password(house, options.name, ask_password())
    print(t("people.password_set", name=options.name))
    return 0


def ask_password() -> str:
    """Typed twice on a terminal; otherwise the first line of standard input."""
    import getpass

    from tasks.errors import Refused

    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    first = ask("people.ask_password", getpass.getpass)
    if first != ask("people.ask_again", getpass.getpass):
        raise Refused(t("people.passwords_differ"))
    return first


def code_check(options: Any) -> int:
    from tasks import clock
    from tasks.home import home
    from tasks.people import codes, operators

    house = home()
    operators.known(house, options.name)
    code = ask("people.ask_code") if sys.stdin.isatty() else sys.stdin.readline().strip()
    at = clock.now()
    error = codes.clock_error(house, options.name, code, at)
    now = f"{at:%Y-%m-%d %H:%M:%S}"
    if error is None:
        print(t("people.check_wrong", now=now))
        return 1
    if abs(error) > timedelta(seconds=codes.STEP * codes.WINDOW):
        key = "people.check_fast" if error > timedelta() else "people.check_slow"
        print(t(key, now=now, seconds=int(abs(error).total_seconds())))
        return 1
    print(t("people.check_right", now=now))
    return 0
