"""The files of a base backup and the log that goes with it, put into a data directory and validated: every
file against the server's own manifest, every record of the log against its checksum, both against what the
backup says of itself. Page checksums are verified by the server while it reads.
"""

import errno
import json
import re
import struct
import tarfile
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from tasks.backups import CouldNotLook, Fetched, Unsound
from tasks.backups.manifest import Manifest
from tasks.backups.postgres import wal
from tasks.backups.postgres.cluster import Programs, checked
from tasks.backups.postgres.wal import number
from tasks.backups.scratch import Scratch
from tasks.texts import t, why

CHUNK = 2**20
BASE, LIST, LOG = "base.tar", "backup_manifest", "wal"
TABLESPACE = "tablespace-{}.tar"
# Bytes a second that even a slow disk is read at.
SLOW = 8 * 2**20
LONG_HEADER = struct.Struct("<HHIQI4xQII")
MANIFESTS = 130000


def untar(fetched: Fetched, scratch: Scratch) -> None:
    """Directories and files alone; tablespaces beside the data directory, linked as the server expects it."""
    data = scratch.folder / "data"
    for number_, _ in tablespaces(fetched.manifest):
        folder = scratch.folder / f"tablespace-{number_}"
        extract(fetched, TABLESPACE.format(number_), folder)
        (data / "pg_tblspc").mkdir(parents=True, exist_ok=True)
        (data / "pg_tblspc" / number_).symlink_to(folder)
    extract(fetched, BASE, data)
    with fetched.open(LIST) as stream:
        copy(stream, data / LIST)


def tablespaces(manifest: Manifest) -> list[tuple[str, str]]:
    found: dict[str, str] = json.loads(manifest.facts.get("tablespaces", "{}"))
    return [(number_, place) for number_, place in found.items() if number_]


def extract(fetched: Fetched, member: str, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with fetched.open(member) as stream:
        try:
            with tarfile.open(fileobj=stream, mode="r|", bufsize=CHUNK) as archive:
                for entry in archive:
                    put(archive, entry, folder)
        except (tarfile.TarError, ValueError, OSError) as problem:
            if isinstance(problem, OSError) and problem.errno in (errno.ENOSPC, errno.EDQUOT):
                raise CouldNotLook(why(problem)) from problem
            raise Unsound(t("backup_postgres.bad_archive", member=member, reason=problem)) from problem


def put(archive: tarfile.TarFile, entry: tarfile.TarInfo, folder: Path) -> None:
    path = PurePosixPath(entry.name)
    if path.is_absolute() or ".." in path.parts:
        raise Unsound(t("backup_postgres.bad_archive", member=entry.name, reason="path"))
    place = folder / path
    if entry.isdir():
        place.mkdir(parents=True, exist_ok=True)
    elif entry.isfile():
        content = archive.extractfile(entry)
        assert content is not None
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.open("wb") as file:
            while chunk := content.read(CHUNK):
                file.write(chunk)


def copy(stream: BinaryIO, path: Path) -> None:
    with path.open("wb") as file:
        while chunk := stream.read(CHUNK):
            file.write(chunk)


def put_log(chain: Sequence[Fetched], scratch: Scratch) -> None:
    """One link behind the other into whole segments; the last one is filled up."""
    folder = scratch.folder / "data" / "pg_wal"
    (folder / "archive_status").mkdir(parents=True, exist_ok=True)
    before: Manifest | None = None
    for fetched in chain:
        one = fetched.manifest
        follows(before, one)
        before = one
        size, at = int(one.facts["segment"]), number(one.facts["log_start"])
        with fetched.open(LOG) as stream:
            while chunk := stream.read(size - at % size):
                name = wal.segment_name(int(one.facts["timeline"]), at, size)
                with (folder / name).open("wb" if at % size == 0 else "r+b") as file:
                    file.seek(at % size)
                    file.write(chunk)
                    file.truncate(size)
                at += len(chunk)
        if at != number(one.facts["log_end"]):
            raise Unsound(t("backup_postgres.log_cut", name=one.name, lsn=wal.text(at)))


def follows(before: Manifest | None, one: Manifest) -> None:
    """No gap, no other cluster, no other timeline."""
    if before is None:
        return
    same = all(before.facts.get(key) == one.facts.get(key) for key in ("system", "timeline", "segment"))
    if not same:
        raise Unsound(t("backup_postgres.other_chain", name=one.name, parent=before.name))
    if number(one.facts["log_start"]) > number(before.facts["log_end"]):
        raise Unsound(t("backup_postgres.gap", name=one.name, parent=before.name))


def validate(chain: Sequence[Fetched], scratch: Scratch, programs: Programs, version: int) -> None:
    facts, data = chain[0].manifest.facts, scratch.folder / "data"
    limit = timedelta(minutes=10, seconds=sum(one.manifest.size for one in chain) / SLOW)
    said = checked([programs.path("pg_controldata"), str(data)], limit)
    found = re.search(r"system identifier: +(\d+)", said)
    if found is None or found[1] != facts["system"]:
        raise Unsound(
            t("backup_postgres.other_system", found=found[1] if found else "—", expected=facts["system"])
        )
    same_label(data, facts["label"], facts["start"], facts["timeline"])
    headers(data / "pg_wal", int(facts["system"]), int(facts["segment"]))
    if version >= MANIFESTS:
        checked([programs.path("pg_verifybackup"), str(data)], limit)
    words = [programs.path("pg_waldump"), "-z", "-p", str(data / "pg_wal"), "-t", facts["timeline"]]
    end = chain[-1].manifest.facts["log_end"]
    checked([*words, "-s", facts["log_start"], "-e", end], limit)


def same_label(data: Path, label: str, start: str, timeline: str) -> None:
    """Whose backup it is, and of when."""
    try:
        said = (data / "backup_label").read_text("utf-8", "replace")
    except OSError as problem:
        raise Unsound(t("backup_postgres.no_label")) from problem
    wanted = (f"START WAL LOCATION: {start} ", f"LABEL: {label}\n")
    if not all(word in said for word in wanted) or timeline not in said:
        found = re.search(r"^LABEL: (.*)$", said, re.M)
        raise Unsound(t("backup_postgres.other_label", expected=label, found=found[1] if found else "—"))


def headers(folder: Path, system: int, size: int) -> None:
    """Each segment says which cluster it is of and where it belongs."""
    for path in sorted(folder.glob("[0-9A-F]" * 24)):
        with path.open("rb") as file:
            content = file.read(LONG_HEADER.size)
        _, _, timeline, address, _, found, segment, _ = LONG_HEADER.unpack(content)
        if (found, segment, wal.segment_name(timeline, address, size)) != (system, size, path.name):
            raise Unsound(t("backup_postgres.other_log", name=path.name, found=found, expected=system))
