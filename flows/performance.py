"""Routine: the monthly analysis of a contract's databases, each advice with the numbers it stands on."""

from collections.abc import Sequence
from datetime import date, timedelta

from flows.foresight import pictures
from flows.inspection import parties
from flows.routine import TOOL, Routine, Run, Work
from flows.statements import stated
from tasks import clock
from tasks.calendar.plans import at_midnight
from tasks.errors import OpsError
from tasks.history.filling import Filling, day_number, fillings
from tasks.history.trends import Kind
from tasks.history.tuning import DAYS, Metric, measured, metrics, rules, shown
from tasks.model import Database, Finding, Number, Record, Status
from tasks.reports import performance as form_of
from tasks.reports.form import Form
from tasks.texts import listed, t

CHECK = "performance"
TOPICS = ("performance", "tuning")
SOON_DAYS = 90
ONE = timedelta(days=1)


def review(run: Run) -> Work:
    """Of the month that is over."""
    last = clock.now().date().replace(day=1) - ONE
    databases = of_contract(run)
    found = {name: of_database(run, name, last) for name in databases}
    filling = [one for one in foreseen(run, databases, last) if one.trend.days <= SOON_DAYS]
    advised = [one for its in found.values() for one in its if one.bad]
    unmeasured = [name for name, its in found.items() if not its]

    def form(record: Record, number: str) -> Form:
        return form_of.build(facts(run, record, number, last, found, filling))

    return Work(
        findings=[one for name, its in found.items() for one in findings(name, its)],
        expected=len(databases),
        topics=TOPICS if len(unmeasured) < len(databases) else (),
        summary=t(
            "tuning.summary",
            month=last,
            measured=len(databases) - len(unmeasured),
            expected=len(databases),
            advice=len(advised),
        ),
        not_reached=dict.fromkeys(unmeasured, t("tuning.nothing")),
        form=form,
        facts={"month": f"{last:%Y-%m}", "advice": len(advised)},
    )


def of_contract(run: Run) -> list[str]:
    contract, only = run.request.contract, run.request.only
    targets = run.inventory.targets(contract=contract, names=only)
    found = [target.name for target in targets if isinstance(target, Database)]
    if not found:
        raise OpsError(t("tuning.no_databases", contract=contract))
    return found


def of_database(run: Run, name: str, last: date) -> list[Metric]:
    """Its month, beside the month before."""
    first = last.replace(day=1)
    before = (first - ONE).replace(day=1)
    checks = sorted({rule.check for rule in rules()})
    rows = run.history.numbers(run.request.contract, name, checks, at_midnight(before))
    start, end = at_midnight(first), at_midnight(last + ONE)
    month = measured([row for row in rows if start <= row[0] < end], day_number)
    return metrics(name, month, measured([row for row in rows if row[0] < start], day_number))


def foreseen(run: Run, databases: Sequence[str], last: date) -> list[Filling]:
    found = fillings(run.history, run.request.contract, databases, clock.now())
    rising = [one for one in found if one.trend.kind in (Kind.RISING, Kind.FULL)]
    return sorted(rising, key=lambda one: one.trend.days)


def findings(name: str, its: Sequence[Metric]) -> list[Finding]:
    """One for each advice; a database without any says what was looked at, or that nothing was."""
    if not its:
        advice = t("tuning.nothing_advice")
        return [
            Finding(CHECK, name, t("tuning.form_title"), Status.UNKNOWN, t("tuning.nothing"), advice=advice)
        ]
    found = [
        Finding(
            CHECK,
            name,
            one.title,
            Status.WARN,
            one.cited,
            (Number("value", round(one.value, 3), one.rule.unit, one.rule.limit),),
            advice=one.rule.advice,
        )
        for one in its
        if one.bad
    ]
    if found:
        return found
    return [Finding(CHECK, name, t("tuning.form_title"), Status.OK, t("tuning.calm", count=len(its)))]


def facts(
    run: Run, record: Record, number: str, last: date, found: dict[str, list[Metric]], filling: list[Filling]
) -> form_of.Facts:
    said = stated(run.home, record.contract, last.replace(day=1), last)
    return form_of.Facts(
        record=record,
        number=number,
        header=header(run, record, number, last),
        databases=len(found),
        rows=[row(one) for its in found.values() for one in its],
        unmeasured=[name for name, its in found.items() if not its],
        filling=[forecast(one) for one in filling],
        available=[line for line in said.targets if line.name in found],
        pictures=pictures(filling),
        days=DAYS,
    )


def header(run: Run, record: Record, number: str, last: date) -> list[tuple[str, str]]:
    contract = run.inventory.contract(record.contract)
    people, blank = parties(contract), t("reports.blank")
    duties = contract.duties_about(set(TOPICS), REVIEW.code)
    return [
        (t("reports.number"), number),
        (t("reports.contract"), t("reports.contract_of", name=contract.name, code=record.contract)),
        (t("reports.client"), people["client"] or blank),
        (t("reports.provider"), people["provider"] or blank),
        (t("tuning.month"), f"{last:%Y-%m}"),
        (t("reports.started_by"), record.started_by),
        (t("reports.clauses"), listed(duty.clause for duty in duties) or "—"),
        (t("reports.run_id"), f"{run.request.run_id} / {TOOL}"),
    ]


def row(one: Metric) -> form_of.Row:
    unit = one.rule.unit
    sign = "≥" if one.rule.above is not None else "≤"
    return form_of.Row(
        database=one.target,
        metric=one.rule.what,
        subject=one.subject,
        of=t(f"tuning.of_{one.rule.of}"),
        value=shown(one.value, unit),
        before="—" if one.before is None else shown(one.before, unit),
        between=f"{shown(min(one.values), '')} – {shown(max(one.values), '')}",
        limit=f"{sign} {shown(one.rule.limit, unit)}",
        count=f"{one.days} / {len(one.values)}",
        cited=one.cited if one.bad else "",
        advice=one.rule.advice if one.bad else "",
        note="" if one.enough else t("tuning.few"),
    )


def forecast(one: Filling) -> form_of.Filling:
    its = one.trend
    values = {"days": f"{its.days:.0f}", "low": f"{its.low:.0f}", "high": f"{its.high:.0f}"}
    basis = t("trends.basis", points=its.points, span=f"{its.span:.0f}")
    text = t("tuning.forecast", said=t("trends.chart_label", **values), level=f"{its.level:.1f}", basis=basis)
    return form_of.Filling(one.target, one.title, one.subject, text)


REVIEW = Routine(code="performance-review", work=review)
