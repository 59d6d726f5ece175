"""The head of a written record: whose it is, planned and actual times, who, which clauses it serves."""

from flows.inspection import parties
from flows.routine import TOOL, Run
from tasks.model import Record
from tasks.reports.daily import planned
from tasks.texts import listed, t


def header(run: Run, record: Record, number: str) -> list[tuple[str, str]]:
    contract = run.inventory.contract(record.contract)
    people, blank = parties(contract), t("reports.blank")
    duties = contract.duties_about(set(record.topics), record.routine)
    return [
        (t("reports.number"), number),
        (t("reports.contract"), t("reports.contract_of", name=contract.name, code=record.contract)),
        (t("reports.client"), people["client"] or blank),
        (t("reports.provider"), people["provider"] or blank),
        (t("reports.level"), people["level"] or blank),
        (t("reports.planned"), planned(record)),
        (t("reports.actual"), f"{record.started_at:%Y-%m-%d %H:%M:%S} – {record.ended_at:%m-%d %H:%M:%S}"),
        (t("reports.started_by"), record.started_by),
        (t("reports.clauses"), listed(duty.clause for duty in duties) or "—"),
        (t("reports.run_id"), f"{run.request.run_id} / {TOOL}"),
    ]
