"""Keys of owners, and erasures that are under way.

Revision: convo_0006, after convo_0005. Runs before the deployment: older code goes on with what it knows.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "convo_0006"
down_revision = "convo_0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make them; there is no way back but a backup."""
    holds()


def holds() -> None:
    """Conversations that must not be deleted."""
    op.add_column("convo_conversation", sa.Column("hold", sa.Text(), comment="why it must not be deleted; null: it may be"))
