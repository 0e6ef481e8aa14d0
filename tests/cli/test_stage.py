"""JSON on the stage: few lines, none too long where it can be helped, and still JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from convo.cli import stage

if TYPE_CHECKING:
    import pytest


def test_what_fits_stands_on_one_line() -> None:
    assert stage.laid_out({"a": [1, 2], "b": None}) == '{"a": [1, 2], "b": null}'


def test_what_does_not_fit_is_broken_where_it_helps() -> None:
    body = {"model": "m" * 20, "messages": [{"role": "user", "content": "x" * 60}, {"role": "user", "content": "y" * 30}]}
    assert stage.laid_out(body).splitlines() == [
        '{"model": "mmmmmmmmmmmmmmmmmmmm", "messages": [',
        f'  {{"role": "user", "content": "{"x" * 60}"}},',
        f'  {{"role": "user", "content": "{"y" * 30}"}}',
        "]}",
    ]


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=60),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)


@given(values)
def test_it_stays_the_same_json(value: Any) -> None:
    assert json.loads(stage.laid_out(value)) == value


def test_long_base64_is_shortened_and_text_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    text = "a sentence " * 20
    stage.body("Sent:", [{"data": "UklGRiQA" + "A" * 43_236}, {"text": text}])
    sent = json.loads(capsys.readouterr().out.removeprefix("\nSent:\n"))
    assert sent == [{"data": "UklGRiQA...(43,244 characters)"}, {"text": text}]
