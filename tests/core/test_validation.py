"""Validation errors: place, expectation, actual value."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator

from bioclip_x.validation import LONGEST, FieldError, find_first_error, list_errors


class Leaf(BaseModel):
    model_config = ConfigDict(extra="forbid")

    weight: float = Field(1.0, gt=0)


class Tree(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    name: str = "tree"
    age: int | None = Field(None, ge=1, le=99)
    height: float = Field(1.0, lt=200)
    kind: Literal["broad", "needle"] = "broad"
    deciduous: bool = True
    photo: Path = Path()
    calibration: Literal["none", "auto"] | Path = "none"
    leaves: tuple[Leaf, ...] | None = None
    oldest: Leaf | None = None
    notes: dict[str, str] = {}
    places: Annotated[list[str], Field(min_length=1, max_length=2)] = ["here"]
    code: str = Field("ab", pattern="^[a-z]*$", min_length=1)
    size: tuple[int, int] = (1, 2)
    base: int = Field(0, exclude=True)

    @field_validator("name")
    @classmethod
    def _name(cls, name: str) -> str:
        if not name.strip():
            raise ValueError("expected a name, got a blank")
        return name


def found(document: Any, model: Any = Tree) -> tuple[str, ...]:
    with pytest.raises(ValidationError) as error:
        TypeAdapter(model).validate_python(document)
    return tuple(map(str, list_errors(error.value, model)))


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"age": "old"}, "age: expected a valid integer, got 'old'"),
        ({"age": 2.5}, "age: expected a valid integer, got 2.5"),
        ({"age": 0}, "age: expected a number greater than or equal to 1, got 0"),
        ({"height": 200}, "height: expected a number less than 200, got 200"),
        ({"height": float("nan")}, "height: expected a finite number, got nan"),
        ({"name": 3}, "name: expected a valid string, got 3"),
        ({"name": " "}, "name: expected a name, got a blank"),
        ({"kind": "fern"}, "kind: expected 'broad' or 'needle', got 'fern'"),
        ({"deciduous": "perhaps"}, "deciduous: expected a valid boolean, got 'perhaps'"),
        ({"photo": 3}, "photo: expected a valid path, got 3"),
        ({"leaves": "many"}, "leaves: expected a list, got 'many'"),
        ({"leaves": [{}, {"weight": -1}]}, "leaves.1.weight: expected a number greater than 0, got -1"),
        ({"leaves": [4]}, "leaves.0: expected a mapping, got 4"),
        ({"notes": []}, "notes: expected a mapping, got []"),
        ({"notes": {"bark": 1}}, "notes.bark: expected a valid string, got 1"),
        ({"places": []}, "places: expected at least 1 item, got []"),
        ({"places": ["a", "b", "c"]}, "places: expected at most 2 items, got ['a', 'b', 'c']"),
        ({"code": ""}, "code: expected at least 1 character, got ''"),
        ({"code": "A1"}, "code: expected text that matches the pattern '^[a-z]*$', got 'A1'"),
        ({"size": [1]}, "size.1: expected a value, got none"),
        ("oak", "expected a mapping, got 'oak'"),
    ],
)
def test_place_expectation_and_actual_value(document: Any, message: str) -> None:
    assert found(document) == (message,)


def test_a_place_does_not_include_union_tags() -> None:
    assert found({"calibration": 3})[0] == "calibration: expected 'none' or 'auto', got 3"


def test_errors_for_unknown_fields_list_the_known_ones() -> None:
    top = "name, age, height, kind, deciduous, photo, calibration, leaves, oldest, notes, places, code, size"
    assert found({"hight": 3}) == (f"no field is called 'hight'; known: {top}",)  # `base` is excluded
    assert found({"oldest": {"wait": 3}}) == ("no field is called 'oldest.wait'; known: weight",)
    assert found({"leaves": [{"wait": 3}]}) == ("no field is called 'leaves.0.wait'; known: weight",)
    with pytest.raises(ValidationError) as error:
        Tree.model_validate({"hight": 3})
    assert find_first_error(error.value, what="setting") == FieldError("", "no setting is called 'hight'")


def test_errors_are_listed_in_order() -> None:
    with pytest.raises(ValidationError) as error:
        Tree.model_validate({"age": 0, "name": 3})
    assert [one.place for one in list_errors(error.value)] == ["name", "age"]
    assert find_first_error(error.value) == list_errors(error.value)[0]


@given(st.recursive(st.integers() | st.text(), st.lists, max_leaves=200))
def test_long_values_are_cut(value: Any) -> None:
    [message] = found(value, model=Leaf)
    assert len(message) <= len("expected a mapping, got …") + LONGEST
    assert message.startswith("expected a mapping, got ") and "\n" not in message
