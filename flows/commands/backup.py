"""`opsproof backup`: take, prove and check backups now; what is kept and restored: modules beside."""

from typing import Any

from flows import backup_kept, backup_restore
from flows.commands import noun, verb
from tasks.texts import t


def add(nouns: Any) -> None:
    verbs = noun(nouns, "backup", t("backup_commands.noun"))
    taken = verb(verbs, "run", t("backup_commands.run_help"), run_backup, table=True)
    taken.add_argument("--kind", default="", metavar="KIND", help=t("backup_commands.arg_kind"))
    proven = verb(verbs, "prove", t("backup_commands.prove_help"), run_proof, table=True)
    proven.add_argument(
        "--backup", nargs="+", default=(), metavar="NAME", help=t("backup_commands.arg_backup")
    )
    proven.add_argument("--level", default="", metavar="LEVEL", help=t("backup_commands.arg_level"))
    checked = verb(verbs, "check", t("backup_commands.check_help"), run_check, table=True)
    for made in (taken, proven, checked):
        made.add_argument("--contract", required=True, metavar="CODE", help=t("routine.run_contract"))
        made.add_argument("--only", nargs="+", default=(), metavar="NAME", help=t("backup_commands.arg_only"))
        made.add_argument("--note", default="", help=t("routine.run_note"))
    backup_kept.add(verbs)
    backup_restore.add(verbs)


def run_backup(options: Any) -> int:
    return ran(options, "backup", kind=options.kind)


def run_proof(options: Any) -> int:
    return ran(options, "backup-proof", backups=" ".join(options.backup), level=options.level)


def run_check(options: Any) -> int:
    return ran(options, "backup-check")


def ran(options: Any, code: str, **asked: str) -> int:
    from flows.commands.run import ran as run

    return run(options, code, {name: said for name, said in asked.items() if said})
