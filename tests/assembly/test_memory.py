"""What assembly remembers, and where an audio id is valid."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from convo.memory import Memory, with_skew
from convo.origin import Origin

# --- memory ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("known", "seconds", "remembered"),
    [
        (0, 0.0, 0),
        (0, 2.0, 0),
        (0, -2.0, 0),
        (0, 2.6, 3),
        (0, 90.4, 90),
        (0, -90.4, -90),
        (90, 91.9, 90),
        (90, 93.0, 93),
        (90, 1.0, 0),
        (-90, 0.0, 0),
        (3, 1.0, 0),
    ],
)
def test_a_difference_of_clocks_is_remembered_when_it_is_more_than_travel_and_rounding(
    known: int, seconds: float, remembered: int
) -> None:
    memory = Memory(expired_through=7, skew=known)
    assert with_skew(memory, seconds) == Memory(expired_through=7, skew=remembered)


def test_a_memory_that_has_not_changed_is_the_same_value() -> None:
    memory = Memory(skew=90)
    assert with_skew(memory, 91.0) is memory


# --- origin ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "origin",
    [
        Origin("https://api.openai.com/v1"),
        Origin("https://api.openai.com/v1", "org-1"),
        Origin("https://api.openai.com/v1", None, "proj-1"),
        Origin("https://api.openai.com/v1", "org with spaces=&%", "прое́кт"),
        Origin(""),
    ],
)
def test_an_origin_survives_its_line(origin: Origin) -> None:
    assert Origin.parse(str(origin)) == origin
    assert "\n" not in str(origin)


def test_a_plain_url_is_an_origin() -> None:
    assert Origin.parse("https://api.openai.com/v1/") == Origin("https://api.openai.com/v1")


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("https://API.OpenAI.com/v1/", "https://api.openai.com/v1"),
        ("https://user:secret@api.openai.com/v1/", "https://api.openai.com/v1"),
        ("http://127.0.0.1:8080/v1", "http://127.0.0.1:8080/v1"),
        ("https://x.azure.com/openai/deployments/Audio", "https://x.azure.com/openai/deployments/Audio"),
    ],
)
def test_the_origin_of_a_client_has_no_secrets(url: str, base: str) -> None:
    client = SimpleNamespace(base_url=url, organization="org-1", project=None)
    assert Origin.of(client) == Origin(base, "org-1", None)


def test_an_answer_tells_what_the_client_left_open() -> None:
    headers = {"openai-organization": "org-2", "openai-project": "proj-2"}
    assert Origin("u").told(headers) == Origin("u", "org-2", "proj-2")
    assert Origin("u", "org-1").told(headers) == Origin("u", "org-1", "proj-2")
    assert Origin("u").told({}) == Origin("u")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (Origin("u"), Origin("u"), True),
        (Origin("u"), Origin("v"), False),
        (Origin("u", "o"), Origin("u"), True),
        (Origin("u", "o"), Origin("u", "o"), True),
        (Origin("u", "o"), Origin("u", "p"), False),
        (Origin("u", "o", "p"), Origin("u", None, "p"), True),
        (Origin("u", "o", "p"), Origin("u", "o", "q"), False),
        (Origin("u", "o", "p"), Origin("v", "o", "p"), False),
        (Origin("u", ""), Origin("u", "o"), True),
    ],
)
def test_two_origins_may_be_one_where_nothing_that_both_know_differs(one: Origin, other: Origin, same: bool) -> None:
    assert one.may_be(other) is other.may_be(one) is same
