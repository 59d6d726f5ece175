"""What RMAN is told and what a scratch instance is started with: texts, so that tests can read every word."""

from collections.abc import Mapping, Sequence

from tasks.backups.plan import Load

RECOVERY_SIZE = "1000g"


def channels(folder: str, form: str, load: Load, programs: Mapping[str, str]) -> list[str]:
    rate = f" rate {load.rate}" if load.rate else ""
    count = int(programs.get("channels", "1"))
    return [
        f"allocate channel d{n} device type disk format '{folder}/{form}_%U'{rate};"
        for n in range(1, count + 1)
    ]


def run(*lines: str) -> str:
    return "\n".join(["run {", *lines, "}"])


def backup_datafiles(
    folder: str, tag: str, level: int, files: Sequence[int], load: Load, programs: Mapping[str, str]
) -> str:
    """A control file that RMAN backs up by itself goes the same way; what is configured stays as it is."""
    numbers = ", ".join(map(str, sorted(files)))
    per_set = int(programs.get("filesperset", "8"))
    return run(
        f"set controlfile autobackup format for device type disk to '{folder}/auto_%F';",
        *channels(folder, "d", load, programs),
        f"backup check logical incremental level {level} tag '{tag}' filesperset {per_set} "
        f"datafile {numbers};",
    )


def backup_logs(
    folder: str, tag: str, ranges: Sequence[tuple[int, int, int]], load: Load, programs: Mapping[str, str]
) -> str:
    """Ranges: thread, first and last sequence."""
    return run(
        f"set controlfile autobackup format for device type disk to '{folder}/auto_%F';",
        *channels(folder, "a", load, programs),
        *(
            f"backup tag '{tag}' archivelog sequence between {first} and {last} thread {thread};"
            for thread, first, last in ranges
        ),
    )


def backup_control(folder: str, tag: str) -> str:
    return run(
        f"set controlfile autobackup format for device type disk to '{folder}/auto_%F';",
        f"backup tag '{tag}' format '{folder}/c_%U' current controlfile;",
        f"backup tag '{tag}' format '{folder}/s_%U' spfile;",
    )


def forget(handles: Sequence[str]) -> str:
    """Records of pieces that lie elsewhere now: left behind, they would make the owner's own backups look
    obsolete, and a restore ask for files that are gone."""
    return "\n".join(f"change backuppiece '{handle}' uncatalog;" for handle in handles)


def parameters(folder: str, name: str, unique: str, compatible: str, block_size: str, container: bool) -> str:
    """Of an instance that nobody finds, that starts nothing by itself and writes nowhere else."""
    said = {
        "db_name": f"'{name}'",
        "db_unique_name": f"'{unique}'",
        "instance_name": f"'{unique}'",
        "control_files": f"'{folder}/data/control01.ctl'",
        "db_create_file_dest": f"'{folder}/data'",
        "db_create_online_log_dest_1": f"'{folder}/data'",
        "db_recovery_file_dest_size": RECOVERY_SIZE,
        "db_recovery_file_dest": f"'{folder}/recovery'",
        "log_archive_dest_1": f"'location={folder}/recovery'",
        "diagnostic_dest": f"'{folder}/admin'",
        "audit_file_dest": f"'{folder}/admin'",
        "audit_trail": "'NONE'",
        "job_queue_processes": "0",
        "aq_tm_processes": "0",
        "local_listener": f"'(ADDRESS=(PROTOCOL=IPC)(KEY={unique}))'",
        "remote_listener": "''",
        "dispatchers": "''",
        "remote_login_passwordfile": "'NONE'",
        "db_block_size": block_size,
        "sga_target": "1g",
        "pga_aggregate_target": "256m",
        "processes": "150",
    }
    if compatible:
        said["compatible"] = f"'{compatible}'"
    if container:
        said["enable_pluggable_database"] = "true"
    return "\n".join(f"*.{key}={value}" for key, value in said.items())


def restore_control(piece: str, standby: bool) -> str:
    return f"restore {'primary ' if standby else ''}controlfile from '{piece}';"


def restore_spfile(folder: str, piece: str) -> str:
    """Only to see that it can be: nothing is ever started with it."""
    return f"restore spfile to pfile '{folder}/admin/production.ora' from '{piece}';"


def catalog(folder: str, known: Sequence[str]) -> str:
    """Only what was brought: the control file's own records are of files that this host must not touch, and
    a share that both hosts mount must not stand in for what is stored."""
    return "\n".join(
        [
            *([forget(known)] if known else []),
            "change archivelog all uncatalog;",
            "change copy of database uncatalog;",
            f"catalog start with '{folder}/pieces/' noprompt;",
        ]
    )


def validate(sets: Sequence[str], until: int) -> str:
    """Every set by itself, increments and logs included; and that all of a restore is among them."""
    return "\n".join(
        [
            f"validate backupset {', '.join(sets)};",
            run(f"set until scn {until};", "restore database preview;"),
        ]
    )


def controls(folder: str, pieces: Sequence[str], standby: bool) -> str:
    """The control file of each earlier link, in full and beside the one that is in use: a restore to that
    link's time would start from it. Cataloguing has RMAN look whose they are."""
    kind = "primary " if standby else ""
    return "\n".join(
        [
            *(
                f"restore {kind}controlfile to '{folder}/controls/{name}' from '{folder}/pieces/{name}';"
                for name in pieces
            ),
            f"catalog start with '{folder}/controls/' noprompt;",
        ]
    )


def validate_logs(ranges: Sequence[tuple[int, int, int]]) -> str:
    return "\n".join(
        f"restore archivelog sequence between {first} and {last} thread {thread} validate;"
        for thread, first, last in ranges
    )


def restore(folder: str, until: int, temporary: Sequence[str]) -> str:
    return run(
        f"set newname for database to '{folder}/data/%U';",
        *(f"set newname for tempfile {number} to '{folder}/data/temp_{number}.dbf';" for number in temporary),
        f"set archivelog destination to '{folder}/recovery';",
        f"set until scn {until};",
        "restore database;",
        "switch datafile all;",
        *(["switch tempfile all;"] if temporary else []),
        "recover database;",
    )
