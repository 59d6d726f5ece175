"""`opsproof trend`: how long until tablespaces, file systems and disk groups are full."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.commands import noun, verb
from flows.commands.baseline import opened
from tasks.texts import t

if TYPE_CHECKING:
    from tasks.history.filling import Filling

COLUMNS = ("target", "check", "subject", "level", "slope", "days", "interval", "basis", "kind")
# On one page.
SHOWN = 50


def add(nouns: Any) -> None:
    verbs = noun(nouns, "trend", t("trends.noun"))
    listed = verb(verbs, "list", t("trends.list_help"), run_list, table=True)
    listed.add_argument("--contract", required=True, help=t("trends.arg_contract"))
    listed.add_argument("--target", nargs="+", default=(), metavar="NAME", help=t("trends.arg_target"))
    listed.add_argument("--picture", type=Path, metavar="FILE", help=t("trends.picture_help", count=SHOWN))


def run_list(options: Any) -> int:
    from flows.terminal import say, show
    from tasks import clock
    from tasks.history.filling import fillings
    from tasks.history.trends import FEWEST
    from tasks.inventory import load

    house, _, history = opened(options.contract)
    targets = load(house.inventories, contract=options.contract).targets(
        contract=options.contract, names=tuple(options.target)
    )
    found = fillings(history, options.contract, [target.name for target in targets], clock.now())
    found.sort(key=lambda one: (one.trend.days, -one.trend.level, one.target, one.subject))
    if not found and not options.json:
        say(t("trends.nothing", contract=options.contract, points=FEWEST))
    rows = [one.document if options.json else as_line(one) for one in found]
    show(rows, {key: t(f"trends.col_{key}") for key in COLUMNS}, options.json)
    if options.picture:
        draw(options.picture, found)
        say(t("trends.written", path=options.picture))
    return 0


def as_line(one: "Filling") -> dict[str, object]:
    its = one.trend
    rising = its.high < float("inf")
    basis = t("trends.basis", points=its.points, span=f"{its.span:.0f}")
    return {
        "target": one.target,
        "check": one.title,
        "subject": one.subject,
        "level": f"{its.level:.1f}%",
        "slope": f"{its.slope:+.2f}" if its.kind != "few" else "—",
        "days": f"{its.days:.0f}" if rising else "—",
        "interval": f"{its.low:.0f}–{its.high:.0f}" if rising else "—",
        "basis": basis + (t("trends.basis_cleanups", count=its.cleanups) if its.cleanups else ""),
        "kind": t("trends.rhythm") if rising and its.emptied_before else t(f"trends.kind_{its.kind}"),
    }


def draw(path: Path, found: list["Filling"]) -> None:
    """A page that needs nothing else."""
    from html import escape

    from flows.foresight import pictures
    from tasks.errors import OpsError
    from tasks.files import write_whole
    from tasks.texts import why

    title = escape(t("trends.page_title"))
    shown = [f"<h2>{escape(one.title)}</h2>{one.svg}" for one in pictures(found, SHOWN)]
    page = f'<!doctype html><html lang="zh-CN"><meta charset="utf-8"><title>{title}</title><h1>{title}</h1>'
    try:
        write_whole(path.absolute(), (page + "".join(shown) + "</html>\n").encode())
    except OSError as problem:
        raise OpsError(t("home.unwritable", path=path, reason=why(problem))) from problem
