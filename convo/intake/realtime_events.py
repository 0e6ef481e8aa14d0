"""The events of a Realtime session: what each changes in what is known of it. An event is read before anything is changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from convo.canonical import encode
from convo.content import MAX_STRING
from convo.errors import AnswerError
from convo.intake import realtime_items as items
from convo.intake.answer import as_dict
from convo.intake.pieces import Sound, is_json
from convo.intake.realtime_outcomes import Outcome, Transcript, Truncated
from convo.intake.realtime_state import Item, Part, Response, Session, mapping, text_in
from convo.usage import Usage

_REMEDY = "feed each event as the connection gave it"
_MOST = 10**9
"""Milliseconds and indexes that no session has."""


# --- what is an event ------------------------------------------------------------------------------


def read_event(event: object) -> Mapping[str, Any]:
    """Give an event as an object with a type. Raises `AnswerError` for anything else."""
    body = as_dict(event, _REMEDY)
    if not isinstance(body.get("type"), str):
        raise AnswerError("the event has no type", _REMEDY)
    if not is_json(body):
        raise AnswerError("the event is no JSON, or nested too deeply", _REMEDY)
    return body


def object_in(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Give an object that an event must hold. Raises `AnswerError`."""
    found = body.get(name)
    if not isinstance(found, Mapping):
        raise AnswerError(f"the event has no {name}", _REMEDY)
    return found


def _text(body: Mapping[str, Any], name: str) -> str:
    found = body.get(name)
    if not isinstance(found, str):
        raise AnswerError(f"the event has no {name}", _REMEDY)
    return found


def _number(body: Mapping[str, Any], name: str) -> int:
    found = body.get(name)
    if not isinstance(found, int) or isinstance(found, bool) or not 0 <= found < _MOST:
        raise AnswerError(f"the event has no {name}", _REMEDY)
    return found


def _index(body: Mapping[str, Any]) -> int:
    return _number(body, "content_index") if "content_index" in body else 0


# --- events of the application ---------------------------------------------------------------------


def _append(session: Session, event: Mapping[str, Any]) -> None:
    sound = Sound()
    sound.add(_text(event, "audio"))
    rate = items.bytes_a_millisecond(session.input_format)
    session.buffer.append(sound.since(0), rate, detecting=session.detects_turns)


def _commit(session: Session, _: Mapping[str, Any]) -> None:
    session.buffer.commit()


def _clear(session: Session, _: Mapping[str, Any]) -> None:
    session.buffer.clear()


def _create(session: Session, event: Mapping[str, Any]) -> None:
    item = object_in(event, "item")
    known = session.items.get(text_in(item.get("id")) or "")
    if known is None or not known.given:
        session.sent.append(item)


# --- events of the server --------------------------------------------------------------------------


def _configured(session: Session, event: Mapping[str, Any]) -> list[Outcome]:
    session.config = object_in(event, "session")
    return []


def _speech_started(session: Session, event: Mapping[str, Any]) -> list[Outcome]:
    session.buffer.speech(_text(event, "item_id"), start=_number(event, "audio_start_ms"))
    return []


def _speech_stopped(session: Session, event: Mapping[str, Any]) -> list[Outcome]:
    session.buffer.speech(_text(event, "item_id"), end=_number(event, "audio_end_ms"))
    return []


def _timed_out(session: Session, event: Mapping[str, Any]) -> list[Outcome]:
    start, end = _number(event, "audio_start_ms"), _number(event, "audio_end_ms")
    session.buffer.speech(_text(event, "item_id"), start=start, end=end)
    return []


def _committed(session: Session, event: Mapping[str, Any]) -> list[Outcome]:
    item = _placed(session, _text(event, "item_id"), event)
    sound = session.buffer.committed(item.id, items.bytes_a_millisecond(session.input_format))
    if not item.given:
        item.sound = sound
    return []


def _added(session: Session, event: Mapping[str, Any]) -> list[Outcome]:
    return _item_of_conversation(session, event, done=object_in(event, "item").get("status") == "completed")


def _done(session: Session, event: Mapping[str, Any]) -> list[Outcome]:
    return _item_of_conversation(session, event, done=True)


def _item_of_conversation(session: Session, event: Mapping[str, Any], *, done: bool) -> list[Outcome]:
    body = object_in(event, "item")
    item = _placed(session, _text(body, "id"), event)
    item.shown = True
    _show(session, item, body, done=done)
    return []


