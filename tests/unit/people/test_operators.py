import pytest

from tasks.errors import Refused
from tasks.home import Home
from tasks.people import operators
from tasks.people.operators import Operator, Role

FILE = """\
# who
operators:
  # the first
  - name: 甲   # on duty
    roles: [reader]
    contracts: all

  # about 乙
  - name: 乙
    roles:
      - approver
    contracts: [local]
# end
"""
WITHOUT_FIRST = """\
# who
operators:
  # the first

  # about 乙
  - name: 乙
    roles:
      - approver
    contracts: [local]
# end
"""


def new(name: str) -> Operator:
    return Operator(name=name, roles=("operator", "approver"), contracts=("local", "007"))


def write(house: Home, text: str) -> None:
    (house.inventories / "operators.yml").write_text(text)


def read(house: Home) -> str:
    return (house.inventories / "operators.yml").read_text()


def test_remarks_stay_when_one_is_added_and_removed(house: Home) -> None:
    write(house, FILE)
    operators.add(house, new("丙"))
    assert [found.name for found in operators.load(house.inventories)] == ["甲", "乙", "丙"]
    operators.remove(house, "丙")
    assert read(house) == FILE
    operators.remove(house, "甲")
    assert read(house) == WITHOUT_FIRST


@pytest.mark.parametrize(
    "start",
    [
        "",
        "operators: []\n",
        "# x\noperators: []  # nobody",
        "operators:\n- {name: a, roles: [reader], contracts: all}\n",
    ],
)
@pytest.mark.parametrize("name", ["张三", "null", "007", "1.5", "2026-01-01", "yes", "a-b.c"])
def test_any_name_into_any_list(house: Home, start: str, name: str) -> None:
    write(house, start)
    before = operators.load(house.inventories)
    operators.add(house, new(name))
    assert operators.load(house.inventories) == (*before, new(name))
    operators.remove(house, name)
    assert operators.load(house.inventories) == before


def test_a_list_in_braces_is_left_to_people(house: Home) -> None:
    text = "operators: [{name: a, roles: [reader], contracts: all}]\n"
    write(house, text)
    with pytest.raises(Refused, match="手工"):
        operators.add(house, new("b"))
    assert read(house) == text


def test_every_error_is_told_with_its_line(house: Home) -> None:
    write(
        house,
        "operators:\n"
        "  - {name: 甲, roles: [approvr], contracts: all}\n"
        "  - {name: 'a;b', roles: [reader], contracts: all}\n"
        "  - {name: 乙, roles: [], contract: all}\n",
    )
    with pytest.raises(Refused) as caught:
        operators.load(house.inventories)
    text = str(caught.value)
    assert all(f"operators.yml:{line}:" in text for line in (2, 3, 4))
    assert "approver" in text and "contracts" in text


def test_a_name_twice_is_refused(house: Home) -> None:
    write(house, FILE + "  - {name: 甲, roles: [reader], contracts: all}\n")
    with pytest.raises(Refused, match="两次"):
        operators.load(house.inventories)
    with pytest.raises(Refused):
        operators.add(house, new("丁"))


def test_rights_are_by_role_and_contract(house: Home) -> None:
    write(house, FILE)
    first, second = operators.load(house.inventories)
    assert first.may(Role.READER, "any") and not first.may(Role.APPROVER, "any")
    assert second.may(Role.APPROVER, "local") and not second.may(Role.APPROVER, "office-oa")


@pytest.mark.parametrize("name", ["a;b", "a b", "", "../x", "-x", "a\n", "a\x1b[1m", "x" * 65, "$(id)"])
def test_names_for_terminals_and_files_only(name: str) -> None:
    with pytest.raises(Refused, match="格式不符"):
        operators.described(name, ["reader"], [])


def test_a_name_is_composed_the_one_way() -> None:
    assert operators.described("é", ["reader"], []).name == "é"
