"""Tampering around the records: blobs, seals, triggers, the database file."""

import sqlite3
from contextlib import closing
from pathlib import Path

import zstandard

from tasks.records import What
from tasks.records.blobs import Blobs
from tests.bench.book_victim import Expected, Victim, other_digit


def blob_of(v: Victim) -> tuple[str, int, str, Path]:
    contract, seq = v.place()
    digest = v.document(contract, seq)["fields"]["evidence.1"]["value"]["digest"]
    return contract, seq, digest, Blobs(v.path / "blobs").path(digest)


def rewritten(path: Path, content: bytes) -> None:
    """The copies are hard links: never write through one."""
    path.unlink()
    path.write_bytes(content)


def flip_byte_of_blob(v: Victim) -> Expected:
    contract, seq, digest, path = blob_of(v)
    content = bytearray(path.read_bytes())
    content[v.rng.randrange(len(content))] ^= 1 << v.rng.randrange(8)
    rewritten(path, bytes(content))
    return Expected((What.BLOB_CHANGED,), contract, seq, digest)


def truncate_blob(v: Victim) -> Expected:
    contract, seq, digest, path = blob_of(v)
    content = path.read_bytes()
    rewritten(path, content[: v.rng.choice([0, 1, 20, len(content) - 1, v.rng.randrange(len(content))])])
    return Expected((What.BLOB_TRUNCATED, What.BLOB_CHANGED), contract, seq, digest)


def replace_blob(v: Victim) -> Expected:
    contract, seq, digest, path = blob_of(v)
    whole = path.read_bytes()
    other = Blobs(v.path / "made").keep(v.rng.randbytes(300))
    forged = Blobs(v.path / "made").path(other.digest).read_bytes()
    plain = zstandard.ZstdCompressor().compress(b"other content")
    rewritten(
        path, v.rng.choice([forged, plain, b"garbage", whole + b"x", whole + plain, whole[:-1] + b"\0"])
    )
    return Expected((What.BLOB_CHANGED, What.BLOB_TRUNCATED), contract, seq, digest)


def swap_blobs(v: Victim) -> Expected:
    contract, seq, digest, path = blob_of(v)
    _, _, _, other = blob_of(v)
    while other == path:
        _, _, _, other = blob_of(v)
    one, two = path.read_bytes(), other.read_bytes()
    rewritten(path, two)
    rewritten(other, one)
    return Expected((What.BLOB_CHANGED,), contract, seq, digest)


def lose_blob(v: Victim) -> Expected:
    contract, seq, digest, path = blob_of(v)
    path.unlink()
    if v.rng.random() < 0.3:
        path.mkdir()
        return Expected((What.BLOB_UNREADABLE,), contract, seq, digest)
    return Expected((What.BLOB_MISSING,), contract, seq, digest)


def change_seal(v: Victim) -> Expected:
    contract = v.rng.choice(list(v.ends))
    end = v.ends[contract]
    path = v.path / "seals" / f"{contract}.json"
    how = v.rng.choice(["hash", "ahead", "behind", "garbage", "gone"])
    if how == "hash":
        v.seal(
            contract,
            lambda seal: seal["committed"].update(hash=other_digit(seal["committed"]["hash"], v.rng)),
        )
        return Expected((What.SEAL_DIFFERS,), contract, end)
    if how == "ahead":
        v.seal(contract, lambda seal: seal["committed"].update(seq=end + 3))
        return Expected((What.RECORD_MISSING,), contract, end + 1)
    if how == "behind":
        before = v.document(contract, end)["prev"]
        v.seal(contract, lambda seal: seal.update(committed={"seq": end - 1, "hash": before}))
        return Expected((What.RECORD_INSERTED,), contract, end)
    if how == "garbage":
        path.write_bytes(v.rng.choice([b"", b"{}", b"null", b"\xff" * 9, b"[[[", b'{"committed": 7}']))
        return Expected((What.SEAL_UNREADABLE,), contract)
    path.unlink()
    return Expected((What.SEAL_MISSING,), contract)


def change_trigger(v: Victim) -> Expected:
    name = v.rng.choice(["records_no_update", "records_no_delete", "records_no_replace"])
    with closing(sqlite3.connect(v.file)) as database:
        database.execute(f"DROP TRIGGER {name}")
        if v.rng.random() < 0.5:
            database.execute(f"CREATE TRIGGER {name} BEFORE UPDATE ON records BEGIN SELECT 1; END")
    return Expected((What.TRIGGER_MISSING,), subject=name)


def change_schema(v: Victim) -> Expected:
    name, sql = v.rng.choice(
        [
            ("records_by_plan", "DROP INDEX records_by_plan"),
            ("hidden", "CREATE TRIGGER hidden AFTER INSERT ON records BEGIN SELECT 1; END"),
            ("records", "ALTER TABLE records ADD COLUMN note TEXT"),
        ]
    )
    with closing(sqlite3.connect(v.file)) as database:
        database.execute(sql)
    return Expected((What.SCHEMA_DIFFERS,), subject=name)


def flip_salt_in_file(v: Victim) -> Expected:
    """Past SQLite: the bytes of one salt in the database file."""
    contract, seq = v.place()
    document = v.document(contract, seq)
    content = v.file.read_bytes()
    for name in v.rng.sample(sorted(document["fields"]), len(document["fields"])):
        salt = document["fields"][name]["salt"]
        if (at := content.find(salt.encode())) >= 0:
            v.file.write_bytes(content[:at] + other_digit(salt, v.rng).encode() + content[at + len(salt) :])
            return Expected((What.FIELD_CHANGED,), contract, seq, name)
    raise AssertionError("no salt of the record lies in one page")


def damage_file(v: Victim) -> Expected:
    content = v.file.read_bytes()
    how = v.rng.choice(["gone", "empty", "garbage", "cut", "header", "root"])
    damaged = (What.DATABASE_DAMAGED, What.RECORD_MISSING, What.SCHEMA_DIFFERS)
    if how == "gone":
        v.file.unlink()
        return Expected((What.DATABASE_MISSING,))
    if how == "empty":
        v.file.write_bytes(b"")
        return Expected((What.RECORD_MISSING,), next(iter(v.ends)), 1)
    if how == "garbage":
        v.file.write_bytes(v.rng.randbytes(len(content)))
    elif how == "cut":
        v.file.write_bytes(content[: v.rng.randrange(4096, len(content) - 4096)])
    elif how == "header":
        v.file.write_bytes(v.rng.randbytes(16) + content[16:])
    else:
        v.file.write_bytes(content[:100] + v.rng.randbytes(4096 - 100) + content[4096:])
    return Expected(damaged)


def damage_page(v: Victim) -> Expected:
    """A whole page in the middle: named as a damaged database, or by the record that lay there."""
    content = v.file.read_bytes()
    at = 4096 * v.rng.randrange(1, len(content) // 4096)
    page = v.rng.choice([bytes(4096), v.rng.randbytes(4096)])
    v.file.write_bytes(content[:at] + page + content[at + 4096 :])
    kinds = (What.DATABASE_DAMAGED, What.UNREADABLE, What.FIELD_CHANGED, What.HASH_WRONG)
    return Expected(kinds)
