"""Reading all conversations of a large store costs as much for each page, wherever in the store it is."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

import convo
from tests.support.shards import planned

if TYPE_CHECKING:
    from collections.abc import Iterator

CONVERSATIONS, OWNERS = 20_000, 100


@pytest.fixture(scope="module")
def large(postgres_url: str) -> Iterator[convo.Store]:
    """A store of many conversations without messages, of which statistics were taken."""
    schema = f"convo_large_{os.getpid()}"
    engine = sa.create_engine(postgres_url)
    with convo.Store(postgres_url, schema=schema) as store:
        store.upgrade()
        with engine.begin() as connection:
            connection.exec_driver_sql(f"SET LOCAL search_path TO {schema}")
            id_ = "lpad(to_hex(i), 32, '0')::uuid"
            numbers = f"FROM (SELECT i, 'owner-' || i %% {OWNERS} AS owner FROM generate_series(1, {CONVERSATIONS}) i) n"
            connection.exec_driver_sql(
                f"INSERT INTO convo_conversation (owner, id, branch, created_at) SELECT owner, {id_}, {id_}, now() {numbers}"
            )
            connection.exec_driver_sql(
                "INSERT INTO convo_branch (owner, id, conversation, head, attempt, created_at)"
                f" SELECT owner, {id_}, {id_}, 0, 0, now() {numbers}"
            )
            connection.exec_driver_sql("ANALYZE")
        yield store
    with engine.begin() as connection:
        connection.execute(sa.schema.DropSchema(schema, cascade=True))
    engine.dispose()


def test_each_page_of_all_conversations_is_found_by_its_keys(large: convo.Store) -> None:
    with planned() as found:
        assert large.everyone().tables().conversations.to_arrow().num_rows == CONVERSATIONS
    pages = [one for one in found if re.search(r"LIMIT \S+$", one.text)]
    assert len({one.text for one in pages}) == 2  # the first, and those behind another
    assert {table for one in pages for table, _ in one.scans} == {"convo_conversation", "convo_branch", "convo_message"}
    for one in pages:
        for table, condition in one.scans:
            if table == "convo_message":  # there are none, however they are looked for
                continue
            assert "owner" in condition or "ROW(" not in one.text, one.text
            assert "id" in condition or table == "convo_conversation", one.text
            assert "Sort" not in str(one.plan), one.text
