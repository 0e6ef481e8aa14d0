"""Voices: what each is for, who has it, and a warning, never an error, about one that nobody knows."""

from __future__ import annotations

import pickle
from typing import Any, get_args

import pytest

import convo
from convo.models import Catalogue
from convo.testing.speech import VOICES as SPOKEN
from convo.voices import VoiceApi, VoiceUse, check_voice, voice_argument, voice_name

BUILT_IN = {
    "alloy", "ash", "ballad", "coral", "echo", "fable", "nova", "onyx", "sage", "shimmer", "verse", "marin", "cedar",
}  # fmt: skip


def model(name: str) -> convo.models.Model:
    return Catalogue.default().lookup(name)


def test_every_built_in_voice_is_described() -> None:
    assert set(convo.VOICES) == BUILT_IN == set(SPOKEN)
    for name, voice in convo.VOICES.items():
        assert voice.name == name
        assert voice.description.endswith(".")
        assert voice.style
        assert voice.sources
        assert set(voice.uses) <= set(get_args(VoiceUse))
        assert voice.uses
        assert set(voice.apis) <= set(get_args(VoiceApi))
        assert voice.apis


def test_whose_words_a_description_is() -> None:
    """The API says something of two voices alone; everything else is convo's, and says so."""
    assert {name for name, voice in convo.VOICES.items() if voice.official} == {"marin", "cedar"}
    for voice in convo.VOICES.values():
        assert any("convo's own" in source or "published descriptions" in source for source in voice.sources)


@pytest.mark.parametrize("api", get_args(VoiceApi))
def test_voices_of_models_are_voices_of_their_api(api: VoiceApi) -> None:
    """The catalogue of models and the table of voices say the same."""
    for found in Catalogue.default().models.values():
        if api in found.apis:
            assert all(api in convo.VOICES[name].apis for name in found.voices)


@pytest.mark.parametrize("api", [None, *get_args(VoiceApi)])
@pytest.mark.parametrize("use", get_args(VoiceUse))
def test_there_is_a_voice_for_every_use_of_every_api(use: VoiceUse, api: VoiceApi | None) -> None:
    found = convo.recommend_voice(use, api=api)
    assert use in found.uses
    assert api is None or api in found.apis


def test_the_api_s_own_recommendation_comes_first() -> None:
    assert convo.recommend_voice().name == "marin"
    with pytest.raises(convo.InputError, match="'storytelling'"):
        convo.recommend_voice("singing")  # type: ignore[arg-type]
    with pytest.raises(convo.InputError, match="'speech'"):
        convo.recommend_voice("calm", api="live")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "sent", "stored"),
    [
        ("alloy", "alloy", "alloy"), ("voice_1234", {"id": "voice_1234"}, "voice_1234"),
        ({"id": "voice_1234"}, {"id": "voice_1234"}, "voice_1234"), ({"other": 1}, {"other": 1}, None),
    ],
)  # fmt: skip
def test_the_id_of_a_custom_voice_is_sent_as_one(given: Any, sent: Any, stored: str | None) -> None:
    assert voice_argument(given) == sent
    assert voice_name(sent) == stored
    assert voice_name(None) is None
    with pytest.raises(convo.InputError, match="voice takes a name"):
        voice_argument(7)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("voice", "name"),
    [
        ("alloy", "gpt-audio-1.5"), ("verse", "gpt-audio-1.5"), ("fable", "gpt-audio-1.5"), ("onyx", "gpt-4o-mini-tts"),
        ("marin", "gpt-realtime-2.1"), ("voice_1234", "gpt-audio-1.5"), ({"id": "voice_1234"}, "gpt-audio-1.5"),
        (None, "gpt-audio-1.5"),
        ("af_bella", "kokoro"), ("anything", "gpt-5.5"), ("anything", "gpt-live-1"),
    ],
)  # fmt: skip
def test_a_voice_that_may_be_there_is_no_matter(voice: Any, name: str) -> None:
    assert check_voice(voice, model(name)) is None


@pytest.mark.parametrize(
    ("voice", "name"), [("Alloy", "gpt-audio-1.5"), ("bob", "gpt-audio-1.5"), ("fable", "gpt-realtime-2.1"), ("", "tts-1")]
)
def test_an_unknown_voice_is_a_warning(voice: str, name: str) -> None:
    warning = check_voice(voice, model(name))
    assert isinstance(warning, convo.UnknownVoice)
    assert isinstance(warning, UserWarning)
    assert (warning.voice, warning.model) == (voice, name)
    assert "alloy" in warning.voices
    assert name in str(warning)
    assert str(pickle.loads(pickle.dumps(warning))) == str(warning)
