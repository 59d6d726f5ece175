"""A record as the book writes it: one JSON document whose parts can be masked and still verify.

    {"contract": "local", "fields": {"title": {"digest": …, "salt": …, "value": …}, …},
     "format": 1, "hash": …, "prev": …, "recorded_at": …, "seq": 7}

Digest of a field: SHA-256 over 16 random bytes of salt and the canonical JSON of [name, value].
Hash of the record: SHA-256 over the canonical JSON of format, contract, seq, prev, recorded_at
and the digests by name. A masked copy lacks salt and value of some fields and keeps their
digests: its hash, and with it the chain, can be recomputed by anybody. The salt keeps a short
value (an outcome, an address) from being guessed from its digest.

Canonical JSON: UTF-8, keys sorted by code point, no white space, no NaN.
"""

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, cast

from tasks.clock import ZONE
from tasks.errors import Refused
from tasks.model import Evidence, Json, Mode, Outcome, Record, Tier
from tasks.texts import t

Document = dict[str, Any]

FORMAT = 1
START = "0" * 64
SALT_BYTES = 16
HEADER = ("contract", "format", "prev", "recorded_at", "seq")
KEYS = {*HEADER, "fields", "hash"}
CONTRACT = re.compile(r"[a-z][a-z0-9-]*")
DIGEST = re.compile(r"[0-9a-f]{64}")
SALT = re.compile(r"[0-9a-f]{32}")


class Unreadable(ValueError):
    """A document that this program cannot have written, or cannot read."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What does not hold in one document: a field (by name), or the hash of the whole."""

    kind: str
    subject: str = ""


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Iterable):
        return list(value)
    raise TypeError(type(value).__name__)


ENCODER = json.JSONEncoder(
    ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False, default=_plain
)


def canonical(value: object) -> str:
    return ENCODER.encode(value)


def sha(text: str, salt: bytes = b"") -> str:
    return sha256(salt + text.encode()).hexdigest()


def moment(value: datetime) -> str:
    """Fixed width and one zone, so that the text sorts as the time does."""
    return value.astimezone(ZONE).isoformat(timespec="microseconds")


def fields_of(record: Record) -> dict[str, Json]:
    """The record as flat names; each piece of evidence and each fact is a field of its own."""
    for name in ("started_at", "ended_at", "planned_at"):
        value = getattr(record, name)
        if value is not None and value.tzinfo is None:
            raise Refused(t("records.naive_time", field=name))
    fields: dict[str, Json] = {
        "routine": record.routine,
        "title": record.title,
        "started_at": moment(record.started_at),
        "ended_at": moment(record.ended_at),
        "started_by": record.started_by,
        "outcome": record.outcome.value,
        "mode": record.mode.value,
        "topics": record.topics,
        "plan_id": record.plan_id,
        "planned_at": moment(record.planned_at) if record.planned_at else None,
        "expected": record.expected,
        "reached": record.reached,
        "not_reached": record.not_reached,
        "summary": record.summary,
    }
    fields |= {f"facts.{name}": value for name, value in record.facts.items()}
    return fields | {f"evidence.{i}": _written(item) for i, item in enumerate(record.evidence, 1)}


def _written(item: Evidence) -> dict[str, Json]:
    return {
        "digest": item.digest,
        "name": item.name,
        "media_type": item.media_type,
        "size": item.size,
        "tier": item.tier.value,
    }


def _salted(name: str, value: Json) -> dict[str, Json]:
    salt = os.urandom(SALT_BYTES)
    try:
        text = canonical([name, value])
        return {"digest": sha(text, salt), "salt": salt.hex(), "value": json.loads(text)[1]}
    except (ValueError, TypeError, RecursionError) as problem:
        raise Refused(t("records.not_json", field=name, reason=problem)) from problem


def salted_fields(record: Record) -> Document:
    """The part of a document that does not depend on its place in the chain."""
    if not CONTRACT.fullmatch(record.contract):
        raise Refused(t("records.bad_contract", contract=record.contract))
    return {name: _salted(name, value) for name, value in fields_of(record).items()}


def compose(contract: str, fields: Document, seq: int, prev: str, recorded_at: datetime) -> Document:
    document: Document = {
        "format": FORMAT,
        "contract": contract,
        "seq": seq,
        "prev": prev,
        "recorded_at": moment(recorded_at),
        "fields": fields,
    }
    return document | {"hash": record_hash(document)}


def record_hash(document: Mapping[str, Any]) -> str:
    digests = {name: field["digest"] for name, field in document["fields"].items()}
    return sha(canonical({"digests": digests, **{key: document[key] for key in HEADER}}))


def read(text: object) -> Document:
    """The document in `text`, or Unreadable: nothing but the exact canonical form is accepted,
    so that no byte of it can change unnoticed."""
    if not isinstance(text, str):
        raise Unreadable(t("records.not_text"))
    try:
        document = json.loads(text)
        if canonical(document) != text:
            raise Unreadable(t("records.not_canonical"))
        _shaped(document)
    except RecursionError as problem:
        raise Unreadable(t("records.not_canonical")) from problem
    except Unreadable:
        raise
    except ValueError as problem:
        raise Unreadable(t("records.broken_json", reason=problem)) from problem
    return cast(Document, document)


