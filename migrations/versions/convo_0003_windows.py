"""Where windows begin, what is sent although older, estimates beside bills, speech made of text, models that gave way.

Revision: convo_0003, after convo_0002. Runs before the deployment: older code goes on with what it knows.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "convo_0003"
down_revision = "convo_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make them; there is no way back but a backup."""
    start = sa.Column("window_start", sa.BigInteger(), nullable=False, server_default="0", comment="a position; only grows")
    op.add_column("convo_memory", start)
    for name, rows in (("pinned", "pinned"), ("summary", "kind = 'summary'")):
        where = sa.text(rows)
        op.create_index(
            f"ix_convo_message_{name}",
            "convo_message",
            ["owner", "branch", "position"],
            sqlite_where=where,
            postgresql_where=where,
        )
    made_by = "the model that made this speech of a reply's text; null: it came with the message"
    op.add_column("convo_attachment", sa.Column("made_by", sa.Text(), comment=made_by))
    op.add_column("convo_exchange", sa.Column("estimated_tokens", sa.BigInteger(), comment="of the input, before the call"))
    instead_of = "the model asked for, where that is shut down and its successor was asked"
    op.add_column("convo_exchange", sa.Column("instead_of", sa.Text(), comment=instead_of))
    for name, comment in (
        ("assumed_tokens", "what budgets count while there is no bill, output too"),
        ("assumed_cost", "the same in 10**-12 of the currency; null: unknown"),
    ):
        op.add_column("convo_exchange", sa.Column(name, sa.BigInteger(), comment=comment))
    op.create_index("ix_convo_exchange_owner_started_at", "convo_exchange", ["owner", "started_at"])
