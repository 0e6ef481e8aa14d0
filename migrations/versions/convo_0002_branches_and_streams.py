"""Branches that may be left, notes beside the log, what streams have received, and what the full-text index holds.

Revision: convo_0002, after convo_0001. Runs before the deployment: older code goes on with what it knows.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "convo_0002"
down_revision = "convo_0001"
branch_labels = None
depends_on = None

ID = sa.LargeBinary(16).with_variant(postgresql.UUID(), "postgresql")
INSTANT = sa.BigInteger().with_variant(sa.TIMESTAMP(timezone=True), "postgresql")


def upgrade() -> None:
    """Make them; there is no way back but a backup."""
    _branches()
    _annotations()
    _checkpoints()
    _search()
    _words()


def _branches() -> None:
    state = "shown, left for another, or kept for its rows"
    op.add_column("convo_branch", sa.Column("state", sa.Text(), nullable=False, server_default="shown", comment=state))
    op.add_column("convo_branch", sa.Column("parent", ID, comment="the branch that it was made from"))
    forked = "position of the last message that it shares with its parent"
    op.add_column("convo_branch", sa.Column("forked_at", sa.BigInteger(), comment=forked))
    op.create_index("ix_convo_segment_owner_source", "convo_segment", ["owner", "source"])


def _annotations() -> None:
    op.create_table(
        "convo_annotation",
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("branch", ID, nullable=False, comment="the branch that holds the message"),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False, comment="canonical JSON"),
        sa.Column("changed_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("owner", "branch", "position", "name", name="pk_convo_annotation"),
        _of_a_message("convo_annotation"),
        comment="notes beside the log, which may change",
    )


def _checkpoints() -> None:
    op.create_table(
        "convo_checkpoint",
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("exchange", ID, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False, comment="0: the message so far; from 1: its audio, in pieces"),
        sa.Column("attempt", sa.Integer(), nullable=False, comment="of the exchange"),
        sa.Column("body", sa.Text(), comment="the answer so far, canonical JSON, without its audio"),
        sa.Column("data", sa.LargeBinary(), comment="at most 1 MB of the audio"),
        sa.Column("saved_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("owner", "exchange", "number", name="pk_convo_checkpoint"),
        sa.ForeignKeyConstraint(
            ["owner", "exchange"],
            ["convo_exchange.owner", "convo_exchange.id"],
            name="fk_convo_checkpoint_convo_exchange",
            ondelete="CASCADE",
        ),
        comment="what a stream has received, until it ends",
    )


def _search() -> None:
    op.create_table(
        "convo_search",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("branch", ID, nullable=False, comment="the branch that holds the message"),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_convo_search"),
        _of_a_message("convo_search"),
        comment="messages whose words are in the full-text index (convo_words), by number; derived",
        sqlite_autoincrement=True,
    )
    op.create_index("uq_convo_search_owner_branch_position", "convo_search", ["owner", "branch", "position"], unique=True)


def _words() -> None:
    """Make the index itself, which is no table that both databases have; a SQLite without FTS5 goes without."""
    if op.get_bind().dialect.name == "postgresql":
        op.create_table(
            "convo_words",
            sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
            sa.Column("words", postgresql.TSVECTOR(), nullable=False),
            sa.PrimaryKeyConstraint("number", name="pk_convo_words"),
            sa.ForeignKeyConstraint(["number"], ["convo_search.number"], name="fk_convo_words_convo_search", ondelete="CASCADE"),
            comment="the words of messages, by their number in convo_search; derived",
        )
        op.create_index("ix_convo_words_words", "convo_words", ["words"], postgresql_using="gin")
    elif op.get_bind().exec_driver_sql("SELECT count(*) FROM pragma_module_list WHERE name = 'fts5'").scalar_one():
        op.execute("CREATE VIRTUAL TABLE convo_words USING fts5(words, owner, tokenize = 'ascii')")
        op.execute("CREATE TABLE convo_words_gone (number INTEGER PRIMARY KEY)")
        op.execute(
            "CREATE TRIGGER convo_words_go AFTER DELETE ON convo_search"
            " BEGIN INSERT OR IGNORE INTO convo_words_gone VALUES (old.number); END"
        )


def _of_a_message(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["owner", "branch", "position"],
        ["convo_message.owner", "convo_message.branch", "convo_message.position"],
        name=f"fk_{table}_convo_message",
        ondelete="CASCADE",
    )
