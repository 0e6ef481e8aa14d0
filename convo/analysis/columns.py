"""The columns of the tables: their names, what they hold, and their types. What is not known is null, never zero.

A column of one name means the same in every table, so that tables join by what they have in common: `owner` and `conversation`;
`position` and `turn` within a conversation; `exchange`.

| kind | Arrow | |
|---|---|---|
| `text` | string | |
| `id` | string | a UUID as `str(uuid)` writes it: what `store.get()` takes, and every tool can print and join |
| `word` | dictionary<int32, string> | a text of few values |
| `time` | timestamp[us, UTC] | |
| `count` | int64 | |
| `flag` | bool | |
| `seconds` | double | |
| `ratio` | double | a number of no unit, or of one unit for each of another |
| `day` | date32 | in UTC |
| `money` | decimal128(38, 12) | an exact amount in the currency of the column `currency` |
| `json` | string | canonical JSON, in ASCII |
| `calls` | list<struct<id, name, arguments: string>> | |
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterator

Kind = Literal["text", "id", "word", "time", "count", "flag", "seconds", "money", "json", "calls", "ratio", "day"]
WIDTH = 24
"""Characters of a name in a description."""


@attrs.frozen
class Column:
    """A column: its name, its kind (see the module), and what it holds."""

    name: str
    kind: Kind
    says: str


@attrs.frozen
class Description:
    """What a table holds: its name, what a row is, its columns, by which of them `since` and `until` go, and their order."""

    name: str
    row: str
    time: str
    columns: tuple[Column, ...]
    order: tuple[str, ...] = ("owner", "conversation")

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns, in order."""
        return tuple(column.name for column in self.columns)

    def __iter__(self) -> Iterator[Column]:
        """Give the columns."""
        return iter(self.columns)

    def __str__(self) -> str:
        """Give a line for the table, and one for each column."""
        lines = [f"{column.name:<{WIDTH}}{column.kind:<9}{column.says}" for column in self.columns]
        order = f"; in the order of {', '.join(self.order)}" if self.order else ""
        return "\n".join([f"{self.name}: {self.row}{order}", *lines])


_OWNER = Column("owner", "text", "whose data it is")
_CONVERSATION = Column("conversation", "id", "the conversation")
_METADATA = Column("metadata", "json", "what the application noted of it")
_CURRENCY = Column("currency", "word", "of all amounts of the row")
_SHARED = Column("shared", "flag", "whether another conversation holds it, of which this one is a fork")

CONVERSATIONS = Description(
    "conversations",
    "one row a conversation",
    "created_at",
    (
        _OWNER,
        _CONVERSATION,
        Column("key", "text", "the application's own key"),
        Column("title", "text", "its title"),
        Column("created_at", "time", "when it was made"),
        Column("messages", "count", "messages in the branch that it shows, which is the position of the last"),
        Column("branch", "id", "the branch that it shows"),
        Column("forked_from", "id", "the conversation that it is a fork of; null also where that is gone"),
        Column("forked_at", "count", "the last position that it shares with it"),
        Column("hold", "text", "why it must not be deleted"),
        _METADATA,
    ),
)

MESSAGES = Description(
    "messages",
    "one row a message of the branch that a conversation shows",
    "created_at",
    (
        _OWNER,
        _CONVERSATION,
        Column("turn", "count", "the turn, from 1; 0 before the first message of a user"),
        Column("position", "count", "its place in the conversation, from 1 without gaps"),
        Column("role", "word", "user, assistant, tool, developer, system ..."),
        Column("kind", "word", "message, instructions or summary"),
        Column("status", "word", "complete, interrupted or redacted"),
        Column("text", "text", "what was written or said, at most 100,000 characters; [redacted] where it was taken out"),
        Column("created_at", "time", "when it entered the log, or the time that its author gave"),
        Column("model", "word", "the model that wrote it"),
        Column("api", "word", "the API whose shape it has"),
        Column("exchange", "id", "the call in which it was asked or answered"),
        Column("tool_calls", "calls", "what it asks tools for; null for none"),
        Column("tool_call_id", "text", "the call that it answers"),
        Column("media", "count", "recordings, images and files in it"),
        Column("text_tokens", "count", "as billed, of a reply"),
        Column("audio_tokens", "count", "as billed, of a reply"),
        Column("pinned", "flag", "whether it stays in every request"),
        Column("branch", "id", "the branch that holds it: with `owner` and `position` it tells stored messages apart"),
        _SHARED,
        _METADATA,
    ),
)

AUDIO = Description(
    "audio",
    "one row a recording or a spoken reply of such a message",
    "created_at",
    (
        _OWNER,
        _CONVERSATION,
        Column("position", "count", "the message that holds it"),
        Column("part", "count", "which part of its content; -1: the speech of a reply"),
        Column("source", "word", "recording, reply, or speech that was made of a text"),
        Column("role", "word", "who speaks: user, assistant ..."),
        Column("created_at", "time", "when its message entered the log"),
        Column("duration_seconds", "seconds", "how long it is"),
        Column("format", "word", "wav, mp3, flac, opus ..."),
        Column("sample_rate_hz", "count", "samples a second"),
        Column("channels", "count", "1 is mono"),
        Column("size_bytes", "count", "of the file"),
        Column("transcript", "text", "what is said in it"),
        Column("translation", "text", "the same in English"),
        Column("voice", "word", "the voice that speaks"),
        Column("model", "word", "the model that wrote the message"),
        Column("made_by", "word", "the model that made the speech of a text"),
        Column("audio_id", "text", "the API's id of a spoken reply"),
        Column("expires_at", "time", "when that id ends"),
        Column("dropped_at", "time", "when its bytes were let go; null: they are kept"),
        Column("digest", "text", "SHA-256 of its bytes, in hex"),
        Column("exchange", "id", "the call in which it was asked or answered"),
        Column("branch", "id", "the branch that holds its message"),
        _SHARED,
    ),
)

