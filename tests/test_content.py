"""What callers pass as content: checked at the door, so that nothing enters the log that no API would take."""

from __future__ import annotations

import base64
import hashlib
from types import MappingProxyType
from typing import Any

import pytest
from openai.types.chat import ChatCompletionMessage

from convo import content as content_module
from convo import extract
from convo.audio.value import Audio
from convo.content import message_draft, message_drafts, tool_draft
from convo.errors import (
    AudioFormatMismatch,
    AudioNotLoaded,
    BadAudio,
    EmptyContent,
    InputError,
    InvalidContent,
    InvalidText,
    TooLarge,
    UnknownAudioFormat,
)
from convo.media import File, Image
from tests.support.histories import MP3, PNG
from tests.support.replies import WAV

SPEECH = base64.b64encode(WAV).decode()
SHA = hashlib.sha256(WAV).hexdigest()


def body(*content: Any, **facts: Any) -> Any:
    from convo.canonical import decode

    return decode(message_draft(content, **facts).body)


def part(kind: str, **inner: Any) -> dict[str, Any]:
    return {"type": kind, kind: inner}


def recording(data: Any = SPEECH, format_: Any = "wav") -> dict[str, Any]:
    return part("input_audio", data=data, format=format_)


# --- what is stored --------------------------------------------------------------------------------


def test_text_alone_is_a_string_and_beside_other_things_a_part() -> None:
    assert body("Hello") == {"role": "user", "content": "Hello"}
    assert body("a", "b")["content"] == [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    assert body("Be brief.", role="developer", name="rules") == {"role": "developer", "content": "Be brief.", "name": "rules"}


@pytest.mark.parametrize(("data", "format_"), [(WAV, "wav"), (MP3, "mp3")])
def test_a_recording_leaves_its_digest_in_the_body_and_its_bytes_beside_it(data: bytes, format_: str) -> None:
    draft = message_draft([Audio.from_bytes(data, transcript="Hello"), "Hm?"])
    (piece,) = draft.media
    assert (piece.part, piece.kind, piece.format, piece.data, piece.transcript) == (0, "audio", format_, data, "Hello")
    assert piece.digest == hashlib.sha256(data).hexdigest()
    assert f'{{"data":{{"$blob":"{piece.digest}"}},"format":"{format_}"}}' in draft.body
    assert draft.text == "Hello\nHm?"


def test_raw_audio_gets_a_header_since_the_api_hears_wav_and_mp3_only() -> None:
    (piece,) = message_draft([Audio.from_bytes(bytes(4_800), "pcm16")]).media
    assert (piece.format, piece.data[:4] if piece.data else None, piece.duration) == ("wav", b"RIFF", 0.1)


def test_images_and_files_keep_their_bytes_beside_the_body() -> None:
    draft = message_draft(
        [Image(data=PNG, detail="low"), File(name="a.pdf", data=b"%PDF"), Image(url="http://a/b"), File(id="f")]
    )
    assert [(piece.part, piece.kind, piece.format) for piece in draft.media] == [
        (0, "image", "image/png"),
        (1, "file", "application/pdf"),
    ]
    assert "base64" not in draft.body


@pytest.mark.parametrize(
    "item",
    [
        recording(),
        part("image_url", url=f"data:image/png;base64,{base64.b64encode(PNG).decode()}", detail="low"),
        part("file", file_data="data:application/pdf;base64,JVBERg==", filename="a.pdf"),
        part("image_url", url=f"data:image/png;name=a.png;base64,{base64.b64encode(PNG).decode()}"),
    ],
)
def test_base64_in_the_json_of_the_api_is_taken_out(item: dict[str, Any]) -> None:
    for draft in (message_draft([item]), message_draft([{"role": "user", "content": [item]}])):
        (piece,) = draft.media
        assert piece.data in (WAV, PNG, b"%PDF")
        assert f'{{"$blob":"{piece.digest}"' in draft.body
        assert "base64" not in draft.body


def test_audio_of_an_assistant_message_that_is_imported_is_taken_out_too() -> None:
    whole = {"role": "assistant", "audio": {"id": "audio_1", "data": SPEECH, "expires_at": 5, "transcript": "Yes."}, "x": 1}
    draft = message_draft([whole])
    assert (draft.audio_id, draft.audio_expires, draft.audio_origin, draft.text) == ("audio_1", 5_000_000, None, "Yes.")
    assert body(whole) == {**whole, "audio": {**whole["audio"], "data": {"$blob": SHA}}}  # type: ignore[dict-item]


def test_values_of_the_sdk_are_messages() -> None:
    message = ChatCompletionMessage.model_validate({"role": "assistant", "content": "Yes.", "refusal": None, "x_new": {"a": [1]}})
    (draft,) = message_drafts([message])
    assert draft.at(1, 1).raw == {"role": "assistant", "content": "Yes.", "refusal": None, "x_new": {"a": [1]}}


def test_values_of_the_sdk_that_are_not_of_their_types_are_messages_too() -> None:
    (draft,) = message_drafts([ChatCompletionMessage.construct(role="assistant", content="Yes.", refusal=5)])
    assert draft.at(1, 1).raw == {"role": "assistant", "content": "Yes.", "refusal": 5}


def test_a_transcript_is_kept_as_every_database_takes_it() -> None:
    (piece,) = message_draft([Audio.from_bytes(WAV, transcript="a\0b" + "x" * 200_000)]).media
    assert piece.transcript == "a\N{REPLACEMENT CHARACTER}b" + "x" * 200_000


def test_text_of_any_kind_survives() -> None:
    assert body("a\0b 🐕 \u2028")["content"] == "a\0b 🐕 \u2028"
    assert message_draft(["a\0b"]).text == "a\N{REPLACEMENT CHARACTER}b"
    assert len(message_draft(["x" * 200_000]).text) == content_module.TEXT_COLUMN


# --- refused: nothing in it ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        [], [""], ["", ""], [{"role": "user"}], [{"role": "user", "content": None}], [{"role": "user", "content": []}],
        [{"role": "system", "content": ""}], [{"role": "user", "content": [{"type": "text", "text": ""}] * 2}],
        [{"role": "tool", "tool_call_id": "c", "content": None}],
        [part("image_url", url="data:image/png;base64,")], [part("file", file_data="data:application/pdf;base64,")],
    ],
    ids=str,
)  # fmt: skip
def test_a_message_without_content_is_refused(content: list[Any]) -> None:
    with pytest.raises(EmptyContent):
        message_draft(content)


