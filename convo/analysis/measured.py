"""What the measures of conversations are: `Tables.measures` and `convo.analysis.measures` give them.

A row is a group of conversations, owners, models or days, as it is asked for. What nobody counted is null, never zero; a ratio of
nothing is null.

*Which rows count.* What a fork shares with the conversation that it comes from counts there, and only there. A call counts where
it was made, on whatever branch; a message where it is shown. By model, a turn with all that is said in it belongs to the model of
its last answer, what comes before the first turn to the model that wrote it, and a call to the model that it asked for. By day,
each row of a table counts on the day of its own time, in UTC: a message when it entered the log, a call and a turn when they
began.

*Words* are runs of letters and digits (with marks, apostrophes and hyphens within), small and capital letters alike: of languages
that write without spaces a run is one word. They are counted in `text`: of long messages in the first 100,000 characters.
Instructions and summaries are not said by anybody, and do not count; what was redacted has no words.

*Times* are those that are stored. A message has the time when it entered the log: of a recording, after it was spoken; of a
reply, when it was complete. Quantiles lie between two values in proportion: definition 7 of Hyndman and Fan (1996).

*A silence* before a spoken question is the time that neither spoke: the time of the question - the time of the message before it
- the length of the reply before it (played when it was complete) - the length of the question (recorded before it entered the
log). It counts from `SILENCE` on and below `SITTING`; it is known where the question is a recording of known length, and follows
a turn. Where a reply is played while it comes, silences are longer than that by the time that the reply took to come.
"""

from __future__ import annotations

from convo.analysis.columns import Column, Description

SILENCE = 1.0
"""Seconds from which on nobody speaking is a silence: the "standard maximum" that Jefferson found in conversations (1989)."""
SITTING = 1_800.0
"""Seconds after which a user has left and come back, and was not silent: half an hour, at which web analytics end a session."""

KEYS = {
    "owner": (Column("owner", "text", "whose data it is"),),
    "conversation": (Column("owner", "text", "whose data it is"), Column("conversation", "id", "the conversation")),
    "model": (Column("model", "word", "the model: see above; null where none answered"),),
    "day": (Column("day", "day", "the day in UTC"),),
}
"""What rows can be grouped by, and the columns that say so."""

_COUNTS = (
    ("conversations", "that have a message"),
    ("turns", "messages of a user up to the next ones, with all that was answered"),
    ("messages", "of all roles, instructions and summaries too"),
    ("user_messages", "of users"),
    ("assistant_messages", "of the assistant, those among them that only call tools"),
)
MEASURES = Description(
    "measures",
    "one row a group",
    "",
    (
        *(Column(name, "count", says) for name, says in _COUNTS),
        Column("elapsed_seconds", "seconds", "sum over conversations: time of the last message - time of the first"),
        Column("user_words", "count", "words in messages of users"),
        Column("assistant_words", "count", "words in messages of the assistant"),
        Column("words_per_answer", "ratio", "assistant_words / assistant_messages"),
        Column("word_ratio", "ratio", "assistant_words / (user_words + assistant_words): 1 where only the assistant writes"),
        Column("user_vocabulary", "count", "different words in messages of users"),
        Column("assistant_vocabulary", "count", "different words in messages of the assistant"),
        Column("user_richness", "ratio", "user_vocabulary / sqrt(user_words): Guiraud (1954), less bound to length than V / N"),
        Column("assistant_richness", "ratio", "assistant_vocabulary / sqrt(assistant_words)"),
        Column("user_speech_seconds", "seconds", "recordings of users, of known length"),
        Column("assistant_speech_seconds", "seconds", "spoken replies; where none came, the longest speech made of the text"),
        Column("unmeasured_speech", "count", "messages with audio whose length is not known: the seconds lack them"),
        Column("talk_ratio", "ratio", "assistant_speech_seconds / those of both: 1 where only the assistant speaks"),
        Column("audio_share", "ratio", "messages of users and the assistant with audio / all of theirs"),
        Column("response_median_seconds", "seconds", "median over turns: from the question's time to that of the first answer"),
        Column("response_p95_seconds", "seconds", "the same, 95th percentile"),
        Column("first_byte_median_seconds", "seconds", "median over calls: from their begin until the API began to answer"),
        Column("first_byte_p95_seconds", "seconds", "the same, 95th percentile"),
        Column("first_audio_median_seconds", "seconds", "the same, of spoken answers: no audio was there before that"),
        Column("first_audio_p95_seconds", "seconds", "the same, 95th percentile"),
        Column("silences", "count", "silences of a second or more before a spoken question, within half an hour: see the module"),
        Column("silence_seconds", "seconds", "sum of these"),
        Column("interruptions", "count", "messages of the assistant that a user cut short, or that broke off"),
        Column("interruption_rate", "ratio", "interruptions / assistant_messages"),
        Column("tool_calls", "count", "that the assistant asked for"),
        Column("tool_results", "count", "messages that answer one"),
        Column("tools", "count", "different names among the calls"),
        Column("tool_calls_per_turn", "ratio", "tool_calls / turns"),
        Column("calls", "count", "of APIs, those of transcriptions and speech too"),
        Column("failed_calls", "count", "of them without an answer"),
        Column("failure_rate", "ratio", "failed_calls / calls"),
        Column("fallback_rate", "ratio", "speech sent as words / (speech sent as words + spoken replies sent by their ids)"),
        Column("mended_calls", "count", "whose request was refused, and mended and sent again"),
        Column("recovery_rate", "ratio", "mended calls that were answered / mended_calls"),
        Column("input_tokens", "count", "as billed"),
        Column("output_tokens", "count", "as billed"),
        Column("cost", "money", "of calls whose cost is known; null where there is none, or in several currencies"),
        Column("currency", "word", "of the cost"),
        Column("unpriced_calls", "count", "answered calls whose cost is not known: the cost lacks them"),
        Column("tokens_per_minute", "ratio", "(input_tokens + output_tokens) / minutes of speech of both"),
        Column("cost_per_minute", "ratio", "cost / minutes of speech of both: how dear a minute of conversation was"),
    ),
    order=(),
)
"""See the module for which rows count."""