def _shaped(document: Any) -> None:
    if not isinstance(document, dict) or set(document) != KEYS:
        raise Unreadable(t("records.bad_shape", part="document"))
    if document["format"] != FORMAT:
        raise Unreadable(t("records.newer_format", format=document["format"]))
    hashes = (document["hash"], document["prev"])
    if type(document["seq"]) is not int or not all(_matches(DIGEST, value) for value in hashes):
        raise Unreadable(t("records.bad_shape", part="seq, hash, prev"))
    if not _matches(CONTRACT, document["contract"]) or not isinstance(document["recorded_at"], str):
        raise Unreadable(t("records.bad_shape", part="contract, recorded_at"))
    datetime.fromisoformat(document["recorded_at"])
    if not isinstance(document["fields"], dict):
        raise Unreadable(t("records.bad_shape", part="fields"))
    for name, field in document["fields"].items():
        if not _field_shaped(field):
            raise Unreadable(t("records.bad_shape", part=name))


def _matches(pattern: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _field_shaped(field: Any) -> bool:
    if not isinstance(field, dict) or not _matches(DIGEST, field.get("digest")):
        return False
    if len(field) == 1:
        return True
    return field.keys() == {"digest", "salt", "value"} and _matches(SALT, field["salt"])


def faults(document: Document, *, masked_allowed: bool = True) -> Iterator[Fault]:
    """What does not hold in a document read by `read`, or in a masked copy of one."""
    for name, field in document["fields"].items():
        if "salt" not in field:
            if not masked_allowed:
                yield Fault("masked", name)
        elif sha(canonical([name, field["value"]]), bytes.fromhex(field["salt"])) != field["digest"]:
            yield Fault("field", name)
    if record_hash(document) != document["hash"]:
        yield Fault("hash")


def masked(document: Mapping[str, Any], names: Iterable[str]) -> Document:
    """A copy without the values of these fields; it verifies with the hash it always had."""
    hidden = set(names)
    if unknown := hidden - document["fields"].keys():
        raise Refused(t("records.no_such_field", fields=", ".join(sorted(unknown))))
    fields = {
        name: {"digest": field["digest"]} if name in hidden else dict(field)
        for name, field in document["fields"].items()
    }
    return {**document, "fields": fields}


def verify_document(document: Mapping[str, Any], expected_hash: str = "") -> tuple[Fault, ...]:
    """Check one document on its own, masked or not, as its recipient would."""
    try:
        checked = read(canonical(document))
    except (Unreadable, TypeError):
        return (Fault("unreadable"),)
    found = tuple(faults(checked))
    if expected_hash and checked["hash"] != expected_hash:
        found += (Fault("hash"),)
    return found


def value_of(document: Mapping[str, Any], name: str, default: Any = None) -> Any:
    return document["fields"].get(name, {}).get("value", default)


def columns(document: Mapping[str, Any]) -> dict[str, object]:
    """What stands beside the document for look-up, and only for that."""
    looked_up = {name: value_of(document, name) for name in ("routine", "plan_id", "started_at", "outcome")}
    header = {name: document[name] for name in ("contract", "seq", "hash", "recorded_at")}
    return header | looked_up


def evidence_of(document: Mapping[str, Any]) -> Iterator[Evidence]:
    """The unmasked pieces of evidence, in their order."""
    i = 1
    while f"evidence.{i}" in document["fields"]:
        value = value_of(document, f"evidence.{i}")
        if value is not None:
            # A digest becomes a path, also where a book was tampered with.
            if not _matches(DIGEST, value["digest"]) or type(value["size"]) is not int:
                raise ValueError(f"evidence.{i}")
            yield Evidence(**{**value, "tier": Tier(value["tier"])})
        i += 1


def to_record(document: Mapping[str, Any]) -> Record:
    """The record again, as it was appended (its tuples and enums too); Unreadable if it is none."""
    try:
        known = {name: value_of(document, name) for name in _SIMPLE if name in document["fields"]}
        facts = {
            name.removeprefix("facts."): field["value"]
            for name, field in document["fields"].items()
            if name.startswith("facts.")
        }
        planned = value_of(document, "planned_at")
        return Record(
            **known,
            contract=document["contract"],
            started_at=datetime.fromisoformat(value_of(document, "started_at")).astimezone(ZONE),
            ended_at=datetime.fromisoformat(value_of(document, "ended_at")).astimezone(ZONE),
            planned_at=datetime.fromisoformat(planned).astimezone(ZONE) if planned else None,
            outcome=Outcome(value_of(document, "outcome")),
            mode=Mode(value_of(document, "mode")),
            topics=tuple(value_of(document, "topics", ())),
            not_reached=tuple(value_of(document, "not_reached", ())),
            facts=facts,
            evidence=tuple(evidence_of(document)),
        )
    except (KeyError, TypeError, ValueError, OverflowError) as problem:
        raise Unreadable(t("records.not_a_record", reason=problem)) from problem


_SIMPLE = ("routine", "title", "started_by", "plan_id", "expected", "reached", "summary")
