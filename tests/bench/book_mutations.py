"""Ways to tamper with a book, each with what verification must say about it.

Whoever tampers here can write: triggers are taken off for the edit and put back as they were,
digests and hashes are recomputed where that would hide the edit better.
"""

import hashlib
import json
import random
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import zstandard

from tasks.records import Head, Problem, What
from tasks.records import document as documents
from tasks.records.blobs import Blobs
from tests.bench.book_material import record


@dataclass(frozen=True)
class Expected:
    """A problem of one of these kinds at this place; None stands for anywhere."""

    whats: tuple[What, ...]
    contract: str | None = None
    seq: int | None = None
    subject: str | None = None
    heads: dict[str, Head] = field(default_factory=dict)

    def names(self, problem: Problem) -> bool:
        return (
            problem.what in self.whats
            and self.contract in (None, problem.contract)
            and self.seq in (None, problem.seq)
            and self.subject in (None, problem.subject)
        )


class Victim:
    """A copy of a book, opened by somebody who is not its writer."""

    def __init__(self, path: Path, rng: random.Random) -> None:
        self.path = path
        self.rng = rng
        self.file = path / "book.sqlite"
        with closing(sqlite3.connect(self.file)) as database:
            rows = database.execute("SELECT contract, max(seq) FROM records GROUP BY contract ORDER BY 1")
            self.ends: dict[str, int] = dict(rows)

    def place(self, room: int = 0) -> tuple[str, int]:
        """A record that has at least `room` records behind it."""
        contract = self.rng.choice([name for name, end in self.ends.items() if end > room])
        return contract, self.rng.randint(1, self.ends[contract] - room)

    @contextmanager
    def edit(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self.file, isolation_level=None)) as database:
            triggers = database.execute("SELECT name, sql FROM sqlite_master WHERE type='trigger'").fetchall()
            for name, _ in triggers:
                database.execute(f"DROP TRIGGER {name}")
            yield database
            for _, sql in triggers:
                database.execute(sql)

    def document(self, contract: str, seq: int) -> dict[str, Any]:
        with closing(sqlite3.connect(self.file)) as database:
            query = "SELECT document FROM records WHERE contract=? AND seq=?"
            (text,) = database.execute(query, (contract, seq)).fetchone()
        return json.loads(text)

    def put(self, contract: str, seq: int, document: dict[str, Any], columns: bool = False) -> None:
        values: dict[str, object] = {"document": documents.canonical(document)}
        if columns:
            values |= documents.columns(document)
        self.set(contract, seq, **values)

    def set(self, contract: str, seq: int, /, **values: object) -> None:
        assignments = ", ".join(f"{name}=?" for name in values)
        with self.edit() as database:
            database.execute(
                f"UPDATE records SET {assignments} WHERE contract=? AND seq=?",
                (*values.values(), contract, seq),
            )

    def insert(self, document: dict[str, Any], **columns: object) -> None:
        values = documents.columns(document) | {"document": documents.canonical(document)} | columns
        names, marks = ", ".join(values), ", ".join("?" * len(values))
        with self.edit() as database:
            database.execute(f"INSERT INTO records ({names}) VALUES ({marks})", tuple(values.values()))

    def delete(self, contract: str, first: int, last: int) -> None:
        with self.edit() as database:
            database.execute(
                "DELETE FROM records WHERE contract=? AND seq BETWEEN ? AND ?", (contract, first, last)
            )

    def seal(self, contract: str, change: Callable[[dict[str, Any]], None]) -> None:
        path = self.path / "seals" / f"{contract}.json"
        content = json.loads(path.read_text())
        change(content)
        path.write_text(json.dumps(content))


def other_digit(digits: str, rng: random.Random) -> str:
    at = rng.randrange(len(digits))
    return digits[:at] + rng.choice([d for d in "0123456789abcdef" if d != digits[at]]) + digits[at + 1 :]


