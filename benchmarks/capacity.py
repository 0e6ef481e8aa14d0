"""How much disk, log and input/output a store takes, from the layout of PostgreSQL's pages: on paper, as functions.

Nothing here is fitted to a measurement. A row is laid out as PostgreSQL does it (header, null bitmap, alignment), an entry of an
index likewise; pages are as full as their filling leaves them. `python -m benchmarks capacity` holds it against real tables.

The text of a turn decides about a third of it, so lengths are assumptions like the number of users: see `Assumed`.
"""

from __future__ import annotations

import math

import attrs

PAGE, PAGE_HEADER, POINTER = 8_192, 24, 4
"""Bytes of a page, of its header, and of the pointer to each row or entry: "Database Page Layout" of the manual."""
ROW_HEADER, ENTRY_HEADER, SPECIAL = 23, 8, 16
"""Bytes of a row's header without its null bitmap, of an index entry's, and of what a B-tree keeps at the end of a page."""
LEAF_FULL, LEAF_SPLIT = 0.9, 0.69
"""How full leaves of a B-tree are where entries come at its end (its fillfactor), and where they come anywhere (ln 2)."""
PLACE = 6
"""Bytes of the place of a row, of which an entry of equal keys holds a list."""
SHORT = 126
"""Bytes up to which a text's length takes one byte; above, four, and it is aligned to four."""

# --- values in rows --------------------------------------------------------------------------------

Value = tuple[int, int]
"""The bytes of a value, and to how many it is aligned."""
UUID: Value = (16, 1)
BIG: Value = (8, 8)
"""A bigint or an instant."""
INT: Value = (4, 4)
BOOL: Value = (1, 1)


def text(length: int) -> Value:
    """A text or bytes of so many bytes."""
    return (length + 1, 1) if length <= SHORT else (length + 4, 4)


