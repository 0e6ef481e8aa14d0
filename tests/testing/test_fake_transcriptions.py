"""The fake transcribes what the API would, and refuses the rest with the API's words."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import openai
import pytest

from convo.testing.wire import Call
from tests.audio.builders import FRAME
from tests.support.builders import wav

if TYPE_CHECKING:
    from collections.abc import Callable

    from openai import OpenAI
    from openai.types.audio import Transcription

    from convo.testing import FakeAPI, FixedClock

    Hear = Callable[..., Transcription]

TONE = wav()
OTHER = wav(2.5)


@pytest.fixture
def hear(client: OpenAI) -> Hear:
    """Have a recording transcribed."""

    def hearing(data: bytes = TONE, name: str = "a.wav", model: str = "gpt-transcribe", **arguments: Any) -> Transcription:
        answer: Transcription = client.audio.transcriptions.create(file=(name, data), model=model, **arguments)
        return answer

    return hearing


def test_without_a_word_the_text_names_the_bytes(hear: Hear) -> None:
    assert hear().text == hear().text
    assert hear().text != hear(OTHER).text


def test_queued_texts_come_in_order_then_those_of_the_bytes(fake: FakeAPI, hear: Hear) -> None:
    fake.will_transcribe("These bytes.", data=TONE)
    fake.will_transcribe("one")
    fake.will_transcribe("")
    assert [hear().text, hear().text, hear().text, hear().text] == ["one", "", "These bytes.", "These bytes."]


def test_what_is_billed_is_tokens_or_for_whisper_seconds(hear: Hear) -> None:
    tokens, seconds = hear(OTHER).usage, hear(OTHER, model="whisper-1").usage
    assert tokens is not None
    assert tokens.type == "tokens"
    assert (tokens.input_tokens, tokens.total_tokens) == (25, tokens.input_tokens + tokens.output_tokens)
    assert seconds is not None
    assert seconds.type == "duration"
    assert seconds.seconds == 3


def test_it_shows_what_it_received_without_the_bytes(fake: FakeAPI, hear: Hear) -> None:
    hear(language="en", prompt="A dog.")
    body = fake.last.body
    assert (body["model"], body["language"], body["prompt"]) == ("gpt-transcribe", "en", "A dog.")
    assert (body["file"]["filename"], body["file"]["size"]) == ("a.wav", len(TONE))


@pytest.mark.parametrize(
    ("name", "data"),
    [("a.mp3", FRAME * 40), ("a.flac", b"fLaC" + bytes(9_000)), ("a.ogg", b"OggS" + bytes(9_000)),
     ("a.webm", b"\x1a\x45\xdf\xa3" + bytes(9_000)), ("a.m4a", b"\0\0\0\x18ftypM4A " + bytes(9_000)),
     ("a.wav", wav(0.2) + b"\r\n--\r\n\r")],
)  # fmt: skip
def test_it_takes_the_formats_that_the_api_takes(hear: Hear, name: str, data: bytes) -> None:
    assert hear(data, name).text


SHORT = "audio duration 0.0 seconds is shorter than 0.1 seconds which is the minimum for this model"


@pytest.mark.parametrize(
    ("asked", "status", "words"),
    [
        ({"data": b"not audio"}, 400, "Invalid file format"),
        ({"name": "a.txt"}, 400, "Unrecognized file format"),
        ({"data": wav(0.01)}, 400, SHORT),
        ({"data": wav(0.01), "model": "whisper-1"}, 400, "Audio file is too short. Minimum audio length is 0.1 seconds."),
        ({"data": TONE + bytes(26_214_400)}, 413, r"Maximum content size limit \(26214400\) exceeded"),
        ({"model": "gpt-4.1"}, 404, "does not exist"),
        ({"response_format": "srt"}, 400, "Supported values are: 'json'"),
        ({"model": "whisper-1", "keywords": ["dog"]}, 400, "not supported with this model"),
        ({"extra_body": {"colour": "red"}}, 400, "Unknown parameter"),
        ({"stream": True}, 400, "not made"),
    ],
)
def test_it_refuses_what_the_api_refuses(hear: Hear, asked: dict[str, Any], status: int, words: str) -> None:
    with pytest.raises(openai.APIStatusError, match=words) as caught:
        hear(**asked)
    assert caught.value.status_code == status


def test_models_end(hear: Hear, clock: FixedClock) -> None:
    clock.set(datetime(2027, 2, 26, tzinfo=UTC))
    assert hear().text
    with pytest.raises(openai.NotFoundError):
        hear(model="whisper-1")


def test_errors_and_breaks_meet_transcriptions_too(fake: FakeAPI, hear: Hear) -> None:
    fake.will_transcribe("one")
    fake.will_fail(429)
    fake.will_drop()
    assert hear().text == "one"
    with pytest.raises(openai.RateLimitError):
        hear()
    with pytest.raises(openai.APIConnectionError):
        hear()


@pytest.mark.parametrize(
    ("kind", "raw"),
    [
        ("application/json", b"{}"),
        ("multipart/form-data", b"{}"),
        ("multipart/form-data; boundary=none", b"{}"),
        ("multipart/form-data; boundary=b", b"--b\r\nContent-Disposition: form-data; name=model\r\n\r\ncut off"),
        ("multipart/form-data; boundary=b", b"--b\r\nno end of headers\r\n--b--\r\n"),
    ],
)
def test_a_body_that_is_no_form_is_refused(fake: FakeAPI, kind: str, raw: bytes) -> None:
    headers = {"authorization": "Bearer test-key", "content-type": kind}
    wire = fake.answer(Call("POST", "/v1/audio/transcriptions", headers, raw))
    assert wire.status == 400
    assert b"Could not parse multipart form" in wire.pieces[0]
    assert fake.last.body == {}


def test_a_form_without_a_file_or_a_model_is_refused(client: OpenAI) -> None:
    for fields, words in (({"model": "gpt-transcribe"}, "'file'"), ({"language": "en"}, "model parameter")):
        with pytest.raises(openai.BadRequestError, match=words):
            client.post(
                "/audio/transcriptions",
                cast_to=object,
                body=fields,
                files=[("extra", b"x")] if "model" not in fields else [("prompt", b"x")],
                options={"headers": {"content-type": "multipart/form-data"}},
            )


def test_it_transcribes_over_http(fake: FakeAPI) -> None:
    with fake.serve() as url, openai.OpenAI(base_url=url, api_key="test-key", max_retries=0) as client:
        assert client.audio.transcriptions.create(file=("a.wav", TONE), model="gpt-transcribe").text


# --- translations ----------------------------------------------------------------------------------


@pytest.fixture
def translate(client: OpenAI) -> Callable[..., Any]:
    """Have a recording translated."""

    def translating(data: bytes = TONE, name: str = "a.wav", model: str = "whisper-1", **arguments: Any) -> Any:
        return client.audio.translations.create(file=(name, data), model=model, **arguments)

    return translating


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")  # of the SDK: the endpoint ends
def test_translations_have_texts_of_their_own_and_tell_no_usage(fake: FakeAPI, hear: Hear, translate: Callable[..., Any]) -> None:
    fake.will_translate("These bytes.", data=TONE)
    fake.will_transcribe("Ist er treu?", data=TONE)
    fake.will_translate("Is it loyal?")
    assert [translate().text, translate().text, hear().text] == ["Is it loyal?", "These bytes.", "Ist er treu?"]
    assert translate(OTHER).to_dict().keys() == {"text"}
    assert (fake.last.path, fake.last.body["file"]["size"]) == ("/v1/audio/translations", len(OTHER))


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")  # of the SDK: the endpoint ends
@pytest.mark.parametrize(
    ("asked", "status", "words"),
    [
        ({"model": "gpt-transcribe"}, 404, "does not exist"),
        ({"model": "gpt-4o-transcribe"}, 404, "does not exist"),
        ({"extra_body": {"language": "de"}}, 400, "Unknown parameter: 'language'"),
        ({"data": wav(0.01)}, 400, "too short"),
        ({"data": b"not audio"}, 400, "Invalid file format"),
        ({"response_format": "verbose_json"}, 400, "not as verbose_json"),
    ],
    ids=range(6),
)
def test_it_refuses_to_translate_what_the_api_refuses(
    translate: Callable[..., Any], asked: dict[str, Any], status: int, words: str
) -> None:
    with pytest.raises(openai.APIStatusError) as caught:
        translate(**asked)
    assert caught.value.status_code == status
    assert words in str(caught.value)


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")  # of the SDK: the endpoint ends
def test_translations_end_with_their_model(translate: Callable[..., Any], clock: FixedClock) -> None:
    clock.set(datetime(2027, 2, 26, tzinfo=UTC))
    with pytest.raises(openai.NotFoundError):
        translate()


def test_models_hear_so_many_seconds(hear: Hear) -> None:
    silence = FRAME * (1_401 * 125 * 128 // len(FRAME))
    assert hear(silence, "a.mp3").text
    with pytest.raises(openai.BadRequestError, match="longer than 1400 seconds which is the maximum for this model"):
        hear(silence, "a.mp3", model="gpt-4o-mini-transcribe")
