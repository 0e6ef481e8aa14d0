"""Streamed Chat Completions, folded: chunk by chunk into what can be shown now, and in the end into one answer.

The accumulator of the API's SDK joins ids that stand in every chunk, and base64 whose every piece is padded, which
destroys the audio. Here the first id wins, each piece of sound is decoded on its own, and the last expiry wins.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pybase64

from convo.errors import AnswerError
from convo.events import AudioDelta, RefusalDelta, TextDelta, ToolCallDelta, TranscriptDelta
from convo.forms import is_response
from convo.intake.answer import as_dict
from convo.intake.calls import Calls
from convo.intake.fold import Fold
from convo.intake.pieces import Sound, Text, is_json, merge, plain

if TYPE_CHECKING:
    from convo.events import Delta

_REMEDY = "feed each ChatCompletionChunk that the client gives, its dict, or the JSON text of one event"
_PADDING = frozenset({"obfuscation"})
"""Random text that the API adds to each chunk, so that its size tells nothing."""
SAMPLE = 2
"""Bytes of a sample of pcm16, the only format that is streamed: a delta never ends within one."""
_FRAME = ("id", "created", "model")


class ChatFold(Fold):
    """Folds the chunks of one streamed answer. It does no I/O: feed it from any loop, then pass `answer()` to `record`.

        fold = convo.ChatFold()
        for chunk in client.chat.completions.create(**request, stream=True):
            for delta in fold.feed(chunk):
                ...
        reply = call.record(fold.answer())

    Where the stream broke, `answer()` is what arrived until then, without a `finish_reason`; see `complete`.
    """

    def __init__(self) -> None:
        self._head: dict[str, Any] = {}
        self._choice: dict[str, Any] = {}
        self._message: dict[str, Any] = {}
        self._texts = {"content": Text(), "refusal": Text()}
        self._audio: dict[str, Any] | None = None
        self._transcript = Text()
        self._sound = Sound()
        self._shown = 0
        self._calls = Calls()
        self._complete = False
        self._empty = True

    def feed(self, chunk: object) -> list[Delta]:
        """Take the next chunk, and give what it tells: often one delta, often none.

        A chunk is a `ChatCompletionChunk` of the SDK, its dict, or the data of one server-sent event as text or
        bytes, `[DONE]` among them. Raises `AnswerError` for what is no chunk, for a second choice, and for an error
        that the API sent in the stream; what was folded before stays as it is.
        """
        if isinstance(chunk, str | bytes) and chunk.strip() in ("[DONE]", b"[DONE]"):
            self._complete = True
            return []
        body = _chunk(chunk)
        choice = _choice(body)
        delta = _object(choice.get("delta"), "its delta is no object")
        self._fold_head(body)
        self._fold_choice(choice)
        return self._fold_delta(delta)

    @property
    def complete(self) -> bool:
        """Whether the answer came to its end.

        The signs are a `finish_reason`, the audio's expiry after its sound, usage without choices, and `[DONE]`. A
        connection that ends without any of them, however cleanly, was cut.
        """
        return self._complete

    @property
    def empty(self) -> bool:
        """Whether nothing that was written, said, asked for or refused has arrived."""
        return self._empty

    @property
    def audio_size(self) -> int:
        """Bytes of sound so far."""
        return len(self._sound)

    def audio(self, start: int = 0) -> bytes:
        """Give the sound so far, from an offset in bytes on. It costs what it gives."""
        return self._sound.since(start)

    def answer(self) -> dict[str, Any]:
        """Give the answer so far as the body of a `ChatCompletion`; fields that no client knows yet are in it too."""
        return rebuilt(self.skeleton(), self.audio())

    def skeleton(self) -> dict[str, Any]:
        """Give `answer()` with null in the place of its sound: `rebuilt(skeleton, audio)` is the answer again."""
        frame = dict.fromkeys(_FRAME) | {"object": "chat.completion"} | plain(self._head)
        frame["object"] = "chat.completion"
        choice = {"index": 0, "message": self._whole_message(), "finish_reason": None, **plain(self._choice)}
        return {**frame, "choices": [choice]}

    # --- folding -----------------------------------------------------------------------------------

    def _fold_head(self, body: Mapping[str, Any]) -> None:
        for key, value in body.items():
            # Azure's first and last chunks are about filters, and their id and model are empty.
            if key not in ("choices", "object") and key not in _PADDING and (value or key not in self._head):
                self._head[key] = plain(value)
        if body.get("usage") and not body["choices"]:
            self._complete = True

    def _fold_choice(self, choice: Mapping[str, Any]) -> None:
        for key, value in choice.items():
            if key == "logprobs" and isinstance(value, Mapping):
                merge(self._choice, {key: value})
            elif key not in ("index", "delta") and (value or key not in self._choice):
                self._choice[key] = plain(value)
        if choice.get("finish_reason"):
            self._complete = True

    def _fold_delta(self, delta: Mapping[str, Any]) -> list[Delta]:
        deltas: list[Delta] = []
        rest: dict[str, Any] = {}
        for key, value in delta.items():
            if key in self._texts and isinstance(value, str):
                deltas += self._fold_text(key, value)
            elif key == "audio" and isinstance(value, Mapping):
                deltas += self._fold_audio(value)
            elif key == "tool_calls" and isinstance(value, list):
                deltas += [self._calls.add(call) for call in value if isinstance(call, Mapping)]
            else:
                rest[key] = value
        merge(self._message, rest)
        deltas += _legacy_call(rest.get("function_call"))
        self._empty = self._empty and not (deltas or self._calls or rest.get("content"))
        return deltas

    def _fold_text(self, key: str, piece: str) -> list[Delta]:
        self._message.setdefault(key, None)
        if not piece:
            self._message[key] = self._message[key] or ""
            return []
        self._empty = False
        shown = self._texts[key].add(piece)
        return [TextDelta(shown) if key == "content" else RefusalDelta(shown)] if shown else []

    def _fold_audio(self, audio: Mapping[str, Any]) -> list[Delta]:
        transcript, data, expires_at = audio.get("transcript"), audio.get("data"), audio.get("expires_at")
        deltas: list[Delta] = []
        if isinstance(transcript, str) and transcript:
            self._empty = False
            shown = self._transcript.add(transcript)
            deltas += [TranscriptDelta(shown)] if shown else []
        if isinstance(data, str) and data:
            self._sound.add(data)
            sound = self._sound.since(self._shown)
            whole = sound[: len(sound) - len(sound) % SAMPLE]
            self._shown += len(whole)
            deltas += [AudioDelta(whole)] if whole else []
        if expires_at is not None and not transcript and not data and (self._sound or not self._empty):
            self._complete = True
        self._audio = {} if self._audio is None else self._audio
        merge(self._audio, {key: value for key, value in audio.items() if key not in ("transcript", "data")})
        return deltas

    # --- the answer --------------------------------------------------------------------------------

    def _whole_message(self) -> dict[str, Any]:
        message = {"role": "assistant", "content": None, "refusal": None, **plain(self._message)}
        for key, text in self._texts.items():
            _put_text(message, key, text.whole())
        if self._audio is not None:
            audio = {"id": None, "data": None, "expires_at": None, "transcript": None, **plain(self._audio)}
            message["audio"] = {**audio, "data": None, "transcript": self._transcript.whole()}
        if self._calls:
            message["tool_calls"] = self._calls.whole()
        said_otherwise = self._audio is not None or self._calls or message.get("function_call") or message["refusal"]
        if not message["content"] and said_otherwise:
            message["content"] = None
        return message


def rebuilt(skeleton: Mapping[str, Any], audio: bytes) -> dict[str, Any]:
    """Give the answer whose `skeleton()` and sound were kept; a Response has no sound."""
    answer: dict[str, Any] = plain(skeleton)
    if is_response(answer):
        return answer
    message = answer["choices"][0]["message"]
    if isinstance(message.get("audio"), dict):
        message["audio"]["data"] = pybase64.b64encode(audio).decode("ascii")
    return answer


def _put_text(message: dict[str, Any], key: str, text: str) -> None:
    """Put a text where it belongs; beside content parts, which some servers mix with text, it is one more of them."""
    if text and isinstance(message[key], list):
        message[key].append({"type": "text", "text": text})
    elif text or (key == "refusal" and message[key] == ""):
        message[key] = text or None


def _legacy_call(call: object) -> list[Delta]:
    if not isinstance(call, Mapping):
        return []
    name, arguments = call.get("name"), call.get("arguments")
    told = name if isinstance(name, str) and name else None
    return [ToolCallDelta(0, None, told, arguments if isinstance(arguments, str) else "")]


# --- what is a chunk -------------------------------------------------------------------------------


def _chunk(chunk: object) -> Mapping[str, Any]:
    body = as_dict(chunk, _REMEDY)
    if error := body.get("error"):
        raise AnswerError(f"the API broke it off: {_told(error)}", "what came before stays; ask again")
    if body.get("object") == "chat.completion":
        raise AnswerError("it is a whole answer, no chunk of a stream", "record it as it is")
    if "choices" not in body:
        raise AnswerError("the chunk has no choices", _REMEDY)
    if not is_json(body):
        raise AnswerError("the chunk is no JSON, or nested too deeply", _REMEDY)
    return body


def _choice(body: Mapping[str, Any]) -> Mapping[str, Any]:
    choices = [] if body["choices"] is None else body["choices"]
    if not isinstance(choices, list | tuple):
        raise AnswerError("the chunk's choices are no list", _REMEDY)
    if not choices:
        return {}
    choice = _object(choices[0], "its choice is no object")
    if len(choices) > 1 or choice.get("index"):
        raise AnswerError("the stream has several choices", "ask for one (n=1): a conversation goes on with one answer")
    return choice


def _object(value: object, reason: str) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise AnswerError(reason, _REMEDY)
    return value


def _told(error: object) -> str:
    if not isinstance(error, Mapping):
        return str(error)
    code = error.get("code") or error.get("type")
    return f"{error.get('message') or 'no message'}" + (f" ({code})" if code else "")