def test_a_reply_may_be_empty_since_the_api_gives_such() -> None:
    assert message_draft([{"role": "assistant", "content": None}]).text == ""


# --- refused: wrong parts --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ([5], "type int"),
        ([b"bytes"], "type bytes"),
        ([None], "type NoneType"),
        ([{"type": "video"}], "'video'"),
        ([{"text": "no type"}], "None"),
        ([{"type": "text"}], "lacks"),
        ([{"type": "text", "text": 5}], "lacks"),
        ([{"type": "text", "text": None}], "lacks"),
        ([part("image_url", url="")], "lacks"),
        ([part("image_url", url=None)], "lacks"),
        ([part("image_url")], "lacks"),
        ([part("image_url", url="data:image/png,raw")], "data URL"),
        ([part("image_url", url="DATA:image/png;base64,AAAA")], "data URL"),
        ([part("image_url", url="http://a/b", detail=5)], "detail"),
        ([part("file")], "lacks"),
        ([part("file", file_data="JVBERg==")], "lacks"),
        ([part("file", file_id="file-1", filename=5)], "filename"),
        ([part("input_audio", data=SPEECH)], "lacks"),
        ([recording(format_=None)], "lacks"),
        ([recording(data=None)], "lacks"),
        ([{"type": "refusal", "refusal": "No."}], "'refusal'"),
        ([{"role": "assistant", "content": [recording()]}], "'input_audio'"),
        ([{"role": "system", "content": [part("image_url", url="http://a/b")]}], "'image_url'"),
        ([{"role": "user", "content": ["text"]}], "None"),
        ([{"role": "user", "content": ("text",)}], "tuple"),
        ([{"role": "user", "content": 5}], "int"),
        ([{"role": "user", "content": {"type": "text", "text": "a"}}], "dict"),
        ([{"role": "pirate", "content": "a"}], "'pirate'"),
        ([{"role": None, "content": "a"}], "None"),
        ([{"role": ["user"], "content": "a"}], "no role"),
        ([{"role": "tool", "content": "42"}], "tool_call_id"),
        ([{"role": "tool", "content": "42", "tool_call_id": 5}], "tool_call_id"),
        ([{"role": "tool", "content": "42", "tool_call_id": ""}], "tool_call_id"),
        ([{"role": "function", "content": "42"}], "name"),
        ([{"role": "user", "content": "a", "x": MappingProxyType({})}], "mappingproxy"),
        ([{"role": "user", "content": "a", "x": float("nan")}], "nan"),
        ([{"role": "user", "content": "a", "x": {5: 1}}], "key 5"),
        ([{"role": "user", "content": "a", "x": {1, 2}}], "set"),
        ([{"role": "user", "content": "a"}, "more"], "None"),
    ],
    ids=str,
)  # fmt: skip
def test_content_that_no_api_takes_is_refused_and_the_message_says_what_is_wrong(content: list[Any], says: str) -> None:
    with pytest.raises(InvalidContent, match=says):
        message_draft(content)


