"""Rules on the events of a Realtime client that depend on what the session holds: each gives the API's refusals, lazily.

Quoted, from published captures: the sentences on items that do not exist or exist already, on calls that are not found, on
sound that is too short or no sound, on truncation, cancelling, a second response, the voice, and the end of a session.
In the style of those: that the model cannot change, and which modalities there are.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Protocol

from convo.testing.realtime_items import ROOT, milliseconds
from convo.testing.realtime_schema import CLIENT_EVENT
from convo.testing.refusals import ApiRefusal, invalid, not_simulated, unsupported_value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from convo.testing.asked import Json
    from convo.testing.realtime_hearing import Ear
    from convo.testing.realtime_items import Conversation, Item
    from convo.testing.realtime_response import Response

SHORTEST_MS = 100
"""Milliseconds of sound that can be committed."""
LARGEST = 15 * 1024 * 1024
"""Bytes of sound in one event."""
MINUTES = 60
"""How long a session lives."""
_SAMPLE = 2

EXPIRED = invalid(f"Your session hit the maximum duration of {MINUTES} minutes.", None, "session_expired")
NO_JSON = invalid("Invalid event: failed to parse JSON value.", None, "invalid_json")
NO_TEXT = invalid("Expected a text WebSocket message; binary frames are not supported.", None, "invalid_event")


class State(Protocol):
    """What a session holds, as far as rules look at it."""

    conversation: Conversation
    config: Json
    ear: Ear
    active: Response | None
    spoke: bool


def event_refusals(event: Json, state: State) -> Iterator[ApiRefusal]:
    """Give all refusals of an event: what comes later relies on what came before."""
    yield from CLIENT_EVENT.misfits(event, "")
    yield from _RULES[event["type"]](event, state)


def _unknown_item(doing: str, item_id: str, code: str) -> ApiRefusal:
    return invalid(f"Error {doing} item: the item with id '{item_id}' does not exist.", None, code)


# --- sound -----------------------------------------------------------------------------------------


def sound_refusals(encoded: str, path: str) -> Iterator[ApiRefusal]:
    """Refuse what is no pcm16 in base64."""
    try:
        sound = base64.b64decode(encoded, validate=True)
    except ValueError:
        sound = b"\0"
    if not sound:
        yield _no_sound(path, "empty bytes")
    elif len(sound) % _SAMPLE:
        yield _no_sound(path, "an invalid value")
    elif len(sound) > LARGEST:
        yield not_simulated(f"the API takes at most {LARGEST} bytes of sound in one event", path)


def _no_sound(path: str, what: str) -> ApiRefusal:
    return invalid(f"Invalid '{path}'. Expected base64-encoded audio bytes (mono PCM16 at 24kHz) but got {what}.", path)


def _append_refusals(event: Json, state: State) -> Iterator[ApiRefusal]:
    del state
    yield from sound_refusals(event["audio"], "audio")


def _commit_refusals(event: Json, state: State) -> Iterator[ApiRefusal]:
    del event
    length = milliseconds(state.ear.sound)
    if length < SHORTEST_MS:
        message = (
            f"Error committing input audio buffer: buffer too small. Expected at least {SHORTEST_MS}ms of audio, "
            f"but buffer only has {length:.2f}ms of audio."
        )
        yield invalid(message, None, "input_audio_buffer_commit_empty")


# --- items -----------------------------------------------------------------------------------------


def _create_refusals(event: Json, state: State) -> Iterator[ApiRefusal]:
    item, after = event["item"], event.get("previous_item_id")
    yield from _content_refusals(item, "item")
    if after not in {None, ROOT} and after not in state.conversation:
        message = f"Error adding item: the previous item with id '{after}' does not exist."
        yield invalid(message, None, "item_create_invalid_previous_item_id")
    if item.get("id") in state.conversation:
        message = f"Error adding item: an item with id '{item['id']}' already exists."
        yield invalid(message, None, "item_create_duplicate_item_id")
    yield from _call_refusals(item, state)


def _content_refusals(item: Json, path: str) -> Iterator[ApiRefusal]:
    for index, part in enumerate(item.get("content", ())):
        at = f"{path}.content[{index}]"
        if part["type"] == "output_audio":
            yield unsupported_value(f"{at}.type", "output_audio", ("output_text",))
        if part["type"] == "input_audio":
            yield from sound_refusals(part["audio"], f"{at}.audio")


def _call_refusals(item: Json, state: State) -> Iterator[ApiRefusal]:
    if item["type"] != "function_call_output":
        return
    bodies = (one.body for one in state.conversation.items)
    if not any(body["type"] == "function_call" and body["call_id"] == item["call_id"] for body in bodies):
        yield invalid(f"Tool call ID '{item['call_id']}' not found in conversation.", None, "invalid_tool_call_id")


def _delete_refusals(event: Json, state: State) -> Iterator[ApiRefusal]:
    if event["item_id"] not in state.conversation:
        yield _unknown_item("deleting", event["item_id"], "item_delete_invalid_item_id")


def _retrieve_refusals(event: Json, state: State) -> Iterator[ApiRefusal]:
    if event["item_id"] not in state.conversation:
        yield _unknown_item("retrieving", event["item_id"], "item_retrieve_invalid_item_id")


def _truncate_refusals(event: Json, state: State) -> Iterator[ApiRefusal]:
    if event["item_id"] not in state.conversation:
        yield _unknown_item("truncating", event["item_id"], "item_truncate_invalid_item_id")
    item, index = state.conversation[event["item_id"]], event["content_index"]
    if not _spoken_by_model(item, index):
        yield invalid("Only model output audio messages can be truncated", None, "unsupported_content_type")
    length = int(milliseconds(item.sound[index]))
    if event["audio_end_ms"] > length:
        yield invalid(f"Audio content of {length}ms is already shorter than {event['audio_end_ms']}ms", None)


def _spoken_by_model(item: Item, index: int) -> bool:
    return item.body.get("role") == "assistant" and index in item.sound


# --- the session and its responses -----------------------------------------------------------------


def _update_refusals(event: Json, state: State) -> Iterator[ApiRefusal]:
    update = event["session"]
    if update["type"] != "realtime":
        yield not_simulated("sessions that only transcribe are not made", "session.type")
    if update.get("model", state.config["model"]) != state.config["model"]:
        yield invalid("Cannot update a session's model.", "session.model", "cannot_update_model")
    yield from _modality_refusals(update, "session")
    audio = update.get("audio", {})
    for side in ("input", "output"):
        yield from _format_refusals(audio.get(side, {}), f"session.audio.{side}")
    yield from _voice_refusals(audio, state)


def _modality_refusals(asked: Json, path: str) -> Iterator[ApiRefusal]:
    modalities = asked.get("output_modalities", ["audio"])
    if len(modalities) > 1:
        message = f"Invalid modalities: {modalities}. Supported combinations are: ['text'] and ['audio']."
        yield invalid(message, f"{path}.output_modalities")


def _format_refusals(side: Json, path: str) -> Iterator[ApiRefusal]:
    if side.get("format", {}).get("type", "audio/pcm") != "audio/pcm":
        yield not_simulated("the fake hears and speaks audio/pcm only", f"{path}.format.type")


def _voice_refusals(audio: Json, state: State) -> Iterator[ApiRefusal]:
    voice = state.config["audio"]["output"]["voice"]
    if state.spoke and audio.get("output", {}).get("voice", voice) != voice:
        message = "Cannot update a conversation's voice if assistant audio is present."
        yield invalid(message, None, "cannot_update_voice")


def _response_refusals(event: Json, state: State) -> Iterator[ApiRefusal]:
    asked = event.get("response") or {}
    aside = asked.get("conversation") == "none"
    if state.active is not None and not aside:
        message = (
            f"Conversation already has an active response in progress: {state.active.id}. "
            "Wait until the response is finished before creating a new one."
        )
        yield invalid(message, None, "conversation_already_has_active_response")
    for index, item in enumerate(asked.get("input", ())):
        yield from _input_refusals(item, f"response.input[{index}]", state)
    yield from _modality_refusals(asked, "response")
    audio = asked.get("audio", {})
    yield from _format_refusals(audio.get("output", {}), "response.audio.output")
    yield from () if aside else _voice_refusals(audio, state)


def _input_refusals(item: Json, path: str, state: State) -> Iterator[ApiRefusal]:
    if item["type"] == "item_reference" and item["id"] not in state.conversation:
        yield _unknown_item("referencing", item["id"], "item_reference_invalid_item_id")
    yield from _content_refusals(item, path)


def _cancel_refusals(event: Json, state: State) -> Iterator[ApiRefusal]:
    if state.active is None or event.get("response_id", state.active.id) != state.active.id:
        yield invalid("Cancellation failed: no active response found", None, "response_cancel_not_active")


def _none(event: Json, state: State) -> Iterator[ApiRefusal]:
    del event, state
    yield from ()


def _not_made(event: Json, state: State) -> Iterator[ApiRefusal]:
    del state
    yield not_simulated(f"the event {event['type']} is not simulated", "type")


_RULES: Mapping[str, Callable[[Json, State], Iterator[ApiRefusal]]] = {
    "session.update": _update_refusals,
    "session.close": _not_made,
    "input_audio_buffer.append": _append_refusals,
    "session.input_audio_buffer.append": _not_made,
    "input_audio_buffer.commit": _commit_refusals,
    "input_audio_buffer.clear": _none,
    "conversation.item.create": _create_refusals,
    "conversation.item.truncate": _truncate_refusals,
    "conversation.item.delete": _delete_refusals,
    "conversation.item.retrieve": _retrieve_refusals,
    "response.create": _response_refusals,
    "response.cancel": _cancel_refusals,
}
