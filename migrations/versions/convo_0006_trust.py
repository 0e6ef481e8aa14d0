"""Keys of owners, and erasures that are under way.

Revision: convo_0006, after convo_0005. Runs before the deployment: older code goes on with what it knows.
"""

from __future__ import annotations

revision = "convo_0006"
down_revision = "convo_0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make them; there is no way back but a backup."""
