"""The shapes that streams have: what servers do differently, each to be asked for by name."""

from __future__ import annotations

from typing import Literal

import attrs

_ID = ("every", "first")
_WORDS = ("first", "mixed", "last")
_BASE64 = ("each", "cut")
_EXPIRY = ("alone", "with_reason", "never")
_END = ("usual", "no_reason", "cut")


@attrs.frozen
class StreamShape:
    """How an answer is streamed: `fake.will_reply("Yes.", stream=StreamShape(words="mixed"))`. As it is: as observed.

    `audio_id` stands in `"every"` piece of audio or in the `"first"` alone. `words` come `"first"`, `"mixed"` with the
    sound, or `"last"`. `piece` is the bytes of sound in a chunk; `base64` is `"each"` (every piece is padded) or
    `"cut"` (one text, cut after `piece` characters). The audio's `expiry` comes `"alone"`, `"with_reason"` (in one
    chunk with the `finish_reason`), or `"never"`. With `mixed_calls`, parallel tool calls come interleaved.

    `filters` begins with Azure's chunk without choices. `choices` repeats each chunk for so many. `keep_alives` puts a
    comment before each event. `error_after` ends the stream with an error of the API after so many chunks. The `end`
    is `"usual"`, `"no_reason"` (no `finish_reason` ever), or `"cut"`: a clean end of the connection after the last
    piece, without finish, expiry, usage, or `[DONE]`.
    """

    audio_id: Literal["every", "first"] = attrs.field(default="every", validator=attrs.validators.in_(_ID))
    words: Literal["first", "mixed", "last"] = attrs.field(default="first", validator=attrs.validators.in_(_WORDS))
    # No multiple of three, so that each piece but the last is padded and joining the strings gives garbage.
    piece: int = attrs.field(default=8_000, validator=attrs.validators.ge(1))
    base64: Literal["each", "cut"] = attrs.field(default="each", validator=attrs.validators.in_(_BASE64))
    expiry: Literal["alone", "with_reason", "never"] = attrs.field(default="alone", validator=attrs.validators.in_(_EXPIRY))
    mixed_calls: bool = False
    filters: bool = False
    choices: int = attrs.field(default=1, validator=attrs.validators.ge(1))
    keep_alives: bool = False
    error_after: int | None = None
    end: Literal["usual", "no_reason", "cut"] = attrs.field(default="usual", validator=attrs.validators.in_(_END))

    @property
    def broken(self) -> bool:
        """Whether the caller does not get all of the answer."""
        return self.error_after is not None or self.end == "cut"