def _retrieved(session: Session, event: Mapping[str, Any]) -> list[Outcome]:
    body = object_in(event, "item")
    known = session.items.get(_text(body, "id"))
    if known is not None and not known.given and not known.by_model:
        known.sent = body
    return []


def _truncated(session: Session, event: Mapping[str, Any]) -> list[Outcome]:
    name, seconds = _text(event, "item_id"), _number(event, "audio_end_ms") / 1000
    item = session.items.setdefault(name, Item(name))
    if item.heard is not None and seconds >= item.heard:
        return []
    item.heard = seconds
    return [Truncated(session.id, name, seconds)]


def _deleted(session: Session, event: Mapping[str, Any]) -> list[Outcome]:
    name = _text(event, "item_id")
    session.items.setdefault(name, Item(name)).gone = True
    return []


def _transcribed(session: Session, event: Mapping[str, Any]) -> list[Outcome]:
    name, index, text = _text(event, "item_id"), _index(event), _text(event, "transcript")[:MAX_STRING]
    item = session.items.setdefault(name, Item(name))
    known, item.said[index] = index in item.said, text
    if known:
        return []
    usage = Usage.from_transcription(event.get("usage"))
    return [Transcript(session.id, name, index, text, session.transcribed_by, usage, encode({**event, "transcript": None}))]


def _not_transcribed(session: Session, event: Mapping[str, Any]) -> list[Outcome]:
    name, index, error = _text(event, "item_id"), _index(event), mapping(event.get("error"))
    code = text_in(error.get("code")) or text_in(error.get("type")) or "transcription_failed"
    return [Transcript(session.id, name, index, "", session.transcribed_by, Usage(), encode(event), code)]


def _response_created(session: Session, event: Mapping[str, Any]) -> list[Outcome]:
    body = object_in(event, "response")
    response = _response(session, _text(body, "id"))
    if not response.done:
        response.body = body
    return []


def _response_done(session: Session, event: Mapping[str, Any]) -> list[Outcome]:
    body = object_in(event, "response")
    response = _response(session, _text(body, "id"))
    shown = body.get("output")
    output = [item for item in shown if text_in(mapping(item).get("id"))] if isinstance(shown, list) else []
    response.body = {**response.body, **body}
    response.done = True
    for last in output:
        item = _of_response(session, last["id"], response.id)
        _show(session, item, last, done=True)
    return []


def _item_of_response(session: Session, event: Mapping[str, Any], *, done: bool) -> list[Outcome]:
    body, response = object_in(event, "item"), _text(event, "response_id")
    item = _of_response(session, _text(body, "id"), response)
    _show(session, item, body, done=done)
    return []


def _output_added(session: Session, event: Mapping[str, Any]) -> list[Outcome]:
    return _item_of_response(session, event, done=False)


def _output_done(session: Session, event: Mapping[str, Any]) -> list[Outcome]:
    return _item_of_response(session, event, done=True)


def _of_part(change: Callable[[Part, Mapping[str, Any]], None]) -> Callable[[Session, Mapping[str, Any]], list[Outcome]]:
    """Give what takes a piece of what the model says."""

    def take(session: Session, event: Mapping[str, Any]) -> list[Outcome]:
        name, response, index = _text(event, "item_id"), _text(event, "response_id"), _index(event)
        known = session.items.get(name)
        part = known.parts.get(index) if known is not None else None
        change(part := part or Part(), event)
        item = _of_response(session, name, response)
        if not item.given:
            item.parts[index] = part
        return []

    return take


def _add_sound(part: Part, event: Mapping[str, Any]) -> None:
    part.sound.add(_text(event, "delta"))


def _end_sound(part: Part, _: Mapping[str, Any]) -> None:
    part.sounded = True


def _add_words(part: Part, event: Mapping[str, Any]) -> None:
    part.words.add(_text(event, "delta"))


def _end_words(part: Part, event: Mapping[str, Any]) -> None:
    part.all_words = _text(event, "transcript")


def _add_text(part: Part, event: Mapping[str, Any]) -> None:
    part.text.add(_text(event, "delta"))


def _end_text(part: Part, event: Mapping[str, Any]) -> None:
    part.all_text = _text(event, "text")


def _add_arguments(session: Session, event: Mapping[str, Any]) -> list[Outcome]:
    piece = _text(event, "delta")
    _of_response(session, _text(event, "item_id"), _text(event, "response_id")).arguments.add(piece)
    return []


