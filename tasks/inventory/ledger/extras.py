"""Words in a target's `ledger` mapping that no ledger shows."""

from collections.abc import Iterator

from tasks.inventory.ledger.columns import LEDGERS
from tasks.inventory.rules import Members
from tasks.inventory.suggest import meant
from tasks.strict import Problem
from tasks.texts import t


def unknown_extras(members: Members) -> Iterator[Problem]:
    """They would be lost in silence. A site has no ledger, and its words no reader."""
    for member in members:
        target = member.target
        columns = LEDGERS[target.type].columns if target.type in LEDGERS else ()
        known = sorted(column.key for column in columns if column.extra)
        for key in sorted(set(dict(target.ledger)) - set(known)):
            listed = t("ledger.and").join(known) or t("ledger.blank")
            text = t("ledger.unknown_extra", key=key, known=listed)
            yield member.draft.problem("ledger", text, meant(key, known))
