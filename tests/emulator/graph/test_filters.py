"""`$filter`, taken apart."""

import pytest

from emulator.calls.refusal import Refusal
from emulator.graph.filters import Clause, Filterable, equal_to, parse, passes

BY = Filterable(
    "Thing",
    {"name": ("eq", "startswith"), "subject": ("eq",)},
    exact=frozenset({"subject"}),
    clauses=3,
)
ROW = {"name": "Payments", "subject": "sub:Ject", "size": 7}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name eq 'x'", [Clause("name", "eq", "x")]),
        ("  name   eq   'x'  ", [Clause("name", "eq", "x")]),
        ("name EQ 'x'", [Clause("name", "eq", "x")]),
        ("name eq ''", [Clause("name", "eq", "")]),
        ("name eq 'it''s'", [Clause("name", "eq", "it's")]),
        ("name eq ''''", [Clause("name", "eq", "'")]),
        ("name eq 'a and b'", [Clause("name", "eq", "a and b")]),
        ("startswith(name,'x')", [Clause("name", "startswith", "x")]),
        ("startsWith( name , 'x' )", [Clause("name", "startswith", "x")]),
        (
            "name eq 'x' and subject eq 'y' and startswith(name,'z')",
            [
                Clause("name", "eq", "x"),
                Clause("subject", "eq", "y"),
                Clause("name", "startswith", "z"),
            ],
        ),
    ],
)
def test_comparisons_are_read(text: str, expected: list[Clause]) -> None:
    assert parse(text, BY) == expected


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "BadRequest"),
        ("name", "BadRequest"),
        ("name eq", "BadRequest"),
        ("name eq x", "BadRequest"),
        ("name eq 7", "BadRequest"),
        ("name eq 'x", "BadRequest"),
        ("name eq 'x'y", "BadRequest"),
        ("name eq 'x' and", "BadRequest"),
        ("name eq 'x' or name eq 'y'", "BadRequest"),
        ("name ne 'x'", "BadRequest"),
        ("not name eq 'x'", "BadRequest"),
        ("(name eq 'x')", "BadRequest"),
        ("name eq 'x' andname eq 'y'", "BadRequest"),
        ("startswith(name)", "BadRequest"),
        ("endswith(name,'x')", "BadRequest"),
        ("colour eq 'x'", "Request_UnsupportedQuery"),
        ("Name eq 'x'", "Request_UnsupportedQuery"),
        ("startswith(subject,'x')", "Request_UnsupportedQuery"),
        (" and ".join(["name eq 'x'"] * 4), "Request_UnsupportedQuery"),
    ],
)
def test_everything_else_is_refused(text: str, code: str) -> None:
    with pytest.raises(Refusal) as caught:
        parse(text, BY)
    assert (caught.value.status, caught.value.code) == (400, code)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name eq 'payments'", True),
        ("name eq 'payment'", False),
        ("startswith(name,'PAY')", True),
        ("startswith(name,'ay')", False),
        ("subject eq 'sub:Ject'", True),
        ("subject eq 'sub:ject'", False),
        ("name eq 'payments' and subject eq 'sub:Ject'", True),
        ("name eq 'payments' and subject eq 'x'", False),
    ],
)
def test_objects_are_compared_without_case_but_for_what_must_be_exact(
    text: str, expected: bool
) -> None:
    assert passes(ROW, parse(text, BY), BY) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, ""),
        ("nonsense", ""),
        ("name eq 'x'", ""),
        ("startswith(appId,'x')", ""),
        ("name eq 'x' and appId eq 'y'", "y"),
    ],
)
def test_what_a_filter_is_about_is_told_without_refusing_it(
    text: str | None, expected: str
) -> None:
    assert equal_to("appId", text) == expected
