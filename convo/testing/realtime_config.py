"""The configuration of a Realtime session: what it is at first, and what an update makes of it.

The defaults are those that the API was seen to give.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from convo.testing.sound import RATE

if TYPE_CHECKING:
    from convo.testing.asked import Json

_PCM = {"type": "audio/pcm", "rate": RATE}
_STARTS = {"create_response": True, "interrupt_response": True}
_SERVER_VAD = {
    "type": "server_vad",
    "threshold": 0.5,
    "prefix_padding_ms": 300,
    "silence_duration_ms": 200,
    "idle_timeout_ms": None,
    **_STARTS,
}
_SEMANTIC_VAD = {"type": "semantic_vad", "eagerness": "auto", **_STARTS}
_TRANSCRIPTION = {"model": "whisper-1", "language": None, "prompt": None}


def first_config(session_id: str, model: str, expires_at: int) -> Json:
    """Give the configuration of a new session."""
    return {
        "type": "realtime",
        "object": "realtime.session",
        "id": session_id,
        "model": model,
        "output_modalities": ["audio"],
        "instructions": "",
        "tools": [],
        "tool_choice": "auto",
        "max_output_tokens": "inf",
        "tracing": None,
        "truncation": "auto",
        "prompt": None,
        "expires_at": expires_at,
        "audio": {
            "input": {"format": _PCM, "transcription": None, "noise_reduction": None, "turn_detection": _SERVER_VAD},
            "output": {"format": _PCM, "voice": "alloy", "speed": 1.0},
        },
        "include": None,
    }


def updated_config(config: Json, update: Json) -> Json:
    """Give the configuration after an update: what it names is replaced, of the audio one setting at a time."""
    audio = {side: {**config["audio"][side], **update.get("audio", {}).get(side, {})} for side in ("input", "output")}
    audio["input"] = {
        **audio["input"],
        "turn_detection": _turn_detection(audio["input"]["turn_detection"]),
        "transcription": _transcription(audio["input"]["transcription"]),
    }
    return {**config, **update, "audio": audio}


def _turn_detection(given: Json | None) -> Json | None:
    if given is None:
        return None
    return {**(_SERVER_VAD if given["type"] == "server_vad" else _SEMANTIC_VAD), **given}


def _transcription(given: Json | None) -> Json | None:
    return None if given is None else {**_TRANSCRIPTION, **given}


def of_response(config: Json, asked: Json, key: str) -> Any:
    """Give a setting of one response: what it asks for, else the session's."""
    return config[key] if asked.get(key) is None else asked[key]