TOKENS = (
    ("input_tokens", "text, audio and images together"),
    ("output_tokens", "text and audio together"),
    ("total_tokens", "as the API says"),
    ("input_text", "tokens"),
    ("input_audio", "tokens"),
    ("input_image", "tokens"),
    ("input_cached", "tokens read from the cache, part of the input"),
    ("input_cached_audio", "tokens of audio among them"),
    ("input_cached_image", "tokens of images among them"),
    ("input_cache_write", "tokens written to the cache, part of the input"),
    ("output_text", "tokens"),
    ("output_audio", "tokens"),
    ("output_reasoning", "tokens, part of the text"),
    ("accepted_prediction", "tokens, part of the text"),
    ("rejected_prediction", "tokens, part of the text"),
    ("input_milliseconds", "sound that was billed by its length"),
    ("output_milliseconds", "sound that was billed by its length"),
    ("input_characters", "text that was billed by its length"),
)
COSTS = (
    "text_in", "text_out", "audio_in", "audio_out", "image_in", "cached_in", "cached_audio_in", "cached_image_in", "cache_write",
    "minutes_in", "minutes_out", "characters_in",
)  # fmt: skip

EXCHANGES = Description(
    "exchanges",
    "one row a call of an API, on whatever branch; sums of calls count none twice",
    "started_at",
    (
        _OWNER,
        _CONVERSATION,
        Column("exchange", "id", "the call"),
        Column("branch", "id", "the branch on which it was made"),
        Column("started_at", "time", "when it began"),
        Column("status", "word", "done, interrupted, failed, late, pending or abandoned"),
        Column("api", "word", "chat, responses, realtime, transcriptions, speech ..."),
        Column("model", "word", "as it was asked for"),
        Column("answered_by", "word", "the model that the answer names"),
        Column("instead_of", "word", "the model asked for first, which is shut down"),
        Column("origin", "word", "whose API it is: base URL, organisation and project"),
        Column("key", "text", "the caller's name for the turn"),
        Column("attempt", "count", "how often it was begun"),
        Column("asked_first", "count", "position of the first message that was asked with it"),
        Column("asked_last", "count", "and of the last; before it, where none was added"),
        Column("seen", "count", "the last position that the request held"),
        Column("position", "count", "position of the reply"),
        Column("first_byte_seconds", "seconds", "from its begin until the API began to answer"),
        Column("duration_seconds", "seconds", "from its begin to its end"),
        Column("finished_at", "time", "when it ended"),
        Column("finish_reason", "word", "why the model stopped"),
        Column("error", "word", "the code of the error that ended it"),
        Column("retries", "count", "how often the client tried again"),
        Column("recoveries", "count", "how often the request was mended after a refusal"),
        Column("asked_speech", "flag", "whether the answer was to be spoken"),
        Column("spoken", "flag", "whether it was"),
        Column("voice", "word", "the voice asked for"),
        Column("format", "word", "the format of the speech"),
        Column("estimated_tokens", "count", "of the input, before the call"),
        *(Column(name, "count", says) for name, says in TOKENS),
        Column("cost", "money", "as recorded; null where a part of it is not known"),
        _CURRENCY,
        *(Column(f"cost_{kind}", "money", "a part of the cost") for kind in COSTS),
        Column("price_table", "word", "the prices that it was billed by"),
        Column("sent_references", "count", "spoken replies that went by their ids"),
        Column("sent_transcripts", "count", "speech that went as words"),
        Column("saved_bytes", "count", "audio that did not travel"),
        Column("saved_tokens", "count", "by estimate: what speech would have cost beyond its words"),
        Column("request_id", "text", "the API's own id of the request"),
    ),
)

TURNS = Description(
    "turns",
    "one row a turn: the messages of a user up to the next ones, with all that was answered",
    "started_at",
    (
        _OWNER,
        _CONVERSATION,
        Column("turn", "count", "its number in the conversation, from 1"),
        Column("first_position", "count", "its first message"),
        Column("last_position", "count", "its last message"),
        Column("started_at", "time", "when its first message entered the log"),
        Column("asked_at", "time", "when the last message of the user before the answer did"),
        Column("answered_at", "time", "when the first message of the assistant did"),
        Column("ended_at", "time", "when its last message did"),
        Column("response_seconds", "seconds", "from asked_at to answered_at"),
        Column("first_byte_seconds", "seconds", "of its first call that was answered: until the API began to"),
        Column("messages", "count", "in it, of all roles"),
        Column("user_messages", "count", "of the user"),
        Column("assistant_messages", "count", "of the assistant"),
        Column("tool_messages", "count", "results of tools"),
        Column("interrupted", "flag", "whether a message of the assistant was interrupted"),
        Column("user_audio_seconds", "seconds", "recordings of the user; null where the length of none is known"),
        Column("assistant_audio_seconds", "seconds", "speech of the assistant; null where the length of none is known"),
        Column("model", "word", "the model of the last message of the assistant"),
        Column("calls", "count", "of APIs, in this conversation"),
        Column("failed_calls", "count", "of them without an answer"),
        Column("input_tokens", "count", "of its calls"),
        Column("output_tokens", "count", "of its calls"),
        Column("cost", "money", "of its calls whose cost is known; null where there is none, or in several currencies"),
        _CURRENCY,
        _SHARED,
    ),
)

TABLES = (CONVERSATIONS, MESSAGES, AUDIO, EXCHANGES, TURNS)