def other_value(value: Any) -> Any:
    if isinstance(value, str):
        return value + "改"
    if isinstance(value, bool) or value is None:
        return "x"
    return value + 1 if isinstance(value, int | float) else [value]


def changed(document: dict[str, Any], rng: random.Random, digest: bool, rehash: bool) -> str:
    """Change one field that the index columns do not show; with its digest, with the hash."""
    name = rng.choice(["title", "summary", "expected", "reached", "facts.worst", "facts.percent", "mode"])
    part = document["fields"][name]
    part["value"] = "drill" if name == "mode" else other_value(part["value"])
    if digest:
        part["digest"] = documents.sha(
            documents.canonical([name, part["value"]]), bytes.fromhex(part["salt"])
        )
    if rehash:
        document["hash"] = documents.record_hash(document)
    return name


def change_value(v: Victim) -> Expected:
    contract, seq = v.place()
    document = v.document(contract, seq)
    name = changed(document, v.rng, digest=False, rehash=False)
    v.put(contract, seq, document)
    return Expected((What.FIELD_CHANGED,), contract, seq, name)


def change_salt_or_digest(v: Victim) -> Expected:
    contract, seq = v.place()
    document = v.document(contract, seq)
    name, part = v.rng.choice(sorted(document["fields"])), v.rng.choice(["salt", "digest"])
    document["fields"][name][part] = other_digit(document["fields"][name][part], v.rng)
    v.put(contract, seq, document)
    return Expected((What.FIELD_CHANGED,), contract, seq, name)


def flip_byte_of_document(v: Victim) -> Expected:
    contract, seq = v.place()
    text = bytearray(documents.canonical(v.document(contract, seq)).encode())
    text[v.rng.randrange(len(text))] ^= 1 << v.rng.randrange(8)
    with v.edit() as database:
        database.execute(
            "UPDATE records SET document=CAST(? AS TEXT) WHERE contract=? AND seq=?",
            (bytes(text), contract, seq),
        )
    kinds = (What.UNREADABLE, What.FIELD_CHANGED, What.HASH_WRONG, What.ORDER)
    return Expected(kinds, contract, seq)


def forge_digest(v: Victim) -> Expected:
    contract, seq = v.place()
    document = v.document(contract, seq)
    changed(document, v.rng, digest=True, rehash=False)
    v.put(contract, seq, document)
    return Expected((What.HASH_WRONG,), contract, seq)


def forge_record(v: Victim) -> Expected:
    contract, seq = v.place()
    document = v.document(contract, seq)
    changed(document, v.rng, digest=True, rehash=True)
    v.put(contract, seq, document, columns=True)
    if seq == v.ends[contract]:
        return Expected((What.SEAL_DIFFERS,), contract, seq)
    return Expected((What.PREV_WRONG,), contract, seq + 1, str(seq))


def forged_tail(v: Victim) -> tuple[str, int, Head]:
    """One record and everything behind it rewritten, consistently. Gives the true end, too."""
    contract, seq = v.place()
    true = Head(v.ends[contract], v.document(contract, v.ends[contract])["hash"])
    prev = ""
    for at in range(seq, v.ends[contract] + 1):
        document = v.document(contract, at)
        if at == seq:
            changed(document, v.rng, digest=True, rehash=True)
        else:
            document["prev"] = prev
            document["hash"] = documents.record_hash(document)
        prev = document["hash"]
        v.put(contract, at, document, columns=True)
    return contract, v.ends[contract], true


def forge_chain(v: Victim) -> Expected:
    contract, end, _ = forged_tail(v)
    return Expected((What.SEAL_DIFFERS,), contract, end)


def forge_chain_and_seal(v: Victim) -> Expected:
    contract, end, true = forged_tail(v)
    digest = v.document(contract, end)["hash"]
    v.seal(contract, lambda seal: seal["committed"].update(hash=digest))
    return Expected((What.HEAD_DIFFERS,), contract, end, heads={contract: true})


