"""The tables beside the log: what was called, the bytes, notes, presets, keys, and what is found by words. See `tables`."""

from __future__ import annotations

import sqlalchemy as sa

from convo.store.tables import few_rows, made, owner
from convo.store.types import Id, Instant

metadata = made
"""All tables."""

annotation = sa.Table(
    "convo_annotation",
    metadata,
    owner(),
    sa.Column("branch", Id, nullable=False, comment="the branch that holds the message"),
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("value", sa.Text, nullable=False, comment="canonical JSON"),
    sa.Column("changed_at", Instant, nullable=False),
    sa.PrimaryKeyConstraint("owner", "branch", "position", "name"),
    sa.ForeignKeyConstraint(
        ["owner", "branch", "position"],
        ["convo_message.owner", "convo_message.branch", "convo_message.position"],
        ondelete="CASCADE",
    ),
    comment="notes beside the log, which may change",
)

blob = sa.Table(
    "convo_blob",
    metadata,
    owner(),
    sa.Column("digest", sa.Text, nullable=False, comment="SHA-256 of the bytes in hex"),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("place", sa.Text, comment="the name of the blob store that holds them; null: convo_blob_chunk"),
    sa.Column("object", sa.Text, comment="their name there"),
    sa.PrimaryKeyConstraint("owner", "digest"),
    sa.Index("ix_convo_blob_place", "place", "owner", "digest"),
    comment="bytes, once per owner",
)

blob_chunk = sa.Table(
    "convo_blob_chunk",
    metadata,
    owner(),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("data", sa.LargeBinary, nullable=False),
    sa.PrimaryKeyConstraint("owner", "digest", "number"),
    sa.ForeignKeyConstraint(["owner", "digest"], ["convo_blob.owner", "convo_blob.digest"], ondelete="CASCADE"),
    comment="bytes in pieces of at most 1 MB",
)

home = sa.Table(
    "convo_home",
    metadata,
    sa.Column(
        "prefix", sa.Text, primary_key=True, comment="16 hex, made once: the names of this database's objects begin with it"
    ),
    comment="one row, of no owner: what tells this database from others that use the same folder or bucket",
)

rendition = sa.Table(
    "convo_rendition",
    metadata,
    owner(),
    sa.Column("source", sa.Text, nullable=False, comment="SHA-256 in hex of the bytes that were recorded"),
    sa.Column("form", sa.Text, nullable=False, comment="what they were converted to: format, samples a second, channels"),
    sa.Column("digest", sa.Text, nullable=False, comment="SHA-256 in hex of what they became"),
    sa.Column("created_at", Instant, nullable=False),
    sa.PrimaryKeyConstraint("owner", "source", "form"),
    sa.ForeignKeyConstraint(["owner", "source"], ["convo_blob.owner", "convo_blob.digest"], ondelete="CASCADE"),
    sa.Index("ix_convo_rendition_owner_digest", "owner", "digest"),
    comment="recordings as they are sent where the API takes no other format; each made once",
)

preset = sa.Table(
    "convo_preset",
    metadata,
    owner(),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("value", sa.Text, nullable=False, comment="canonical JSON: voice, format, speed"),
    sa.Column("changed_at", Instant, nullable=False),
    sa.PrimaryKeyConstraint("owner", "name"),
    comment="voices with format and speed, by a name of the application",
)

COST_KINDS = (
    "text_in", "text_out", "audio_in", "audio_out", "image_in", "cached_in", "cached_audio_in", "cache_write",
    "minutes_in", "minutes_out", "characters_in", "cached_image_in",
)  # fmt: skip
"""Parts of a cost, by the names of prices."""

