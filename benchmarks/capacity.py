"""How much disk, log and input/output a store takes, from the layout of PostgreSQL's pages: on paper, as functions.

Nothing here is fitted to a measurement. A row is laid out as PostgreSQL does it (header, null bitmap, alignment), an entry of an
index likewise; pages are as full as their filling leaves them. `python -m benchmarks capacity` holds it against real tables: for
stores of 10 thousand, 1 million and 5 million messages it gives 1.00 times the bytes of all tables and indexes (0.91 to 1.03 of
each of the large ones), and 0.92 times the log of a turn after a checkpoint at the two larger sizes.

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
TOASTED, PIECE = 2_032, 1_996
"""Bytes of a row above which its texts are compressed and moved out, and of a piece of them: TOAST_TUPLE_THRESHOLD and
TOAST_MAX_CHUNK_SIZE."""
PLACE = 6
"""Bytes of the place of a row, of which an entry of equal keys holds a list."""
SHORT = 126
"""Bytes up to which a text's length takes one byte; above, four, and it is aligned to four."""

# --- values in rows --------------------------------------------------------------------------------


@attrs.frozen
class Value:
    """Bytes of a value, to how many it is aligned on PostgreSQL, and how many say there how long it is."""

    size: int
    aligned: int = 1
    length: int = 0


UUID, BOOL, INT = Value(16), Value(1), Value(4, 4)
BIG = Value(8, 8)
"""A bigint or an instant."""


def text(size: int) -> Value:
    """A text or bytes of so many bytes."""
    return Value(size, 1, 1) if size <= SHORT else Value(size, 4, 4)


@attrs.frozen
class Key:
    """An index: the values of an entry, whether one is null, how full leaves are, and how many entries have an equal key."""

    values: tuple[Value, ...]
    null: bool = False
    full: float = LEAF_SPLIT
    equal: float = 1


# --- PostgreSQL ------------------------------------------------------------------------------------