def cut_tail_and_seal(v: Victim) -> Expected:
    contract, seq = v.place(room=1)
    true = Head(v.ends[contract], v.document(contract, v.ends[contract])["hash"])
    digest = v.document(contract, seq)["hash"]
    v.delete(contract, seq + 1, true.seq)
    v.seal(contract, lambda seal: seal.update(committed={"seq": seq, "hash": digest}))
    return Expected((What.HEAD_DIFFERS,), contract, true.seq, heads={contract: true})


def field_taken_or_added(v: Victim) -> Expected:
    contract, seq = v.place()
    document = v.document(contract, seq)
    if v.rng.random() < 0.5:
        del document["fields"][v.rng.choice(["facts.worst", "facts.percent", "evidence.1", "plan_id"])]
    else:
        document["fields"]["facts.added"] = dict(document["fields"]["facts.worst"])
    v.put(contract, seq, document)
    return Expected((What.HASH_WRONG,), contract, seq)


def field_masked(v: Victim) -> Expected:
    contract, seq = v.place()
    document = v.document(contract, seq)
    name = v.rng.choice(["title", "summary", "facts.worst", "evidence.1"])
    v.put(contract, seq, documents.masked(document, [name]))
    return Expected((What.FIELD_MASKED, What.UNREADABLE), contract, seq)


def header_changed(v: Victim) -> Expected:
    contract, seq = v.place()
    document = v.document(contract, seq)
    if v.rng.random() < 0.5:
        document["prev"] = other_digit(document["prev"], v.rng)
    else:
        document["recorded_at"] = document["recorded_at"].replace("2", "1")
    v.put(contract, seq, document, columns=True)
    return Expected((What.HASH_WRONG,), contract, seq)


def delete_records(v: Victim) -> Expected:
    contract, first = v.place()
    last = min(first + v.rng.choice([0, 0, 1, 5]), v.ends[contract])
    v.delete(contract, first, last)
    return Expected((What.RECORD_MISSING,), contract, first)


def delete_last(v: Victim) -> Expected:
    contract = v.rng.choice(list(v.ends))
    v.delete(contract, v.ends[contract], v.ends[contract])
    return Expected((What.RECORD_MISSING,), contract, v.ends[contract])


def delete_contract(v: Victim) -> Expected:
    contract = v.rng.choice(list(v.ends))
    v.delete(contract, 1, v.ends[contract])
    return Expected((What.RECORD_MISSING,), contract, 1)


def delete_and_close_up(v: Victim) -> Expected:
    contract, seq = v.place(room=1)
    v.delete(contract, seq, seq)
    with v.edit() as database:
        for at in range(seq + 1, v.ends[contract] + 1):
            database.execute("UPDATE records SET seq=? WHERE contract=? AND seq=?", (at - 1, contract, at))
    return Expected((What.ORDER,), contract, seq)


def composed(v: Victim, contract: str, seq: int, prev: str) -> dict[str, Any]:
    made = record(seq, contract)
    return documents.compose(contract, documents.salted_fields(made), seq, prev, made.ended_at)


def insert_at_end(v: Victim) -> Expected:
    contract = v.rng.choice(list(v.ends))
    end = v.ends[contract]
    v.insert(composed(v, contract, end + 1, v.document(contract, end)["hash"]))
    return Expected((What.RECORD_INSERTED,), contract, end + 1)


def insert_between(v: Victim) -> Expected:
    contract, seq = v.place(room=1)
    with v.edit() as database:
        for at in range(v.ends[contract], seq, -1):
            database.execute("UPDATE records SET seq=? WHERE contract=? AND seq=?", (at + 1, contract, at))
    v.insert(composed(v, contract, seq + 1, v.document(contract, seq)["hash"]))
    return Expected((What.ORDER,), contract, seq + 2)


