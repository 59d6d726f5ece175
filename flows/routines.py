"""Every routine there is, by its code. Each is loaded when it is asked for: all together take seconds."""

from pkgutil import resolve_name

from flows.routine import Routine
from tasks.errors import Refused
from tasks.texts import listed, t

ROUTINES = {
    "inspection": "flows.inspection:INSPECTION",
    "availability": "flows.looking:AVAILABILITY",
    "performance-review": "flows.performance:REVIEW",
    "backup": "flows.backup:BACKUP",
    "backup-proof": "flows.backup_proof:PROOF",
    "backup-check": "flows.backup_check:CHECK",
    "service": "flows.service:SERVICE",
    "plan-check": "flows.plan_check:PLAN_CHECK",
}


def routine(code: str) -> Routine:
    if code not in ROUTINES:
        raise Refused(t("routine.unknown_routine", routine=code, known=listed(ROUTINES)))
    found: Routine = resolve_name(ROUTINES[code])
    return found