def _end_arguments(session: Session, event: Mapping[str, Any]) -> list[Outcome]:
    whole = _text(event, "arguments")
    _of_response(session, _text(event, "item_id"), _text(event, "response_id")).all_arguments = whole
    return []


OF_CLIENT: Mapping[str, Callable[[Session, Mapping[str, Any]], None]] = {
    "input_audio_buffer.append": _append,
    "input_audio_buffer.commit": _commit,
    "input_audio_buffer.clear": _clear,
    "conversation.item.create": _create,
}
_sound, _sound_end = _of_part(_add_sound), _of_part(_end_sound)
_words, _words_end = _of_part(_add_words), _of_part(_end_words)
_piece, _piece_end = _of_part(_add_text), _of_part(_end_text)
OF_SERVER: Mapping[str, Callable[[Session, Mapping[str, Any]], list[Outcome]]] = {
    "session.created": _configured,
    "session.updated": _configured,
    "input_audio_buffer.speech_started": _speech_started,
    "input_audio_buffer.speech_stopped": _speech_stopped,
    "input_audio_buffer.timeout_triggered": _timed_out,
    "input_audio_buffer.committed": _committed,
    "conversation.item.added": _added,
    "conversation.item.created": _added,
    "conversation.item.done": _done,
    "conversation.item.retrieved": _retrieved,
    "conversation.item.truncated": _truncated,
    "conversation.item.deleted": _deleted,
    "conversation.item.input_audio_transcription.completed": _transcribed,
    "conversation.item.input_audio_transcription.failed": _not_transcribed,
    "response.created": _response_created,
    "response.done": _response_done,
    "response.output_item.added": _output_added,
    "response.output_item.done": _output_done,
    "response.output_audio.delta": _sound,
    "response.audio.delta": _sound,
    "response.output_audio.done": _sound_end,
    "response.audio.done": _sound_end,
    "response.output_audio_transcript.delta": _words,
    "response.audio_transcript.delta": _words,
    "response.output_audio_transcript.done": _words_end,
    "response.audio_transcript.done": _words_end,
    "response.output_text.delta": _piece,
    "response.text.delta": _piece,
    "response.output_text.done": _piece_end,
    "response.text.done": _piece_end,
    "response.function_call_arguments.delta": _add_arguments,
    "response.function_call_arguments.done": _end_arguments,
}
"""What each event does; those of the beta stand beside the names that they have today."""


# --- the order of items ----------------------------------------------------------------------------


def _placed(session: Session, name: str, event: Mapping[str, Any]) -> Item:
    """Give an item at the place that an event says; where it says none, after all others."""
    item = session.items.setdefault(name, Item(name))
    before = session.items.get(text_in(event.get("previous_item_id")) or "")
    known = before is not None and before is not item and before.placed
    if item.given or (item.placed and (item.told or not known)):
        return item
    if item.placed:
        session.order.remove(item)
    item.placed, item.told = True, known
    at = session.order.index(before) + 1 if before is not None and known else len(session.order)
    session.order.insert(max(at, session.first), item)
    return item


def _of_response(session: Session, name: str, response_id: str) -> Item:
    """Give an item of a response. Where it stands in the conversation may be told later."""
    response = _response(session, response_id)
    item = session.items.setdefault(name, Item(name))
    item.response = response.id
    if name not in response.items:
        response.items.append(name)
    return item if item.placed else _placed(session, name, {})


def _response(session: Session, name: str) -> Response:
    return session.responses.setdefault(name, Response(name))


def _show(session: Session, item: Item, body: Mapping[str, Any], *, done: bool = False) -> None:
    """Take what the API shows of an item, the last and most of it."""
    if item.given:
        return
    if done or not item.done:
        item.body = body
    item.begun = item.begun or not done
    item.done = item.done or done
    if item.sent is None and not item.sound and item.response is None and session.sent:
        item.sent = _matching(session, body)


def _matching(session: Session, body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Take the item that the application has sent and the API shows: by its id, or the first that is like it."""
    for index, sent in enumerate(session.sent):
        if sent.get("id") == body.get("id") or (sent.get("id") is None and _shape(sent) == _shape(body)):
            return session.sent.pop(index)
    return None


def _shape(item: Mapping[str, Any]) -> tuple[Any, ...]:
    content = item.get("content")
    parts = content if isinstance(content, list) else ()
    shapes = [(part.get("type"), part.get("text")) for part in parts if isinstance(part, Mapping)]
    return item.get("type"), item.get("role"), item.get("call_id"), shapes
