"""Tampering with records: changed, forged, deleted, inserted, reordered, swapped."""

import random
from typing import Any

from tasks.records import Head, What
from tasks.records import document as documents
from tests.bench.book_material import record
from tests.bench.book_victim import Expected, Victim, other_digit


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