def _laid(start: int, values: tuple[Value, ...]) -> int:
    for value in values:
        start = -(-start // value.aligned) * value.aligned + value.length + value.size
    return -(-start // 8) * 8


def row(columns: int, values: tuple[Value, ...]) -> int:
    """Bytes of a row of a table of so many columns, those that are not null being these."""
    nulls = math.ceil(columns / 8) if len(values) < columns else 0
    return _laid(-(-(ROW_HEADER + nulls) // 8) * 8, values)


def entry(key: Key) -> int:
    """Bytes of an entry of a B-tree; one of whose values are null has a bitmap, and its alignment, in front."""
    return _laid(ENTRY_HEADER + 8 * key.null, key.values)


def heap(rows: float, size: int) -> float:
    """Bytes of a table whose rows are of one size: as many whole ones a page as go into it.

    The texts of rows of more than `TOASTED` bytes go to a table of pieces, four a page; that they are compressed is left out.
    """
    if size > TOASTED:
        rows, size = rows * math.ceil(size / PIECE), TOASTED
    return math.ceil(rows / ((PAGE - PAGE_HEADER) // (size + POINTER))) * PAGE


def btree(entries: float, key: Key) -> float:
    """Bytes of a B-tree: its leaves, where an equal key is stored once, the pages above them, its root and its meta page."""
    room, size = PAGE - PAGE_HEADER - SPECIAL, entry(key) + POINTER
    leaves = math.ceil(entries * (size / key.equal + (PLACE if key.equal > 1 else 0)) / (room * key.full))
    return PAGE * (1 + leaves + math.ceil(leaves * size / (room * LEAF_SPLIT)))


# --- SQLite ----------------------------------------------------------------------------------------

SQLITE_PAGE, SQLITE_HEADER = 4_096, 8
SQLITE_CELL = 2 + 2 + 4
"""Bytes of a cell beside its record: its pointer, the record's length, and the row's number."""


def record(columns: int, values: tuple[Value, ...]) -> int:
    """Bytes of a record: a byte or two for each column's type, null or not, and the values, with no alignment."""
    wide = sum(value.length > 0 and value.size * 2 + 13 > 127 for value in values)  # noqa: PLR2004 - of one byte's varint
    return 2 + columns + wide + sum(value.size for value in values)


def sqlite_table(rows: float, columns: int, values: tuple[Value, ...]) -> float:
    """Bytes of a table: as many whole rows a page as go into it."""
    return math.ceil(rows / ((SQLITE_PAGE - SQLITE_HEADER) // (record(columns, values) + SQLITE_CELL))) * SQLITE_PAGE


def sqlite_index(entries: float, key: Key) -> float:
    """Bytes of an index: each entry holds the whole key and the row's number."""
    each = record(len(key.values) + key.null + 1, key.values) + SQLITE_CELL
    return math.ceil(entries * each / ((SQLITE_PAGE - SQLITE_HEADER) * key.full)) * SQLITE_PAGE


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

SPOKEN_EXTRA = 900
"""Bytes of rows and entries about the two recordings of a spoken turn: attachments, blobs and their keys, by the same layout."""


@attrs.frozen
class Part:
    """A table, or those of its rows that are of one size, and its indexes."""

    name: str
    rows: float
    columns: int
    values: tuple[Value, ...]
    keys: tuple[Key, ...]
    full: float = 1.0
    """Its fillfactor."""

    @property
    def table(self) -> str:
        """The name of the table."""
        return f"convo_{self.name.partition(':')[0]}"

    @property
    def size(self) -> int:
        """Bytes of a row."""
        return row(self.columns, self.values)

    @property
    def heap(self) -> float:
        """Bytes of the rows."""
        return heap(self.rows, self.size) / self.full

    @property
    def index(self) -> float:
        """Bytes of the indexes."""
        return sum(btree(self.rows, key) for key in self.keys)

    @property
    def sqlite(self) -> float:
        """Bytes of the rows and the indexes in a SQLite file."""
        return sqlite_table(self.rows, self.columns, self.values) + sum(sqlite_index(self.rows, key) for key in self.keys)


def parts(assumed: Assumed) -> list[Part]:
    """Give the tables of a store that holds all those turns."""
    owner = text(assumed.owner)
    number = assumed.users * assumed.conversations
    key = Key((owner, UUID))
    keyless = Key((owner,), null=True, equal=assumed.conversations)
    return [
        Part("conversation", number, 8, (owner, UUID, UUID, BIG), (key, keyless, Key((owner, BIG, UUID)))),
        Part("branch", number, 11, (owner, UUID, UUID, BIG, INT, BIG, text(5)), (key, key), 0.9),
        Part("segment", number, 5, (owner, UUID, BIG, BIG, UUID), (Key((owner, UUID, BIG)), key)),
        *_messages(assumed),
        _exchanges(assumed),
    ]


def _messages(assumed: Assumed) -> list[Part]:
    """Questions and replies share a table, and its key: two parts with half of its entries each."""
    owner, turns = text(assumed.owner), assumed.all_turns
    first, status, last = (owner, UUID, BIG, text(7)), (text(32), text(8), text(4)), (BIG, UUID, BOOL, INT)
    asked = (*first, text(4), text(assumed.question + 28), *status, text(assumed.question), *last)
    told = (*first, text(9), text(assumed.reply + 65), *status, text(7), text(assumed.reply), *last, BIG, BIG)
    keys = (Key((owner, UUID, BIG)),)
    return [Part("message: questions", turns, 21, asked, keys), Part("message: replies", turns, 21, told, keys)]


def _exchanges(assumed: Assumed) -> Part:
    owner = text(assumed.owner)
    asked = (owner, UUID, UUID, UUID, text(32), text(4), INT, text(4), text(7), text(7), text(19), *[BIG] * 6)
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
    keys = (
        Key((owner, UUID)),
        Key((owner, UUID), null=True, equal=assumed.turns),  # turns without keys are equal in a conversation
        Key((owner, UUID, text(4)), equal=assumed.turns),
        Key((owner, BIG)),
        Key((BIG,), full=LEAF_FULL),
    )
    return Part("exchange", assumed.all_turns, 65, (*asked, *answer), keys)


# --- one turn --------------------------------------------------------------------------------------

LOG_ROW, LOG_ENTRY, LOG_COMMIT = 54, 46, 40
"""Bytes of the log beside the row of an insert, the entry of an index, and for a commit: the structs of WAL records, which are
XLogRecord 24, a block reference of 20 with its file, and the header of each kind."""
LOG_UPDATE = 70
"""The same of an update in place, without its row, of which only what changed is logged."""


@attrs.frozen
class Turn:
    """What one turn costs, begin and complete, in two transactions.

    `log` is bytes of the log without images of pages. `anywhere` are the structures of which it changes a page, wherever that
    lies: for each its pages, and how full they are. `ends` is how many pages it fills at the ends of tables, a part of one each.
    """

    log: float
    anywhere: tuple[tuple[float, float], ...]
    ends: float

    @property
    def pages(self) -> float:
        """Pages that are changed, where each lies by itself."""
        return len(self.anywhere) + self.ends

    def images(self, turns: float) -> tuple[float, float]:
        """Whole pages that are logged a turn, and their bytes, where a checkpoint comes every so many turns.

        The first change of a page after a checkpoint logs all of it, but for the hole in its middle.
        """
        found = [(pages * -math.expm1(-turns / pages) / turns, full) for pages, full in self.anywhere]
        return sum(number for number, _ in found), sum(number * full for number, full in found) * PAGE


def turn(assumed: Assumed) -> Turn:
    """Count what `send` writes: two messages, an exchange that is begun and completed, the branch moved twice.

    The exchange's status is in an index, so that its completion writes it to all of them again.
    """
    table = {part.name: part for part in parts(assumed)}
    exchange, messages = table["exchange"], (table["message: questions"], table["message: replies"])
    entries = [entry(key) for part in messages for key in part.keys] + 2 * [entry(key) for key in exchange.keys]
    rows = [*(part.size for part in messages), exchange.size // 4, exchange.size]
    log = sum(size + LOG_ROW for size in rows) + sum(size + LOG_ENTRY for size in entries) + 2 * (LOG_UPDATE + LOG_COMMIT)
    leaves = [btree(2 * messages[0].rows, messages[0].keys[0]), *(btree(exchange.rows, key) for key in exchange.keys[:4])]
    anywhere = ((table["branch"].heap / PAGE, 1.0), *((size / PAGE, LEAF_SPLIT) for size in leaves))
    return Turn(log, anywhere, sum(rows) / PAGE)


def reads(turns: float) -> float:
    """Pages that are read to load a conversation and begin a turn where nothing is in memory but the upper levels of indexes.

    A leaf each of the keys of conversation, branch, segment, messages and exchange; a page each of the rows of the first three,
    and of each turn's messages: they come one turn at a time.
    """
    return 5 + 3 + turns


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
    _, images = one.images(assumed.turns_a_second * assumed.checkpoint)
    read = assumed.requests * reads(assumed.turns) * (1 - assumed.cached)
    iops = assumed.turns_a_second * (read + one.pages + 2)  # 2: the flushes of the two commits
    return Bill(
        rows, index, assumed.all_turns * assumed.spoken * assumed.recording, log_a_turn=one.log, images_a_turn=images,
        iops=iops, shards_for_disk=shards_for_disk, shards_for_iops=math.ceil(iops / assumed.iops),
    )  # fmt: skip