def test_nesting_without_end_is_refused() -> None:
    deep: Any = "x"
    for _ in range(5_000):
        deep = [deep]
    with pytest.raises(InvalidContent, match="200 levels"):
        message_draft([{"role": "user", "content": "a", "x": deep}])


def test_a_whole_message_has_its_own_role_and_name() -> None:
    whole = {"role": "system", "content": "a"}
    assert body(whole, role="system") == body(whole) == whole
    for facts in ({"role": "developer"}, {"name": "ann"}):
        with pytest.raises(InvalidContent, match="whole message"):
            message_draft([whole], **facts)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["a b", "", "n" * 65, "<x>", "a/b", "a\\b", "a|b", 5])
def test_names_that_the_api_refuses_are_refused(name: Any) -> None:
    with pytest.raises(InvalidContent, match="name"):
        message_draft(["Hello"], name=name)
    with pytest.raises(InvalidContent, match="name"):
        message_draft([{"role": "user", "content": "Hello", "name": name}])


def test_a_name_of_none_is_no_name() -> None:
    assert body({"role": "user", "content": "Hello", "name": None})["name"] is None


# --- refused: text that no encoding carries --------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "position"),
    [
        (["ab\ud800"], 2),
        (["🐕\udfff"], 1),
        (["fine", "\ud83d"], 0),
        ([{"role": "user", "content": "a", "x": {"\ud800": 1}}], 0),
        ([{"type": "text", "text": "a\ud800", "x": 1}], 1),
        ([Audio.from_bytes(WAV, transcript="abc\udc00")], 3),
    ],
)
def test_lone_surrogates_are_refused_with_their_place(content: list[Any], position: int) -> None:
    with pytest.raises(InvalidText, match=f"index {position}") as caught:
        message_draft(content)
    assert caught.value.position == position


# --- refused: bytes --------------------------------------------------------------------------------


@pytest.mark.parametrize("data", ["not base64!", "AAAA\n", "AAA", "AAAA====", "ÄÄÄÄ", "\ud800"])
def test_base64_must_be_base64(data: str) -> None:
    for item in (
        recording(data),
        part("image_url", url=f"data:image/png;base64,{data}"),
        part("file", file_data=f"data:a/b;base64,{data}"),
    ):
        with pytest.raises(InputError) as caught:
            message_draft([item])
        assert isinstance(caught.value, InvalidContent | InvalidText)


def test_audio_must_be_the_audio_that_it_is_said_to_be() -> None:
    with pytest.raises(AudioFormatMismatch):
        message_draft([recording(format_="mp3")])
    with pytest.raises(UnknownAudioFormat):
        message_draft([recording(base64.b64encode(b"no audio at all").decode())])
    with pytest.raises(BadAudio):
        message_draft([recording("")])
    with pytest.raises(BadAudio, match="no format that convo knows"):
        message_draft([Audio.unchecked(b"what?", "unknown")])
    with pytest.raises(AudioNotLoaded):
        message_draft([Audio.stored(format="wav", digest=SHA, size=5)])


