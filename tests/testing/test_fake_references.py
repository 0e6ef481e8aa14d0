"""Ids of past audio work while the API holds the audio, for the same caller and family of models."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import openai
import pytest

from convo.testing import FakeAPI, Origin

if TYPE_CHECKING:
    from collections.abc import Callable

    from openai import OpenAI
    from openai.types.chat import ChatCompletion

    from convo.testing import FixedClock

    Error = Callable[..., dict[str, Any]]
    Ask = Callable[..., ChatCompletion]

HELLO = {"role": "user", "content": "hello"}
SPEAK: dict[str, Any] = {"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "wav"}}


def past(*audio_ids: str) -> list[Any]:
    replies = [{"role": "assistant", "audio": {"id": audio_id}} for audio_id in audio_ids]
    return [message for reply in replies for message in (HELLO, reply)] + [HELLO]


def not_found(audio_id: str, index: int) -> dict[str, Any]:
    return {
        "status": 400,
        "message": f"Assistant audio {audio_id} not found.",
        "type": "invalid_request_error",
        "param": f"content.messages[{index}].audio.id",
        "code": "audio_not_found",
    }


@pytest.fixture
def audio_id(ask_aloud: Ask) -> str:
    spoken = ask_aloud().choices[0].message.audio
    assert spoken is not None
    return spoken.id


def test_a_fresh_id_is_accepted(ask_aloud: Ask, audio_id: str) -> None:
    assert ask_aloud(*past(audio_id)).choices[0].message.audio is not None


def test_the_fake_shows_what_it_remembers(fake: FakeAPI, clock: FixedClock, audio_id: str) -> None:
    (remembered,) = fake.audio_ids.values()
    assert list(fake.audio_ids) == [audio_id]
    assert remembered.expires_at == int(clock().timestamp()) + 3600
    assert (remembered.origin, remembered.model, remembered.revoked) == (Origin(), "gpt-audio-1.5", False)


def test_an_unknown_id_is_not_found(error_aloud: Error) -> None:
    assert error_aloud(*past("audio_6754")) == not_found("audio_6754", 1)


def test_an_id_works_until_the_second_at_which_it_expires(
    clock: FixedClock, ask_aloud: Ask, error_aloud: Error, audio_id: str
) -> None:
    clock.advance(3599)
    ask_aloud(*past(audio_id))
    clock.advance(1)
    assert error_aloud(*past(audio_id)) == not_found(audio_id, 1)


def test_the_lifetime_can_be_set(clock: FixedClock) -> None:
    fake = FakeAPI(clock=clock, audio_lifetime=timedelta(seconds=5))
    fake.client().chat.completions.create(model="gpt-audio", messages=[{"role": "user", "content": "hi"}], **SPEAK)
    assert [audio.expires_at for audio in fake.audio_ids.values()] == [int(clock().timestamp()) + 5]


def test_a_revoked_id_is_not_found_before_its_time(fake: FakeAPI, ask_aloud: Ask, error_aloud: Error, audio_id: str) -> None:
    other = ask_aloud().choices[0].message.audio
    assert other is not None
    fake.revoke(audio_id)
    assert error_aloud(*past(other.id, audio_id)) == not_found(audio_id, 3)
    ask_aloud(*past(other.id))


def test_revoking_all_spares_ids_that_come_later(fake: FakeAPI, ask_aloud: Ask, error_aloud: Error, audio_id: str) -> None:
    fake.revoke_all()
    later = ask_aloud().choices[0].message.audio
    assert later is not None
    assert error_aloud(*past(audio_id)) == not_found(audio_id, 1)
    ask_aloud(*past(later.id))


def test_revoking_an_unknown_id_is_an_error(fake: FakeAPI) -> None:
    with pytest.raises(KeyError, match="audio_none"):
        fake.revoke("audio_none")


def test_the_first_bad_id_is_named(error_aloud: Error, audio_id: str) -> None:
    assert error_aloud(*past(audio_id, "audio_a", "audio_b")) == not_found("audio_a", 3)


def test_the_client_sees_the_code_and_the_path(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model="gpt-audio-1.5", messages=past("audio_6754"), **SPEAK)
    assert (caught.value.code, caught.value.param) == ("audio_not_found", "content.messages[1].audio.id")


@pytest.mark.parametrize("asker", [{}, {"organization": "org-b", "project": "p"}, {"organization": "org-a"}])
def test_an_id_is_not_found_for_another_organization_or_project(fake: FakeAPI, asker: dict[str, str]) -> None:
    issuer = fake.client(organization="org-a", project="p")
    answer = issuer.chat.completions.create(model="gpt-audio-1.5", messages=[{"role": "user", "content": "hi"}], **SPEAK)
    spoken = answer.choices[0].message.audio
    assert spoken is not None
    issuer.chat.completions.create(model="gpt-audio-1.5", messages=past(spoken.id), **SPEAK)
    with pytest.raises(openai.BadRequestError, match="not found"):
        fake.client(**asker).chat.completions.create(model="gpt-audio-1.5", messages=past(spoken.id), **SPEAK)
    assert fake.audio_ids[spoken.id].origin == Origin("org-a", "p")


@pytest.mark.parametrize("other", ["gpt-audio-1.5", "gpt-audio-mini", "my-voice"])
def test_an_id_is_taken_by_its_model_under_all_its_names_and_by_no_other(clock: FixedClock, other: str) -> None:
    fake = FakeAPI(clock=clock, models={"my-voice": "audio"})
    client = fake.client()
    client.chat.completions.create(model="gpt-audio", messages=[{"role": "user", "content": "hi"}], **SPEAK)
    (audio_id,) = fake.audio_ids
    client.chat.completions.create(model="gpt-audio-2025-08-28", messages=past(audio_id), **SPEAK)
    with pytest.raises(openai.BadRequestError, match="not found"):
        client.chat.completions.create(model=other, messages=past(audio_id), **SPEAK)


def test_an_id_of_another_fake_is_not_found(clock: FixedClock, error_aloud: Error) -> None:
    other = FakeAPI(clock=clock, seed="other")
    other.client().chat.completions.create(model="gpt-audio-1.5", messages=[{"role": "user", "content": "hi"}], **SPEAK)
    (audio_id,) = other.audio_ids
    assert error_aloud(*past(audio_id)) == not_found(audio_id, 1)