exchange = sa.Table(
    "convo_exchange",
    metadata,
    owner(),
    sa.Column("id", Id, nullable=False),
    sa.Column("conversation", Id, nullable=False),
    sa.Column("branch", Id, nullable=False),
    sa.Column("key", sa.Text, comment="the caller's name for the turn"),
    sa.Column("hash", sa.LargeBinary(32), nullable=False, comment="SHA-256 of what was asked"),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("api", sa.Text, nullable=False),
    sa.Column("model", sa.Text, nullable=False, comment="as asked for"),
    sa.Column("answered_by", sa.Text, comment="the model that the answer names"),
    sa.Column("origin", sa.Text, nullable=False),
    sa.Column("asked_first", sa.BigInteger, nullable=False),
    sa.Column("asked_last", sa.BigInteger, nullable=False, comment="before asked_first: no message was added"),
    sa.Column("seen", sa.BigInteger, comment="the head that the request held"),
    sa.Column("position", sa.BigInteger, comment="of the reply"),
    sa.Column("started_at", Instant, nullable=False),
    sa.Column("finished_at", Instant),
    sa.Column("request_id", sa.Text, comment="the API's x-request-id"),
    sa.Column("finish_reason", sa.Text),
    sa.Column("error", sa.Text, comment="code of the error that ended it"),
    sa.Column("recovered", sa.Text, comment="canonical JSON: what was degraded after refusals"),
    sa.Column("raw", sa.Text, comment="the answer without its messages; with them, when it came too late"),
    sa.Column("voice", sa.Text),
    sa.Column("format", sa.Text),
    sa.Column("spoken", sa.Boolean),
    sa.Column("input_tokens", sa.BigInteger),
    sa.Column("output_tokens", sa.BigInteger),
    sa.Column("total_tokens", sa.BigInteger),
    sa.Column("input_text", sa.BigInteger),
    sa.Column("input_audio", sa.BigInteger),
    sa.Column("input_image", sa.BigInteger),
    sa.Column("input_cached", sa.BigInteger),
    sa.Column("input_cached_audio", sa.BigInteger),
    sa.Column("input_cache_write", sa.BigInteger),
    sa.Column("output_text", sa.BigInteger),
    sa.Column("output_audio", sa.BigInteger),
    sa.Column("output_reasoning", sa.BigInteger),
    sa.Column("accepted_prediction", sa.BigInteger),
    sa.Column("rejected_prediction", sa.BigInteger),
    sa.Column("cost", sa.BigInteger, comment="in 10**-12 of the currency; null: unknown"),
    sa.Column("currency", sa.Text),
    sa.Column("price_table", sa.Text),
    sa.Column("estimated_tokens", sa.BigInteger, comment="of the input, before the call"),
    sa.Column("instead_of", sa.Text, comment="the model asked for, where that is shut down and its successor was asked"),
    sa.Column("assumed_tokens", sa.BigInteger, comment="what budgets count while there is no bill, output too"),
    sa.Column("assumed_cost", sa.BigInteger, comment="the same in 10**-12 of the currency; null: unknown"),
    sa.Column("input_milliseconds", sa.BigInteger, comment="sound that was billed by its length"),
    sa.Column("output_milliseconds", sa.BigInteger, comment="sound that was billed by its length"),
    sa.Column("input_characters", sa.BigInteger, comment="text that was billed by its length"),
    sa.Column("first_byte_at", Instant, comment="when the API began to answer"),
    sa.Column("retries", sa.Integer, comment="how often the client tried again; null: not known"),
    sa.Column("recoveries", sa.Integer, comment="how often the request was mended after a refusal"),
    sa.Column("sent_references", sa.Integer, comment="spoken replies that went by their ids"),
    sa.Column("sent_transcripts", sa.Integer, comment="speech that went as words"),
    sa.Column("saved_bytes", sa.BigInteger, comment="audio that did not travel, because its id or its words did"),
    sa.Column("saved_tokens", sa.BigInteger, comment="by estimate: what speech would have cost beyond its words"),
    *(sa.Column(f"cost_{kind}", sa.BigInteger, comment="in 10**-12 of the currency") for kind in COST_KINDS),
    sa.Column("input_cached_image", sa.BigInteger),
    sa.Column("asked_speech", sa.Boolean, comment="whether the answer was to be spoken; null: not known"),
    sa.PrimaryKeyConstraint("owner", "id"),
    sa.ForeignKeyConstraint(["owner", "branch"], ["convo_branch.owner", "convo_branch.id"], ondelete="CASCADE"),
    sa.Index("uq_convo_exchange_owner_conversation_key", "owner", "conversation", "key", unique=True),
    sa.Index("ix_convo_exchange_owner_branch_status", "owner", "branch", "status"),
    sa.Index("ix_convo_exchange_owner_started_at", "owner", "started_at"),
    sa.Index("ix_convo_exchange_late", "owner"),
    sa.Index("ix_convo_exchange_started_at", "started_at"),
    comment="one call of an API and its answer",
)
sa.event.listen(exchange, "before_create", few_rows)

checkpoint = sa.Table(
    "convo_checkpoint",
    metadata,
    owner(),
    sa.Column("exchange", Id, nullable=False),
    sa.Column("number", sa.Integer, nullable=False, comment="0: the message so far; from 1: its audio, in pieces"),
    sa.Column("attempt", sa.Integer, nullable=False, comment="of the exchange"),
    sa.Column("body", sa.Text, comment="the answer so far, canonical JSON, without its audio"),
    sa.Column("data", sa.LargeBinary, comment="at most 1 MB of the audio"),
    sa.Column("saved_at", Instant, nullable=False),
    sa.PrimaryKeyConstraint("owner", "exchange", "number"),
    sa.ForeignKeyConstraint(["owner", "exchange"], ["convo_exchange.owner", "convo_exchange.id"], ondelete="CASCADE"),
    comment="what a stream has received, until it ends",
)

search = sa.Table(
    "convo_search",
    metadata,
    sa.Column("number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    owner(),
    sa.Column("branch", Id, nullable=False, comment="the branch that holds the message"),
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.ForeignKeyConstraint(
        ["owner", "branch", "position"],
        ["convo_message.owner", "convo_message.branch", "convo_message.position"],
        ondelete="CASCADE",
    ),
    sa.Index("uq_convo_search_owner_branch_position", "owner", "branch", "position", unique=True),
    comment="messages whose words are in the full-text index (convo_words), by number; derived",
)


@sa.event.listens_for(search, "before_create")
def _number_once(table: sa.Table, *_: object, **__: object) -> None:
    """On SQLite a number that was given up may still stand in the index. Said here, it does not import the dialect at once."""
    table.dialect_kwargs["sqlite_autoincrement"] = True


@sa.event.listens_for(search, "after_create")
def _number_of_owner(table: sa.Table, connection: sa.Connection, **_: object) -> None:
    """On PostgreSQL every key holds the owner; on SQLite a number is that of the row, which has no other key."""
    if connection.dialect.name == "postgresql":
        key = "pk_convo_search"
        connection.exec_driver_sql(
            f"ALTER TABLE {table.name} DROP CONSTRAINT {key}, ADD CONSTRAINT {key} PRIMARY KEY (number, owner)"
        )


owner_key = sa.Table(
    "convo_owner_key",
    metadata,
    owner(),
    sa.Column("number", sa.Integer, nullable=False, comment="the largest seals what is written"),
    sa.Column("wrapped", sa.LargeBinary, nullable=False, comment="the data key, wrapped by a key of the application"),
    sa.Column("wrapped_by", sa.Text, nullable=False, comment="the name of that key"),
    sa.Column("created_at", Instant, nullable=False),
    sa.PrimaryKeyConstraint("owner", "number"),
    comment="the data keys of owners; without its keys nothing of an owner that is encrypted can be read",
)
