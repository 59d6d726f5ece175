"""Stop what playbooks are doing; without Prefect and the book, which take seconds to load."""

from tasks.errors import Refused
from tasks.home import home
from tasks.people.operators import Role, entitled
from tasks.playbooks import abort
from tasks.playbooks.journal import open_runs
from tasks.playbooks.runs import begun
from tasks.texts import t


def aborted(run_id: str, contract: str, by: str, reason: str) -> list[str]:
    """Ask for it, of the one run or of all of the contract; who asks has to be known. No code: in need it has
    to be fast, and what it does is undo."""
    here = home()
    found = [one for name in open_runs(here) if run_id in ("", name) if (one := begun(here, name))]
    chosen = [one for one in found if contract in ("", one.contract)]
    if not chosen:
        raise Refused(t("playbook_runs.nothing_to_abort"))
    for one in chosen:
        entitled(here, by, one.contract, Role.OPERATOR, Role.APPROVER)
    for one in chosen:
        abort.ask(here, one.run_id, by, reason)
    return [t("playbook_runs.abort_asked", run=one.run_id, title=one.title, by=by) for one in chosen]
