"""Where bytes are, what recordings were converted to, voices by name, translations, and audio that is not kept.

Revision: convo_0004, after convo_0003. Runs before the deployment: older code goes on with what it knows, for as long as all
bytes are in the database.
"""

from __future__ import annotations

import secrets

import sqlalchemy as sa
from alembic import op

revision = "convo_0004"
down_revision = "convo_0003"
branch_labels = None
depends_on = None

INSTANT = sa.BigInteger().with_variant(sa.TIMESTAMP(timezone=True), "postgresql")


def upgrade() -> None:
    """Make them; there is no way back but a backup."""
    op.add_column("convo_attachment", sa.Column("translation", sa.Text(), comment="what is said, in English"))
    dropped = "when its bytes were let go; null: they are kept"
    op.add_column("convo_attachment", sa.Column("dropped_at", INSTANT, comment=dropped))
    place = "the name of the blob store that holds them; null: convo_blob_chunk"
    op.add_column("convo_blob", sa.Column("place", sa.Text(), comment=place))
    op.add_column("convo_blob", sa.Column("object", sa.Text(), comment="their name there"))
    op.create_index("ix_convo_blob_place", "convo_blob", ["place", "owner", "digest"])
    late = {f"{dialect}_where": sa.text("status = 'late'") for dialect in ("sqlite", "postgresql")}
    op.create_index("ix_convo_exchange_late", "convo_exchange", ["owner"], **late)
    home = op.create_table(
        "convo_home",
        sa.Column(
            "prefix", sa.Text(), nullable=False, comment="16 hex, made once: the names of this database's objects begin with it"
        ),
        sa.PrimaryKeyConstraint("prefix", name="pk_convo_home"),
        comment="one row, of no owner: what tells this database from others that use the same folder or bucket",
    )
    op.bulk_insert(home, [{"prefix": secrets.token_hex(8)}])
    op.create_table(
        "convo_rendition",
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False, comment="SHA-256 in hex of the bytes that were recorded"),
        sa.Column("form", sa.Text(), nullable=False, comment="what they were converted to: format, samples a second, channels"),
        sa.Column("digest", sa.Text(), nullable=False, comment="SHA-256 in hex of what they became"),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("owner", "source", "form", name="pk_convo_rendition"),
        sa.ForeignKeyConstraint(
            ["owner", "source"],
            ["convo_blob.owner", "convo_blob.digest"],
            name="fk_convo_rendition_convo_blob",
            ondelete="CASCADE",
        ),
        comment="recordings as they are sent where the API takes no other format; each made once",
    )
    op.create_index("ix_convo_rendition_owner_digest", "convo_rendition", ["owner", "digest"])
    op.create_table(
        "convo_preset",
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False, comment="canonical JSON: voice, format, speed"),
        sa.Column("changed_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("owner", "name", name="pk_convo_preset"),
        comment="voices with format and speed, by a name of the application",
    )
