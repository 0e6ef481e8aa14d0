"""A store with everything in it, and ways to damage it behind its back."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import attrs
import sqlalchemy as sa

import convo
from convo.store import tables
from convo.times import to_micros
from tests.support.builders import recording

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convo.testing import FakeAPI, FixedClock
    from tests.conftest import Database

VOICE: dict[str, Any] = {"model": "gpt-audio-1.5", "voice": "alloy", "format": "wav"}
ELSEWHERE = UUID(int=99)


@attrs.frozen
class Home:
    """A conversation `chat` with speech, tools and two branches, a `plain` one with instructions and three messages.

    `do` runs statements behind the store's back, where no foreign keys hold.
    """

    database: Database
    store: convo.Store
    chat: UUID
    branch: UUID
    fork: UUID
    plain: UUID
    line: UUID
    now: int

    @property
    def owner(self) -> str:
        return str(self.database.options.get("owner", ""))

    @contextmanager
    def connected(self) -> Iterator[sa.Connection]:
        engine = sa.create_engine(self.database.url)
        schema = self.database.options.get("schema")
        with engine.begin() as connection:
            if self.database.kind == "postgresql":
                connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
            yield connection.execution_options(schema_translate_map={None: schema}) if schema else connection
        engine.dispose()

    def do(self, *statements: sa.Executable) -> None:
        with self.connected() as connection:
            for statement in statements:
                connection.execute(statement)

    def get(self, statement: sa.Select[Any]) -> Any:
        with self.connected() as connection:
            return connection.execute(statement).scalar()

    def insert(self, table: sa.Table, **values: Any) -> None:
        self.do(sa.insert(table).values(owner=self.owner, **values))

    def change(self, table: sa.Table, where: dict[str, Any], **values: Any) -> None:
        self.do(sa.update(table).where(*self._where(table, where)).values(**values))

    def delete(self, table: sa.Table, **where: Any) -> None:
        self.do(sa.delete(table).where(*self._where(table, where)))

    def _where(self, table: sa.Table, where: dict[str, Any]) -> list[Any]:
        return [table.c[name] == value for name, value in {"owner": self.owner, **where}.items()]

    def exchange(self, **values: Any) -> UUID:
        """Plant an exchange."""
        known = {
            "id": uuid4(), "conversation": self.plain, "branch": self.line, "hash": bytes(32), "status": "pending",
            "attempt": 1, "api": "chat", "model": "m", "origin": "", "asked_first": 1, "asked_last": 0,
            "started_at": self.now, **values,
        }  # fmt: skip
        self.insert(tables.exchange, **known)
        found: UUID = known["id"]
        return found

    def digest(self, part: int = -1) -> str:
        """The digest of a piece of media, by default of the spoken reply."""
        column = tables.attachment.c
        found: str = self.get(sa.select(column.digest).where(column.owner == self.owner, column.part == part))
        return found

    def sick(self, **options: Any) -> list[convo.Finding]:
        """What the doctor finds in the owner's rows."""
        found = self.store.doctor(**options)
        return [finding for finding in found if finding.owner is not None and finding.kind != "references"]

    def kinds(self) -> list[str]:
        return [finding.kind for finding in self.sick()]


@contextmanager
def home(database: Database, clock: FixedClock, fake: FakeAPI) -> Iterator[Home]:
    """Make it: all that is in it is as it should be."""
    with convo.Store(database.url, clock=clock, **database.options) as store, fake.client() as client:
        fake.will_reply("Yes.")
        fake.will_reply(tool_calls=[("look_up", '{"breed":"beagle"}', "call_1")])
        fake.will_reply("It says so.", spoken=False)
        chat = store.create(instructions="Be brief.")
        chat.send(client, recording("Is it?"), **VOICE)
        chat.send(client, "And this?", convo.Image(data=b"\x89PNG\r\n\x1a\n" + bytes(8)), model="gpt-5.5", key="turn-1")
        chat.tool_output("call_1", "a hound")
        chat.send(client, model="gpt-5.5")
        chat.add('Nul \0 and \N{DOG FACE}, "$blob"', key="added")
        plain = store.create(instructions="Be long.")
        plain.add("one")
        plain.add("two")
        branch, line = chat._place.found.branch, plain._place.found.branch
        made = Home(database, store, chat.id, branch, uuid4(), plain.id, line, to_micros(clock()))
        _fork(made)
        yield made


def _fork(home: Home) -> None:
    """A branch that was left: three rows of the first one, and one of its own, by the store's own statements."""
    from convo.messages import Draft
    from convo.store import branches
    from convo.store.append import Entry, Guard, append

    def make(connection: Any) -> None:
        shared = [branches.Segment(1, 3, home.branch)]
        branches.start(
            connection, home.owner, home.fork, home.chat, home.now, head=3, instructions=1, parent=home.branch, shared=shared
        )
        draft = Draft("user", '{"role":"user","content":"Other?"}', text="Other?")
        assert append(connection, Guard.ADD, Entry(home.owner, home.fork, home.now, (draft,))) == 4

    home.store._driver.runner.run(make, mode="write")
    home.change(tables.branch, {"id": home.fork}, state="left")
