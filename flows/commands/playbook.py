"""`opsproof playbook`: what may be run, whether it is sound, what it says, and what it would send today."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from flows import playbook_runs
from flows.commands import noun, verb
from tasks.texts import listed, t

if TYPE_CHECKING:
    from tasks.playbooks.plan import Look, Move, Plan
    from tasks.playbooks.schema import Step
    from tasks.strict import Problem


def add(nouns: Any) -> None:
    verbs = noun(nouns, "playbook", t("playbook_commands.noun"))
    kept = verb(verbs, "list", t("playbook_commands.list_help"), run_list, table=True)
    kept.add_argument("--contract", default="", metavar="CODE", help=t("playbook_commands.arg_contract"))
    verb(verbs, "check", t("playbook_commands.check_help"), run_check, table=True)
    shown = verb(verbs, "show", t("playbook_commands.show_help"), run_show, table=True)
    planned = verb(verbs, "plan", t("playbook_commands.plan_help"), run_plan, table=True)
    for made in (shown, planned):
        made.add_argument("name", metavar="NAME", help=t("playbook_commands.arg_name"))
        made.add_argument("--contract", required=True, metavar="CODE", help=t("routine.run_contract"))
    playbook_runs.add(verbs)


def run_list(options: Any) -> int:
    from flows.terminal import say, show
    from tasks.home import home
    from tasks.playbooks.library import every

    problems: list[Problem] = []
    found = [one for one in every(home(), problems) if options.contract in ("", one.contract)]
    rows: list[dict[str, object]] = [
        {
            "contract": one.contract,
            "name": one.name,
            "kind": one.kind if options.json else t(f"playbooks.kind_{one.kind}"),
            "steps": len(one.steps),
            "targets": len(one.scope),
            "title": one.title,
        }
        for one in sorted(found, key=lambda one: (one.contract, one.name))
    ]
    columns = ("contract", "name", "kind", "steps", "targets", "title")
    show(rows, {key: t(f"playbook_commands.col_{key}") for key in columns}, options.json)
    if problems:
        say(t("playbook_commands.some_broken", count=len(problems)))
    return 1 if problems else 0


def run_check(options: Any) -> int:
    from dataclasses import asdict

    from flows.terminal import say, show
    from tasks.home import home
    from tasks.playbooks.library import every

    problems: list[Problem] = []
    found = every(home(), problems)
    wrong = sorted(set(problems))
    if options.json:
        show([asdict(one) for one in wrong], {}, json_wanted=True)
    else:
        for problem in wrong:
            print(problem)
    told = t("inventory.problems", count=len(wrong)) if wrong else t("playbooks.sound", count=len(found))
    say(told)
    return 1 if wrong else 0


def planned(options: Any) -> "Plan":
    from tasks.home import home
    from tasks.inventory import load
    from tasks.playbooks.library import named
    from tasks.playbooks.plan import made

    here = home()
    found = named(here, options.contract, options.name)
    return made(found, load(here.inventories, options.contract))


def run_show(options: Any) -> int:
    from flows.terminal import as_json, plain

    plan = planned(options)
    if options.json:
        print(as_json([plan.playbook.model_dump(mode="json", by_alias=True, exclude_none=True)]))
        return 0
    for line in described(plan):
        print(plain(line))
    return 0


def described(plan: "Plan") -> Iterator[str]:
    said = plan.playbook
    yield t("playbook_commands.heading", title=said.title, name=said.name)
    yield t("playbook_commands.kind", kind=t(f"playbooks.kind_{said.kind}"), contract=said.contract)
    yield t("playbook_commands.purpose", purpose=said.purpose)
    yield t("playbook_commands.scope", count=len(said.scope), names=listed(said.scope))
    yield t(f"playbook_commands.approval_{said.approval}")
    for role, task in said.roles.items():
        yield t("playbook_commands.role", role=role, task=task)
    yield ""
    yield t("playbook_commands.checks") if plan.checks else t("playbook_commands.no_checks")
    for title, look in plan.checks:
        yield t("playbook_commands.check", title=title, target=look.target, shown=one_line(look.shown))
    for number, step in enumerate(said.steps, 1):
        yield ""
        yield from of_step(number, step, [move for move in plan.moves if move.step is step])


def of_step(number: int, step: "Step", moves: "list[Move]") -> Iterator[str]:
    """What is the same on every target is said once."""
    yield t("playbook_commands.step", number=number, title=step.title, names=listed(step.on))
    yield from once("do", [move.shown for move in moves])
    yield from once("prove", [look.shown for move in moves for look in move.proof])
    yield from once("undo", [move.undo_shown for move in moves])
    yield t("playbook_commands.limits", limits=listed(limits(step)))


def once(key: str, texts: list[str]) -> Iterator[str]:
    for text in dict.fromkeys(filter(None, texts)):
        for number, line in enumerate(text.splitlines()):
            yield t(f"playbook_commands.{key}" if number == 0 else "playbook_commands.more", text=line)


def limits(step: "Step") -> Iterator[str]:
    from tasks.availability.changes import span_text

    yield t("playbook_commands.limit", limit=span_text(step.limit))
    if step.target_time:
        yield t("playbook_commands.target_time", time=span_text(step.target_time))
    if step.no_return:
        yield t("playbook_commands.no_return")
    elif step.do and not step.undo:
        yield t("playbook_commands.no_undo")
    if step.always:
        yield t("playbook_commands.always")
    if step.repeat:
        yield t("playbook_commands.repeat")


def one_line(text: str) -> str:
    return " ; ".join(text.splitlines())


def run_plan(options: Any) -> int:
    from flows.terminal import as_json, plain

    plan = planned(options)
    if options.json:
        print(as_json({**plan.written(), "digest": plan.digest}))
        return 0
    for line in listing(plan):
        print(plain(line))
    return 0


def listing(plan: "Plan") -> Iterator[str]:
    yield t("playbook_commands.heading", title=plan.playbook.title, name=plan.playbook.name)
    for title, look in plan.checks:
        yield t("playbook_commands.check", title=title, target=look.target, shown=one_line(look.shown))
    for number, move in enumerate(plan.moves, 1):
        yield ""
        yield t(
            "playbook_commands.move",
            number=number,
            count=len(plan.moves),
            title=move.step.title,
            target=move.target,
        )
        yield from of_move(move)
    yield ""
    yield t("playbook_commands.digest", digest=plan.digest)


def of_move(move: "Move") -> Iterator[str]:
    yield from once("do", [move.shown])
    yield from once("prove", shown(move.proof))
    yield from once("undo", [move.undo_shown])
    yield from once("undone", shown(move.undo_proof))


def shown(looks: "tuple[Look, ...]") -> list[str]:
    return [look.shown for look in looks]
