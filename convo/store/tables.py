"""The tables. The owner is the first column of every key; positions order the log, never times.

Those of the log are here, of which every request is made; the others, in `tables_beside`, are made when one is asked for,
and so is `metadata`, which holds all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

import sqlalchemy as sa

from convo.store.types import Id, Instant

if TYPE_CHECKING:
    from convo.store.tables_beside import (
        COST_KINDS,
        annotation,
        blob,
        blob_chunk,
        checkpoint,
        exchange,
        home,
        metadata,
        owner_key,
        preset,
        rendition,
        search,
    )  # fmt: skip
else:

    def __getattr__(name: str) -> object:
        """Give a table that is not of the log."""
        from convo.store import tables_beside

        return getattr(tables_beside, name)


__all__ = [
    "COST_KINDS", "KEPT", "LEFT", "NAMING", "NOWHERE", "PARTIAL", "SHOWN", "annotation", "attachment", "blob", "blob_chunk",
    "branch", "checkpoint", "conversation", "exchange", "few_rows", "home", "made", "memory", "message", "metadata", "owner",
    "owner_key", "preset", "rendition", "search", "segment",
]  # fmt: skip

NAMING = {
    "pk": "pk_%(table_name)s",
    "fk": "fk_%(table_name)s_%(referred_table_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
}
made = sa.MetaData(naming_convention=NAMING)
"""The tables that were made so far."""

SHOWN, LEFT, KEPT = "shown", "left", "kept"
"""States of a branch: one of a conversation is shown and grows; others were left; of some only the rows are needed."""
NOWHERE = UUID(int=0)
"""The branch that a conversation shows which is being erased: there is none of this id."""


def owner() -> sa.Column[str]:
    """Give the first column of a table."""
    return sa.Column("owner", sa.Text, nullable=False)


conversation = sa.Table(
    "convo_conversation",
    made,
    owner(),
    sa.Column("id", Id, nullable=False),
    sa.Column("key", sa.Text, comment="the own key of the application"),
    sa.Column("branch", Id, nullable=False, comment="the branch that is shown"),
    sa.Column("title", sa.Text),
    sa.Column("metadata", sa.Text, comment="canonical JSON"),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("hold", sa.Text, comment="why it must not be deleted; null: it may be"),
    sa.PrimaryKeyConstraint("owner", "id"),
    sa.Index("uq_convo_conversation_owner_key", "owner", "key", unique=True),
    sa.Index("ix_convo_conversation_owner_created_at_id", "owner", "created_at", "id"),
    comment="what an application holds",
)

branch = sa.Table(
    "convo_branch",
    made,
    owner(),
    sa.Column("id", Id, nullable=False),
    sa.Column("conversation", Id, nullable=False),
    sa.Column("head", sa.BigInteger, nullable=False, comment="position of the last message, 0 for none"),
    sa.Column("instructions", sa.BigInteger, comment="position of the instructions in force"),
    sa.Column("pending", Id, comment="the exchange that waits for its answer"),
    sa.Column("attempt", sa.Integer, nullable=False, comment="of the pending exchange: the fencing token"),
    sa.Column("lease_until", Instant, comment="until when its worker is taken to be alive"),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("state", sa.Text, nullable=False, server_default=SHOWN, comment="shown, left for another, or kept for its rows"),
    sa.Column("parent", Id, comment="the branch that it was made from"),
    sa.Column("forked_at", sa.BigInteger, comment="position of the last message that it shares with its parent"),
    sa.PrimaryKeyConstraint("owner", "id"),
    sa.ForeignKeyConstraint(["owner", "conversation"], ["convo_conversation.owner", "convo_conversation.id"], ondelete="CASCADE"),
    sa.Index("ix_convo_branch_owner_conversation", "owner", "conversation"),
    comment="one line of messages; its row is the lock of the line",
)

segment = sa.Table(
    "convo_segment",
    made,
    owner(),
    sa.Column("branch", Id, nullable=False),
    sa.Column("first", sa.BigInteger, nullable=False),
    sa.Column("last", sa.BigInteger, nullable=False, comment="the largest bigint for the open end of a line"),
    sa.Column("source", Id, nullable=False, comment="the branch that holds the rows"),
    sa.PrimaryKeyConstraint("owner", "branch", "first"),
    sa.ForeignKeyConstraint(["owner", "branch"], ["convo_branch.owner", "convo_branch.id"], ondelete="CASCADE"),
    sa.Index("ix_convo_segment_owner_source", "owner", "source"),
    comment="which rows make up the line of a branch, flattened",
)

message = sa.Table(
    "convo_message",
    made,
    owner(),
    sa.Column("branch", Id, nullable=False),
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False, comment="the API's own JSON, canonical, bytes taken out"),
    sa.Column("hash", sa.LargeBinary(32), nullable=False, comment="SHA-256 of the body"),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("api", sa.Text, nullable=False, comment="whose shape the body has"),
    sa.Column("model", sa.Text),
    sa.Column("text", sa.Text, nullable=False, comment="what was written or said; derived, capped, never the source"),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("exchange", Id, comment="in which it was asked or answered"),
    sa.Column("pinned", sa.Boolean, nullable=False),
    sa.Column("pieces", sa.Integer, nullable=False, comment="rows of convo_attachment"),
    sa.Column("audio_id", sa.Text, comment="the API's id of a spoken reply"),
    sa.Column("audio_expires_at", Instant),
    sa.Column("audio_origin", sa.Text),
    sa.Column("text_tokens", sa.BigInteger, comment="as billed"),
    sa.Column("audio_tokens", sa.BigInteger, comment="as billed"),
    sa.Column("metadata", sa.Text, comment="canonical JSON"),
    sa.PrimaryKeyConstraint("owner", "branch", "position"),
    sa.ForeignKeyConstraint(["owner", "branch"], ["convo_branch.owner", "convo_branch.id"], ondelete="CASCADE"),
    sa.Index("ix_convo_message_pinned", "owner", "branch", "position"),
    sa.Index("ix_convo_message_summary", "owner", "branch", "position"),
    comment="the log",
)
PARTIAL = {
    "ix_convo_message_pinned": "pinned",
    "ix_convo_message_summary": "kind = 'summary'",
    "ix_convo_exchange_late": "status = 'late'",
}
"""Indexes of few rows, and which rows: what a request needs of the messages that its window has left behind, and answers
that came too late, which may be all that refers to bytes."""


@sa.event.listens_for(message, "before_create")
def few_rows(table: sa.Table, *_: object, **__: object) -> None:
    """Say which rows the partial indexes hold. Said here, it does not import the dialects at once."""
    for index in table.indexes:
        for dialect in ("sqlite", "postgresql") if str(index.name) in PARTIAL else ():
            index.dialect_kwargs[f"{dialect}_where"] = sa.text(PARTIAL[str(index.name)])


attachment = sa.Table(
    "convo_attachment",
    made,
    owner(),
    sa.Column("branch", Id, nullable=False),
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.Column("part", sa.Integer, nullable=False, comment="index of the content part, -1 for the audio of a reply"),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("format", sa.Text),
    sa.Column("digest", sa.Text, nullable=False, comment="SHA-256 of the bytes in hex"),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("duration", sa.Double, comment="seconds"),
    sa.Column("sample_rate", sa.Integer),
    sa.Column("channels", sa.Integer),
    sa.Column("transcript", sa.Text),
    sa.Column("voice", sa.Text),
    sa.Column("made_by", sa.Text, comment="the model that made this speech of a reply's text; null: it came with the message"),
    sa.Column("translation", sa.Text, comment="what is said, in English"),
    sa.Column("dropped_at", Instant, comment="when its bytes were let go; null: they are kept"),
    sa.PrimaryKeyConstraint("owner", "branch", "position", "part"),
    sa.ForeignKeyConstraint(
        ["owner", "branch", "position"],
        ["convo_message.owner", "convo_message.branch", "convo_message.position"],
        ondelete="CASCADE",
    ),
    sa.Index("ix_convo_attachment_owner_digest", "owner", "digest"),
    comment="one row per piece of media of a message",
)

memory = sa.Table(
    "convo_memory",
    made,
    owner(),
    sa.Column("branch", Id, nullable=False),
    sa.Column("origin", sa.Text, nullable=False),
    sa.Column("family", sa.Text, nullable=False),
    sa.Column("expired_through", sa.BigInteger, nullable=False, comment="microseconds since 1970; only grows"),
    sa.Column("refused_through", sa.BigInteger, nullable=False, comment="microseconds since 1970; only grows"),
    sa.Column("skew", sa.BigInteger, nullable=False, comment="seconds by which the clock of the API is ahead"),
    sa.Column("window_start", sa.BigInteger, nullable=False, server_default="0", comment="a position; only grows"),
    sa.PrimaryKeyConstraint("owner", "branch", "origin", "family"),
    sa.ForeignKeyConstraint(["owner", "branch"], ["convo_branch.owner", "convo_branch.id"], ondelete="CASCADE"),
    comment="what assembly must remember to keep the prefix stable",
)
