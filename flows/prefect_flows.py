"""The routines as Prefect flows: what their forms ask for. Those that do more under Prefect than elsewhere
have a module of their own: availability.py, service_flow.py. A run loads its own routine only.
"""

from collections.abc import Callable
from typing import Any

from prefect import flow

from flows.prefect_run import run_name, run_under_prefect
from flows.routine import names_in, titled
from flows.routines import routine
from tasks.texts import t


def of(code: str, about: str) -> Callable[[Callable[..., Any]], Any]:
    title = titled(code)
    return flow(name=title, flow_run_name=run_name(title), description=about)


@of("inspection", t("routine.inspection_about"))
def daily(contract: str, only: str = "", note: str = "") -> Any:
    return run_under_prefect(routine("inspection"), contract, names_in(only), note)


@of("performance-review", t("tuning.about"))
def performance(contract: str, note: str = "") -> Any:
    return run_under_prefect(routine("performance-review"), contract, (), note)


@of("backup", t("backup_runs.about"))
def backup(contract: str, only: str = "", kind: str = "", note: str = "") -> Any:
    return run_under_prefect(routine("backup"), contract, names_in(only), note, kind=kind)


@of("backup-proof", t("backup_runs.proof_about"))
def backup_proof(contract: str, only: str = "", backups: str = "", level: str = "", note: str = "") -> Any:
    proof = routine("backup-proof")
    return run_under_prefect(proof, contract, names_in(only), note, backups=backups, level=level)


@of("backup-check", t("backup_runs.check_about"))
def backup_check(contract: str, only: str = "", note: str = "") -> Any:
    return run_under_prefect(routine("backup-check"), contract, names_in(only), note)


@of("plan-check", t("routine.plan_check_about"))
def plan_check(contract: str, note: str = "") -> Any:
    return run_under_prefect(routine("plan-check"), contract, (), note)
