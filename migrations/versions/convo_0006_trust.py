"""Keys of owners, and conversations on hold.

Revision: convo_0006, after convo_0005. Runs before the deployment: older code goes on with what it knows.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "convo_0006"
down_revision = "convo_0005"
branch_labels = None
depends_on = None

INSTANT = sa.BigInteger().with_variant(sa.TIMESTAMP(timezone=True), "postgresql")


def upgrade() -> None:
    """Make them; there is no way back but a backup."""
    _holds()
    _keys()


def _holds() -> None:
    """Conversations that must not be deleted."""
    op.add_column("convo_conversation", sa.Column("hold", sa.Text(), comment="why it must not be deleted; null: it may be"))


def _keys() -> None:
    """The data keys of owners, wrapped by keys of the application."""
    op.create_table(
        "convo_owner_key",
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False, comment="the largest seals what is written"),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False, comment="the data key, wrapped by a key of the application"),
        sa.Column("wrapped_by", sa.Text(), nullable=False, comment="the name of that key"),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("owner", "number", name="pk_convo_owner_key"),
        comment="the data keys of owners; without its keys nothing of an owner that is encrypted can be read",
    )