def _laid(start: int, values: tuple[Value, ...]) -> int:
    for size, alignment in values:
        start = -(-start // alignment) * alignment + size
    return -(-start // 8) * 8


def row(columns: int, *values: Value) -> int:
    """Bytes of a row of a table of so many columns, those that are not null being these."""
    nulls = math.ceil(columns / 8) if len(values) < columns else 0
    return _laid(-(-(ROW_HEADER + nulls) // 8) * 8, values)


def entry(*values: Value, null: bool = False) -> int:
    """Bytes of an entry of a B-tree; one of whose values are null has a bitmap, and its alignment, in front."""
    return _laid(ENTRY_HEADER + 8 * null, values)


def heap(rows: float, size: int, *, full: float = 1.0) -> float:
    """Bytes of a table whose rows are of one size: as many whole ones a page as go into it."""
    return math.ceil(rows / max(1, (PAGE - PAGE_HEADER) * full // (size + POINTER))) * PAGE


@attrs.frozen
class Index:
    """A B-tree: the bytes of an entry, how full its leaves are, and how many entries are equal, whose key is stored once."""

    size: int
    full: float = LEAF_SPLIT
    equal: float = 1


def btree(entries: float, index: Index) -> float:
    """Bytes of a B-tree: its leaves, the pages above them, its root and its meta page."""
    room = PAGE - PAGE_HEADER - SPECIAL
    each = (index.size + POINTER) / index.equal + (PLACE if index.equal > 1 else 0)
    leaves = math.ceil(entries * each / (room * index.full))
    return PAGE * (1 + leaves + math.ceil(leaves * (index.size + POINTER) / (room * LEAF_SPLIT)))


# --- what is assumed -------------------------------------------------------------------------------


@attrs.frozen
class Assumed:
    """A use of a store. Bytes and counts that no manual says; the defaults are those of `fill`, a text conversation."""

    users: float = 100e6
    conversations: float = 10
    """A user."""
    turns: float = 10
    """A conversation."""
    owner: int = 21
    """Bytes of an owner's name, such as a UUID without its dashes or a customer number."""
    question: int = 100
    reply: int = 480
    """Bytes of text: half a minute of speech is 480."""
    raw: int = 557
    """Bytes of an answer without its messages, as an API of Chat Completions gives it."""
    spoken: float = 0.0
    """Share of turns that are spoken on both sides."""
    recording: float = 40_000
    """Bytes of a spoken question and its reply: 17 s as MP3 of 16 kbit/s, or of Opus."""

    turns_a_day: float = 1.0
    """Of a user."""
    peak: float = 4.0
    """The busiest hour against the mean one."""
    checkpoint: float = 1_800
    """Seconds between checkpoints: the first change of a page after one logs the whole page."""
    requests: float = 1.0
    """How often a conversation is loaded, a turn."""

    disk: float = 4e12
    """Bytes of one server, of which `filled` are used."""
    filled: float = 0.7
    iops: float = 20_000
    """Random reads and writes of 8 KB that a server does a second for good."""
    cached: float = 0.1
    """Share of leaf and row pages that are in memory when they are wanted: those of users who are active today."""

    @property
    def all_turns(self) -> float:
        """Turns that are stored."""
        return self.users * self.conversations * self.turns

    @property
    def turns_a_second(self) -> float:
        """Turns at the peak."""
        return self.users * self.turns_a_day / 86_400 * self.peak


# --- rows of convo ---------------------------------------------------------------------------------

SPOKEN_EXTRA = 320
"""Bytes of rows and entries about the two recordings of a spoken turn: attachments, blobs and their keys, by the same layout."""


@attrs.frozen
class Part:
    """A table: rows of one size, and its indexes."""

    name: str
    rows: float
    size: int
    indexes: tuple[Index, ...]

    @property
    def heap(self) -> float:
        """Bytes of the rows."""
        return heap(self.rows, self.size)

    @property
    def index(self) -> float:
        """Bytes of the indexes."""
        return sum(btree(self.rows, index) for index in self.indexes)


def parts(assumed: Assumed) -> list[Part]:
    """Give the tables of a store that holds all those turns."""
    owner = text(assumed.owner)
    conversations = assumed.users * assumed.conversations
    key = Index(entry(owner, UUID))
    keys = Index(entry(owner, null=True), equal=assumed.conversations)
    return [
        Part("conversation", conversations, row(8, owner, UUID, UUID, BIG), (key, keys, Index(entry(owner, BIG, UUID)))),
        Part("branch", conversations, row(11, owner, UUID, UUID, BIG, INT, BIG, text(5)), (key, key)),
        Part("segment", conversations, row(5, owner, UUID, BIG, BIG, UUID), (Index(entry(owner, UUID, BIG)), key)),
        *_messages(assumed),
        _exchanges(assumed),
    ]


def _messages(assumed: Assumed) -> list[Part]:
    """Questions and replies share a table, and its key: two parts with half of its entries each."""
    owner, turns = text(assumed.owner), assumed.all_turns
    same = (owner, UUID, BIG, text(7))
    status = (text(32), text(8), text(4))
    asked = row(21, *same, text(4), text(assumed.question + 28), *status, text(assumed.question), BIG, UUID, BOOL, INT)
    told = row(
        21, *same, text(9), text(assumed.reply + 65), *status, text(7), text(assumed.reply), BIG, UUID, BOOL, INT, BIG, BIG
    )
    key = (Index(entry(owner, UUID, BIG)),)
    return [Part("message: questions", turns, asked, key), Part("message: replies", turns, told, key)]


NUMBERS = 34
"""Bigints and instants of a finished exchange, not counting those before its answer's raw text: tokens, costs, times."""


def _exchanges(assumed: Assumed) -> Part:
    owner = text(assumed.owner)
    before = (owner, UUID, UUID, UUID, text(32), text(4), INT, text(4), text(7), text(7), text(19), *[BIG] * 6)
    answer = (
        text(36),
        text(4),
        text(assumed.raw),
        BOOL,
        *[BIG] * 13,
        text(3),
        text(29),
        *[BIG] * 2,
        *[INT] * 4,
        *[BIG] * 14,
        BOOL,
    )
    indexes = (
        Index(entry(owner, UUID)),
        Index(entry(owner, UUID, null=True), equal=assumed.turns),  # no keys of turns: equal for a conversation
        Index(entry(owner, UUID, text(4)), equal=assumed.turns),
        Index(entry(owner, BIG)),
        Index(entry(BIG), LEAF_FULL),
    )
    return Part("exchange", assumed.all_turns, row(65, *before, *answer), indexes)


# --- one turn --------------------------------------------------------------------------------------

LOG_ROW, LOG_ENTRY, LOG_COMMIT = 54, 46, 40
"""Bytes of the log beside the row of an insert, the entry of an index, and for a commit: the structs of WAL records, which are
XLogRecord 24, a block reference of 20 with its file, and the header of each kind."""
LOG_UPDATE = 70
"""The same of an update in place, without its row, of which only what changed is logged."""


@attrs.frozen
class Turn:
    """What one turn costs: begin and complete, two transactions. `pages` are those of the disk that it changes anywhere."""

    log: float
    pages: float

    def images(self, assumed: Assumed, pages: float) -> float:
        """Bytes of whole pages in the log, where turns fall anywhere among so many `pages` of a server."""
        changes = self.pages * assumed.turns_a_second * assumed.checkpoint
        return PAGE * LEAF_SPLIT * pages * (1 - math.exp(-changes / pages)) / (assumed.turns_a_second * assumed.checkpoint)


def turn(assumed: Assumed) -> Turn:
    """Count what `send` writes: two messages, an exchange that is begun and completed, the branch moved twice."""
    table = {part.name: part for part in parts(assumed)}
    exchange, messages = table["exchange"], (table["message: questions"], table["message: replies"])
    entries = [index.size for part in messages for index in part.indexes] + 2 * [index.size for index in exchange.indexes]
    rows = [part.size for part in messages] + [exchange.size // 4, exchange.size]
    log = (
        sum(size + LOG_ROW for size in rows) + sum(size + LOG_ENTRY for size in entries) + 2 * (LOG_UPDATE + 24) + 2 * LOG_COMMIT
    )
    # Anywhere: the branch's row, a leaf of its key of messages, four of exchanges. At the end of a table: messages and exchanges,
    # whose pages are shared by as many turns as go into one; the index by time likewise.
    at_the_end = sum(rows) / PAGE
    return Turn(log=log, pages=1 + 1 + 4 + at_the_end)


def reads(assumed: Assumed, *, messages: float) -> float:
    """Pages that are read to load a conversation and begin a turn where nothing is in memory but the upper levels of indexes.

    A conversation's messages come one turn at a time and so lie on as many pages as it has turns.
    """
    indexes = 5  # conversation, branch, segment, messages, exchange by its key: a leaf each
    rows = 3 + messages / 2
    del assumed
    return indexes + rows


# --- altogether ------------------------------------------------------------------------------------


@attrs.frozen
class Bill:
    """What a use costs. Bytes, and operations a second at the peak."""

    heap: float
    index: float
    audio: float
    log_a_turn: float
    images_a_turn: float
    iops: float
    shards_for_disk: int
    shards_for_iops: int

    @property
    def database(self) -> float:
        """Bytes in the database."""
        return self.heap + self.index

    @property
    def shards(self) -> int:
        """Servers: as many as disk or operations ask for."""
        return max(self.shards_for_disk, self.shards_for_iops)


def bill(assumed: Assumed) -> Bill:
    """Say what a use costs."""
    found = parts(assumed)
    rows, index = sum(part.heap for part in found), sum(part.index for part in found)
    rows += assumed.all_turns * assumed.spoken * SPOKEN_EXTRA
    one = turn(assumed)
    shards_for_disk = math.ceil((rows + index) / (assumed.disk * assumed.filled))
    images = one.images(assumed, (rows + index) / PAGE)
    read = assumed.requests * reads(assumed, messages=assumed.turns) * (1 - assumed.cached)
    iops = assumed.turns_a_second * (read + one.pages + 2)  # 2: the flushes of the two commits
    return Bill(
        heap=rows, index=index, audio=assumed.all_turns * assumed.spoken * assumed.recording, log_a_turn=one.log,
        images_a_turn=images, iops=iops, shards_for_disk=shards_for_disk, shards_for_iops=math.ceil(iops / assumed.iops),
    )  # fmt: skip
