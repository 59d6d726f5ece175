"""Stop what playbooks are doing; without Prefect and the book, which take seconds to load."""

from tasks.errors import Refused
from tasks.home import home
from tasks.locks import is_held
from tasks.people.operators import Role, entitled
from tasks.playbooks import abort
from tasks.playbooks.journal import Event, Journal
from tasks.playbooks.runs import all_begun
from tasks.texts import t


def aborted(run_id: str, contract: str, by: str, reason: str) -> list[str]:
    """Ask for it, of the one run or of all that the person may; who asks has to be known. No code: in need it
    has to be fast, and what it does is undo."""
    here = home()
    found = [one for one in all_begun(here) if Journal(here, one.run_id).said(Event.ENDED) is None]
    chosen = [one for one in found if run_id in ("", one.run_id) and contract in ("", one.contract)]
    if not chosen:
        raise Refused(t("playbook_runs.nothing_to_abort"))
    said, refused = [], []
    for one in chosen:
        try:
            entitled(here, by, one.contract, Role.OPERATOR, Role.APPROVER)
        except Refused as problem:
            refused.append(problem)
            continue
        abort.ask(here, one.run_id, by, reason)
        alive = is_held(here, one.contract, one.routine)
        key = "abort_asked" if alive else "abort_dead"
        said.append(t(f"playbook_runs.{key}", run=one.run_id, title=one.title, by=by))
    if not said:
        raise refused[0]
    return said + [str(problem) for problem in refused]
