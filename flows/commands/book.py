"""`opsproof book`: the book itself, backed up and restored."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.commands import noun, verb
from flows.terminal import say
from tasks.texts import t

if TYPE_CHECKING:
    from tasks.records import Verification


def add(nouns: Any) -> None:
    verbs = noun(nouns, "book", t("records.book_help"))
    backed_up = verb(verbs, "backup", t("records.backup_help"), run_backup)
    backed_up.add_argument("to", type=Path, help=t("records.arg_to"))
    restored = verb(verbs, "restore", t("records.restore_help"), run_restore)
    restored.add_argument("source", type=Path, help=t("records.arg_from"))
    restored.add_argument("--to", type=Path, help=t("records.arg_restore_to"))
    restored.add_argument("--replace", action="store_true", help=t("records.arg_replace"))


def run_backup(options: Any) -> int:
    from flows.commands.record import open_book, ticker
    from tasks.records.archive import backup

    verification = backup(open_book(), options.to, ticker())
    _print_heads(verification)
    say(t("records.backed_up", path=options.to, **_counts(verification)))
    return 0


def run_restore(options: Any) -> int:
    from flows.commands.record import ticker
    from tasks.home import home
    from tasks.records.archive import restore

    to = options.to or home().book
    restored = restore(options.source, to, options.replace, ticker())
    _print_heads(restored.verification)
    say(t("records.restored", path=to, **_counts(restored.verification)))
    if restored.aside:
        say(t("records.moved_aside", path=restored.aside))
    return 0


def _counts(verification: "Verification") -> dict[str, int]:
    return {
        "records": sum(chain.records for chain in verification.chains),
        "blobs": sum(chain.blobs for chain in verification.chains),
    }


def _print_heads(verification: "Verification") -> None:
    for chain in verification.chains:
        print(f"{chain.contract}:{chain.head}")
