"""What calls used beside tokens, the parts of their costs, how long they took, and what was saved.

Revision: convo_0005, after convo_0004. Runs before the deployment: older code goes on with what it knows.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "convo_0005"
down_revision = "convo_0004"
branch_labels = None
depends_on = None

INSTANT = sa.BigInteger().with_variant(sa.TIMESTAMP(timezone=True), "postgresql")
KINDS = (
    "text_in", "text_out", "audio_in", "audio_out", "image_in", "cached_in", "cached_audio_in", "cache_write",
    "minutes_in", "minutes_out", "characters_in", "cached_image_in",
)  # fmt: skip


def upgrade() -> None:
    """Make them; there is no way back but a backup."""
    columns = (
        sa.Column("input_milliseconds", sa.BigInteger(), comment="sound that was billed by its length"),
        sa.Column("output_milliseconds", sa.BigInteger(), comment="sound that was billed by its length"),
        sa.Column("input_characters", sa.BigInteger(), comment="text that was billed by its length"),
        sa.Column("first_byte_at", INSTANT, comment="when the API began to answer"),
        sa.Column("retries", sa.Integer(), comment="how often the client tried again; null: not known"),
        sa.Column("recoveries", sa.Integer(), comment="how often the request was mended after a refusal"),
        sa.Column("sent_references", sa.Integer(), comment="spoken replies that went by their ids"),
        sa.Column("sent_transcripts", sa.Integer(), comment="speech that went as words"),
        sa.Column("saved_bytes", sa.BigInteger(), comment="audio that did not travel, because its id or its words did"),
        sa.Column("saved_tokens", sa.BigInteger(), comment="by estimate: what speech would have cost beyond its words"),
        *(sa.Column(f"cost_{kind}", sa.BigInteger(), comment="in 10**-12 of the currency") for kind in KINDS),
        sa.Column("input_cached_image", sa.BigInteger()),
        sa.Column("asked_speech", sa.Boolean(), comment="whether the answer was to be spoken; null: not known"),
    )
    for column in columns:
        op.add_column("convo_exchange", column)
    op.create_index("ix_convo_exchange_started_at", "convo_exchange", ["started_at"])