def insert_odd_number(v: Victim) -> Expected:
    contract, seq = v.place()
    odd = v.rng.choice([0, -1, seq + 0.5, "x"])
    v.insert(composed(v, contract, 1, documents.START), seq=odd)
    return Expected((What.RECORD_INSERTED,), contract, odd if isinstance(odd, int) else None, str(odd))


def insert_contract(v: Victim) -> Expected:
    v.insert(composed(v, "invented", 1, documents.START))
    return Expected((What.SEAL_MISSING,), "invented")


def swap_documents(v: Victim) -> Expected:
    contract, seq = v.place(room=1)
    other = v.rng.randint(seq + 1, v.ends[contract])
    one, two = v.document(contract, seq), v.document(contract, other)
    v.put(contract, seq, two)
    v.put(contract, other, one)
    return Expected((What.ORDER,), contract, v.rng.choice([seq, other]))


def swap_rows(v: Victim) -> Expected:
    """The rows change places in the table and nothing in them does."""
    contract, seq = v.place(room=1)
    with v.edit() as database:
        ids = [
            database.execute("SELECT id FROM records WHERE contract=? AND seq=?", (contract, at)).fetchone()[
                0
            ]
            for at in (seq, seq + 1)
        ]
        for old, new in ((ids[0], -1), (ids[1], ids[0]), (-1, ids[1])):
            database.execute("UPDATE records SET id=? WHERE id=?", (new, old))
    return Expected((What.ORDER,), contract, seq + 1, "id")


def swap_between_contracts(v: Victim) -> Expected:
    one, two = v.rng.sample(sorted(v.ends), 2)
    seqs = v.rng.randint(1, v.ends[one]), v.rng.randint(1, v.ends[two])
    first, second = v.document(one, seqs[0]), v.document(two, seqs[1])
    v.put(one, seqs[0], second)
    v.put(two, seqs[1], first)
    return Expected((What.ORDER,), *v.rng.choice([(one, seqs[0]), (two, seqs[1])]))


def move_to_other_contract(v: Victim) -> Expected:
    contract, seq = v.place()
    v.set(contract, seq, contract="stolen")
    return Expected((What.RECORD_MISSING,), contract, seq)


def change_column(v: Victim) -> Expected:
    contract, seq = v.place()
    name = v.rng.choice(["routine", "plan_id", "started_at", "outcome", "recorded_at", "hash"])
    v.set(contract, seq, **{name: v.rng.choice(["", "changed", b"\xff\x00", 7])})
    return Expected((What.COLUMN_DIFFERS,), contract, seq, name)


def garbage_document(v: Victim) -> Expected:
    contract, seq = v.place()
    garbage = v.rng.choice(["", "null", "[" * 5000, "{}", b"\xff\xfe", '{"a":NaN}', "9" * 6000, '"\\ud800"'])
    v.set(contract, seq, document=garbage)
    return Expected((What.UNREADABLE,), contract, seq)


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
    assert hashlib.sha256(content).digest() != hashlib.sha256(v.file.read_bytes()).digest()
    kinds = (What.DATABASE_DAMAGED, What.UNREADABLE, What.FIELD_CHANGED, What.HASH_WRONG)
    return Expected(kinds)


MUTATIONS: tuple[Callable[[Victim], Expected], ...] = (
    change_value,
    change_salt_or_digest,
    flip_byte_of_document,
    forge_digest,
    forge_record,
    forge_chain,
    forge_chain_and_seal,
    cut_tail_and_seal,
    field_taken_or_added,
    field_masked,
    header_changed,
    delete_records,
    delete_last,
    delete_contract,
    delete_and_close_up,
    insert_at_end,
    insert_between,
    insert_odd_number,
    insert_contract,
    swap_documents,
    swap_rows,
    swap_between_contracts,
    move_to_other_contract,
    change_column,
    garbage_document,
    flip_byte_of_blob,
    truncate_blob,
    replace_blob,
    swap_blobs,
    lose_blob,
    change_seal,
    change_trigger,
    change_schema,
    flip_salt_in_file,
    damage_file,
    damage_page,
)
