"""The first tables.

Revision: convo_0001, after nothing. Runs before the deployment.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "convo_0001"
down_revision = None
branch_labels = None
depends_on = None

ID = sa.LargeBinary(16).with_variant(postgresql.UUID(), "postgresql")
INSTANT = sa.BigInteger().with_variant(sa.TIMESTAMP(timezone=True), "postgresql")


def upgrade() -> None:
    """Make them; there is no way back but a backup."""
    op.create_table(
        "convo_blob",
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False, comment="SHA-256 of the bytes in hex"),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("owner", "digest", name="pk_convo_blob"),
        comment="bytes, once per owner",
    )
    op.create_table(
        "convo_conversation",
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("id", ID, nullable=False),
        sa.Column("key", sa.Text(), comment="the own key of the application"),
        sa.Column("branch", ID, nullable=False, comment="the branch that is shown"),
        sa.Column("title", sa.Text()),
        sa.Column("metadata", sa.Text(), comment="canonical JSON"),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("owner", "id", name="pk_convo_conversation"),
        comment="what an application holds",
    )
    op.create_index("ix_convo_conversation_owner_created_at_id", "convo_conversation", ["owner", "created_at", "id"])
    op.create_index("uq_convo_conversation_owner_key", "convo_conversation", ["owner", "key"], unique=True)
    op.create_table(
        "convo_blob_chunk",
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("owner", "digest", "number", name="pk_convo_blob_chunk"),
        sa.ForeignKeyConstraint(
            ["owner", "digest"],
            ["convo_blob.owner", "convo_blob.digest"],
            name="fk_convo_blob_chunk_convo_blob",
            ondelete="CASCADE",
        ),
        comment="bytes in pieces of at most 1 MB",
    )
    op.create_table(
        "convo_branch",
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("id", ID, nullable=False),
        sa.Column("conversation", ID, nullable=False),
        sa.Column("head", sa.BigInteger(), nullable=False, comment="position of the last message, 0 for none"),
        sa.Column("instructions", sa.BigInteger(), comment="position of the instructions in force"),
        sa.Column("pending", ID, comment="the exchange that waits for its answer"),
        sa.Column("attempt", sa.Integer(), nullable=False, comment="of the pending exchange: the fencing token"),
        sa.Column("lease_until", INSTANT, comment="until when its worker is taken to be alive"),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("owner", "id", name="pk_convo_branch"),
        sa.ForeignKeyConstraint(
            ["owner", "conversation"],
            ["convo_conversation.owner", "convo_conversation.id"],
            name="fk_convo_branch_convo_conversation",
            ondelete="CASCADE",
        ),
        comment="one line of messages; its row is the lock of the line",
    )
    op.create_index("ix_convo_branch_owner_conversation", "convo_branch", ["owner", "conversation"])
    op.create_table(
        "convo_exchange",
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("id", ID, nullable=False),
        sa.Column("conversation", ID, nullable=False),
        sa.Column("branch", ID, nullable=False),
        sa.Column("key", sa.Text(), comment="the caller's name for the turn"),
        sa.Column("hash", sa.LargeBinary(32), nullable=False, comment="SHA-256 of what was asked"),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("api", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False, comment="as asked for"),
        sa.Column("answered_by", sa.Text(), comment="the model that the answer names"),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("asked_first", sa.BigInteger(), nullable=False),
        sa.Column("asked_last", sa.BigInteger(), nullable=False, comment="before asked_first: no message was added"),
        sa.Column("seen", sa.BigInteger(), comment="the head that the request held"),
        sa.Column("position", sa.BigInteger(), comment="of the reply"),
        sa.Column("started_at", INSTANT, nullable=False),
        sa.Column("finished_at", INSTANT),
        sa.Column("request_id", sa.Text(), comment="the API's x-request-id"),
        sa.Column("finish_reason", sa.Text()),
        sa.Column("error", sa.Text(), comment="code of the error that ended it"),
        sa.Column("recovered", sa.Text(), comment="canonical JSON: what was degraded after refusals"),
        sa.Column("raw", sa.Text(), comment="the answer without its messages; with them, when it came too late"),
        sa.Column("voice", sa.Text()),
        sa.Column("format", sa.Text()),
        sa.Column("spoken", sa.Boolean()),
        sa.Column("input_tokens", sa.BigInteger()),
        sa.Column("output_tokens", sa.BigInteger()),
        sa.Column("total_tokens", sa.BigInteger()),
        sa.Column("input_text", sa.BigInteger()),
        sa.Column("input_audio", sa.BigInteger()),
        sa.Column("input_image", sa.BigInteger()),
        sa.Column("input_cached", sa.BigInteger()),
        sa.Column("input_cached_audio", sa.BigInteger()),
        sa.Column("input_cache_write", sa.BigInteger()),
        sa.Column("output_text", sa.BigInteger()),
        sa.Column("output_audio", sa.BigInteger()),
        sa.Column("output_reasoning", sa.BigInteger()),
        sa.Column("accepted_prediction", sa.BigInteger()),
        sa.Column("rejected_prediction", sa.BigInteger()),
        sa.Column("cost", sa.BigInteger(), comment="in 10**-12 of the currency; null: unknown"),
        sa.Column("currency", sa.Text()),
        sa.Column("price_table", sa.Text()),
        sa.PrimaryKeyConstraint("owner", "id", name="pk_convo_exchange"),
        sa.ForeignKeyConstraint(
            ["owner", "branch"],
            ["convo_branch.owner", "convo_branch.id"],
            name="fk_convo_exchange_convo_branch",
            ondelete="CASCADE",
        ),
        comment="one call of an API and its answer",
    )
    op.create_index("ix_convo_exchange_owner_branch_status", "convo_exchange", ["owner", "branch", "status"])
    op.create_index("uq_convo_exchange_owner_conversation_key", "convo_exchange", ["owner", "conversation", "key"], unique=True)
    op.create_table(
        "convo_memory",
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("branch", ID, nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("family", sa.Text(), nullable=False),
        sa.Column("expired_through", sa.BigInteger(), nullable=False, comment="microseconds since 1970; only grows"),
        sa.Column("refused_through", sa.BigInteger(), nullable=False, comment="microseconds since 1970; only grows"),
        sa.Column("skew", sa.BigInteger(), nullable=False, comment="seconds by which the clock of the API is ahead"),
        sa.PrimaryKeyConstraint("owner", "branch", "origin", "family", name="pk_convo_memory"),
        sa.ForeignKeyConstraint(
            ["owner", "branch"],
            ["convo_branch.owner", "convo_branch.id"],
            name="fk_convo_memory_convo_branch",
            ondelete="CASCADE",
        ),
        comment="what assembly must remember to keep the prefix stable",
    )
    op.create_table(
        "convo_message",
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("branch", ID, nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False, comment="the API's own JSON, canonical, bytes taken out"),
        sa.Column("hash", sa.LargeBinary(32), nullable=False, comment="SHA-256 of the body"),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("api", sa.Text(), nullable=False, comment="whose shape the body has"),
        sa.Column("model", sa.Text()),
        sa.Column("text", sa.Text(), nullable=False, comment="what was written or said; derived, capped, never the source"),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("exchange", ID, comment="in which it was asked or answered"),
        sa.Column("pinned", sa.Boolean(), nullable=False),
        sa.Column("pieces", sa.Integer(), nullable=False, comment="rows of convo_attachment"),
        sa.Column("audio_id", sa.Text(), comment="the API's id of a spoken reply"),
        sa.Column("audio_expires_at", INSTANT),
        sa.Column("audio_origin", sa.Text()),
        sa.Column("text_tokens", sa.BigInteger(), comment="as billed"),
        sa.Column("audio_tokens", sa.BigInteger(), comment="as billed"),
        sa.Column("metadata", sa.Text(), comment="canonical JSON"),
        sa.PrimaryKeyConstraint("owner", "branch", "position", name="pk_convo_message"),
        sa.ForeignKeyConstraint(
            ["owner", "branch"],
            ["convo_branch.owner", "convo_branch.id"],
            name="fk_convo_message_convo_branch",
            ondelete="CASCADE",
        ),
        comment="the log",
    )
    op.create_table(
        "convo_segment",
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("branch", ID, nullable=False),
        sa.Column("first", sa.BigInteger(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False, comment="the largest bigint for the open end of a line"),
        sa.Column("source", ID, nullable=False, comment="the branch that holds the rows"),
        sa.PrimaryKeyConstraint("owner", "branch", "first", name="pk_convo_segment"),
        sa.ForeignKeyConstraint(
            ["owner", "branch"],
            ["convo_branch.owner", "convo_branch.id"],
            name="fk_convo_segment_convo_branch",
            ondelete="CASCADE",
        ),
        comment="which rows make up the line of a branch, flattened",
    )
    op.create_table(
        "convo_attachment",
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("branch", ID, nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("part", sa.Integer(), nullable=False, comment="index of the content part, -1 for the audio of a reply"),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("format", sa.Text()),
        sa.Column("digest", sa.Text(), nullable=False, comment="SHA-256 of the bytes in hex"),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("duration", sa.Double(), comment="seconds"),
        sa.Column("sample_rate", sa.Integer()),
        sa.Column("channels", sa.Integer()),
        sa.Column("transcript", sa.Text()),
        sa.Column("voice", sa.Text()),
        sa.PrimaryKeyConstraint("owner", "branch", "position", "part", name="pk_convo_attachment"),
        sa.ForeignKeyConstraint(
            ["owner", "branch", "position"],
            ["convo_message.owner", "convo_message.branch", "convo_message.position"],
            name="fk_convo_attachment_convo_message",
            ondelete="CASCADE",
        ),
        comment="one row per piece of media of a message",
    )
    op.create_index("ix_convo_attachment_owner_digest", "convo_attachment", ["owner", "digest"])
