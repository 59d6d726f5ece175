"""A record as a document: round trip, masking, and what is refused at the border."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.clock import ZONE
from tasks.errors import Refused
from tasks.model import Evidence, Record, Tier
from tasks.records import document as documents
from tasks.records import masked, verify_document
from tests.bench.book_material import record

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


def composed(made: Record) -> documents.Document:
    fields = documents.salted_fields(made)
    return documents.compose(made.contract, fields, 1, documents.START, datetime(2026, 3, 2, tzinfo=ZONE))


@given(title=TEXT, facts=st.dictionaries(TEXT, JSON, max_size=4))
def test_what_is_written_is_read_again(title: str, facts: dict[str, documents.Json]) -> None:
    made = replace(record(1), title=title, facts=facts)
    document = documents.read(documents.canonical(composed(made)))
    assert documents.to_record(document) == made
    assert verify_document(document) == ()


@given(names=st.sets(st.sampled_from(["title", "evidence.1", "evidence.2", "facts.worst", "plan_id"])))
def test_a_masked_copy_verifies_with_the_same_hash(names: set[str]) -> None:
    pieces = [Evidence(str(i) * 64, f"{i}.txt", "text/plain", 5, Tier.VERY) for i in (1, 2)]
    document = composed(record(1, evidence=pieces))
    copy = masked(document, names)
    assert verify_document(copy, document["hash"]) == ()
    assert all(copy["fields"][name].keys() == {"digest"} for name in names)
    assert len(document["fields"]["title"]) == 3


def test_a_masked_copy_that_was_altered_does_not_verify() -> None:
    copy = masked(composed(record(1)), ["title"])
    copy["fields"]["summary"]["value"] = "116 台正常"
    assert verify_document(copy) == (documents.Fault("field", "summary"),)
    copy = masked(composed(record(1)), ["title"])
    copy["fields"]["title"]["digest"] = "0" * 64
    assert verify_document(copy) == (documents.Fault("hash"),)
    assert verify_document({**copy, "fields": 7}) == (documents.Fault("unreadable"),)


def test_the_same_value_has_another_digest_in_each_record() -> None:
    one, two = composed(record(1)), composed(record(1))
    assert one["fields"]["outcome"]["digest"] != two["fields"]["outcome"]["digest"]


def test_masking_what_is_not_there_is_refused() -> None:
    with pytest.raises(Refused, match="nonsense"):
        masked(composed(record(1)), ["title", "nonsense"])


@pytest.mark.parametrize("field", ["started_at", "ended_at", "planned_at"])
def test_a_time_without_zone_is_refused(field: str) -> None:
    with pytest.raises(Refused, match=field):
        documents.salted_fields(replace(record(1), **{field: datetime(2026, 3, 2)}))


@pytest.mark.parametrize("contract", ["", "Local", "1a", "a/b", "../a", "a\n", "合同", "a b"])
def test_a_contract_name_that_is_none_is_refused(contract: str) -> None:
    with pytest.raises(Refused, match="合同代号"):
        documents.salted_fields(replace(record(1), contract=contract))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800", object(), {1: {2, 3}, "a": 1}])
def test_a_fact_that_is_not_json_is_refused_by_name(value: object) -> None:
    with pytest.raises(Refused, match=r"facts\.odd"):
        documents.salted_fields(replace(record(1), facts={"odd": value}))


def test_times_are_written_so_that_text_sorts_as_time() -> None:
    begun = datetime(2026, 3, 2, 8, tzinfo=ZONE)
    moments = [begun + timedelta(microseconds=step) for step in (0, 1, 10, 500_000, 1_000_000)]
    assert sorted(map(documents.moment, moments)) == [documents.moment(each) for each in moments]


@pytest.mark.parametrize(
    "text", ["", "null", "[]", "{}", "[" * 100_000, "9" * 10_000, '{"a":NaN}', '"\\ud800"', b"{}", None, 7]
)
def test_garbage_is_unreadable(text: object) -> None:
    with pytest.raises(documents.Unreadable):
        documents.read(text)


@given(at=st.integers(min_value=0), to=st.characters(exclude_categories=["Cs"]))
def test_no_character_of_a_document_changes_unnoticed(at: int, to: str) -> None:
    text = documents.canonical(composed(record(1)))
    at %= len(text)
    changed = text[:at] + to + text[at + 1 :]
    if changed == text:
        return
    try:
        document = documents.read(changed)
    except documents.Unreadable:
        return
    assert verify_document(document)
