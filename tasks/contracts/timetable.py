"""What a contract owes and when: its schedules, within its term. Nobody else asks the schedules."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from tasks.calendar.days import Calendar
from tasks.calendar.plans import Cron, NotDue, Plan, at_midnight, crons, plan_at, plans
from tasks.calendar.schedules import Schedules, load
from tasks.clock import ZONE
from tasks.inventory.contract import Term, contract_named
from tasks.texts import t


@dataclass(frozen=True, slots=True)
class Timetable:
    """Without a term (this machine's own contract) the schedules always hold."""

    contract: str
    schedules: Schedules
    term: Term | None
    calendar: Calendar

    @staticmethod
    def load(inventories: Path, contract: str, calendar: Calendar | None = None) -> "Timetable":
        schedules = load(inventories, contract)
        term = contract_named(inventories, contract).term
        return Timetable(contract, schedules, term, calendar or Calendar.load(inventories))

    def plans(self, start: datetime, end: datetime) -> list[Plan]:
        """What is due from `start` on and before `end`, in order of time."""
        found = plans(self.schedules, self.contract, start, end, self.calendar)
        return [plan for plan in found if not self.outside(plan.due_at.date())]

    def plan_at(self, routine: str, due_at: datetime) -> Plan | NotDue:
        if reason := self.outside(due_at.astimezone(ZONE).date()):
            return NotDue(reason)
        return plan_at(self.schedules, self.contract, routine, due_at, self.calendar)

    def watch_of(self, routine: str, day: date) -> Plan | None:
        """The plan of what goes on all day, if that day has one."""
        start = at_midnight(day)
        found = (plan for plan in self.plans(start, start + timedelta(minutes=1)) if plan.routine == routine)
        return next(found, None)

    def crons(self) -> list[Cron]:
        """Triggers that fire outside the term, too: `plan_at` then says why nothing is done."""
        return crons(self.schedules)

    def outside(self, day: date) -> str:
        """Why nothing is due on a day before or after the term; empty within it."""
        if self.term is None or self.term.start <= day <= self.term.end:
            return ""
        return t("contract.outside_term", contract=self.contract, start=self.term.start, end=self.term.end)