def test_what_is_too_large_is_refused_with_its_size_and_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extract, "MAX_MEDIA", 100)
    monkeypatch.setattr(extract, "MAX_RECORDING", 100)
    monkeypatch.setattr(content_module, "MAX_STRING", 10)
    for item in (Audio.from_bytes(WAV), recording(), Image(data=PNG + bytes(100)), File(data=bytes(101))):
        with pytest.raises(TooLarge, match="bytes, the limit is 100") as caught:
            message_draft([item])
        assert (caught.value.limit, caught.value.size > 100) == (100, True)
    for words in ("x" * 11, {"role": "user", "content": "a", "x": [{"y": "x" * 11}]}):
        with pytest.raises(TooLarge, match="11 characters, the limit is 10"):
            message_draft([words])
    with pytest.raises(TooLarge, match="11 characters"):
        message_draft([Audio.from_bytes(WAV[:60], transcript="x" * 11)])
    assert message_draft(["x" * 10]).text == "x" * 10


# --- refused: placeholders of ours -----------------------------------------------------------------

_HELD = {"$blob": SHA}


@pytest.mark.parametrize(
    "content",
    [
        [recording(_HELD)],
        [recording() | {"x": _HELD}],
        [part("image_url", url=_HELD)],
        [part("image_url", url="http://a/b", detail=_HELD)],
        [part("file", file_id="file-1", file_data=_HELD)],
        [{"type": "text", "text": "a", "prompt_cache_breakpoint": _HELD}],
        [{"type": "text", "text": "a", "x": [{"deep": _HELD}]}],
        [{"role": "user", "content": [part("file", file_id="file-1", filename=_HELD)]}],
        [{"role": "assistant", "content": "a", "audio": {"id": "audio_1", "data": _HELD}}],
        [{"role": "assistant", "function_call": _HELD}],
        [{"role": "assistant", "refusal": _HELD}],
    ],
    ids=str,
)  # fmt: skip
def test_a_caller_cannot_name_bytes_that_were_not_passed(content: list[Any]) -> None:
    with pytest.raises(InvalidContent, match=r"\$blob"):
        message_draft(content)


def test_a_tool_cannot_name_bytes_either() -> None:
    with pytest.raises(InvalidContent, match=r"\$blob"):
        tool_draft("call_1", [{"type": "text", "text": "a", "x": _HELD}])
    assert tool_draft("call_1", _HELD).text == f'{{"$blob":"{SHA}"}}'


# --- results of tools ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("output", "content"),
    [
        ("42", "42"),
        ("", ""),
        (42, "42"),
        (None, "null"),
        ([], "[]"),
        ({"a": [1, "ü"]}, '{"a":[1,"\\u00fc"]}'),
        (2**70, "1180591620717411303424"),
        ([{"type": "text", "text": "part"}], [{"type": "text", "text": "part"}]),
        ([{"type": "image"}], '[{"type":"image"}]'),
    ],
    ids=str,
)
def test_a_result_is_text_or_text_parts_or_json_as_text(output: Any, content: Any) -> None:
    draft = tool_draft("call_1", output)
    assert draft.at(1, 1).raw == {"role": "tool", "tool_call_id": "call_1", "content": content}


def test_an_error_of_a_tool_says_so() -> None:
    assert tool_draft("call_1", "timeout", error=True).text == "Error: timeout"
    assert tool_draft("call_1", {"a": 1}, error=True).text == 'Error: {"a":1}'
    assert tool_draft("call_1", [{"type": "text", "text": "part"}], error=True).text == "Error:\npart"


@pytest.mark.parametrize(
    ("call_id", "output"), [("", "42"), (None, "42"), (5, "42"), ("call_1", float("nan")), ("call_1", {1, 2}), ("call_1", b"x")]
)
def test_a_result_must_name_its_call_and_be_json(call_id: Any, output: Any) -> None:
    with pytest.raises(InvalidContent):
        tool_draft(call_id, output)


def test_results_with_lone_surrogates_are_refused() -> None:
    for output in ("a\ud800", {"a": "\ud800"}):
        with pytest.raises(InvalidText):
            tool_draft("call_1", output)
