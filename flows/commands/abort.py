"""`opsproof abort RUN`: past the Prefect server, so that it works when that does not."""

from typing import Any

from flows.commands import verb
from tasks.texts import t


def add(nouns: Any) -> None:
    made = verb(nouns, "abort", t("playbook_runs.abort_help"), run)
    made.add_argument("run_id", nargs="?", default="", metavar="RUN", help=t("playbook_runs.arg_abort"))
    made.add_argument("--by", required=True, metavar="NAME", help=t("playbook_runs.arg_by"))
    made.add_argument("--reason", default="", help=t("playbook_runs.arg_reason"))


def run(options: Any) -> int:
    from flows.aborting import aborted
    from flows.terminal import say

    for one in aborted(options.run_id, "", options.by, options.reason):
        say(one)
    return 0
