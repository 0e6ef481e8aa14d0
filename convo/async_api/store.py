"""`AsyncStore`: conversations of one owner in a database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Self

import attrs

from convo import steps
from convo.async_api.conversation import AsyncConversation
from convo.async_api.driver import AsyncDriver
from convo.blobs.places import Places
from convo.checks import check_type
from convo.edges import Warner, check_client, check_owner, counter_of, ids_of, keyring_for, place_of, system_clock, watch_for
from convo.keeping import check_keep
from convo.limits import Limits, limits_of
from convo.models import Catalogue
from convo.policy import budgets_of
from convo.steps.place import Place, Tools
from convo.store import async_engine as engines

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime, timedelta
    from types import TracebackType
    from uuid import UUID

    from sqlalchemy.engine import URL, Engine
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

    from convo.analysis.exported import Anonymous, Exported, Format
    from convo.async_api.tables import AsyncTables
    from convo.backups import Backup
    from convo.blobs.protocol import BlobStore
    from convo.budget import Budget
    from convo.erasure import Erasure
    from convo.findings import Finding
    from convo.hits import Hit
    from convo.importers.results import Imported
    from convo.importers.sources import Source
    from convo.keeping import Keep
    from convo.presets import Preset
    from convo.report import By, Report
    from convo.repriced import Repriced
    from convo.sealing.cipher import Cipher
    from convo.steps.transcribing import Transcribed
    from convo.storage import BlobTotals, MovedBlobs, Pruned
    from convo.store.conversations import Found
    from convo.store.engine import Durability
    from convo.store.totals import Totals
    from convo.telemetry import Telemetry
    from convo.tokens import Counter


class AsyncStore:
    """Conversations of one owner in a database.

    `url_or_engine` is `sqlite:///file.db`, `postgresql://...`, or an engine of yours, whose settings stay as they
    are. A SQLite file that a URL names is created and upgraded when it is first used; on PostgreSQL and on your own
    engine call `upgrade()` once. `clock` gives aware datetimes, `new_id` UUIDs. `budgets` bind every call of a model,
    beside those of its policy. No I/O happens before the first call.
    `count_tokens` counts the tokens of a text, for estimates: a function from `str` to `int`, by default the tokenizer of the
    extra `tokens` where that is installed, loaded when it is first needed (some 0.3 s), else `convo.tokens.rough_tokens`.
    `blobs` says where bytes live: None, in the database; a `FolderBlobs` or `BucketBlobs`, in it; of several the first takes
    new bytes. All are read, and the database always is. `keep_audio` says which audio is kept: "all"; "user", users' recordings
    and not the audio of replies (the reply that `send` gives has its bytes all the same); "none", recordings only until a
    reply is recorded whose request held them, in each conversation that shows them; a timedelta, all of it until `prune()`
    finds it older. Of audio that was let go its transcript stays, and is sent for it.
    `cipher` encrypts what is said, heard and noted, and all bytes, before it reaches the database or a blob store: see `Cipher`
    and `convo.sealing`, which says what stays in the clear. It needs the extra `crypto`. What was written without it is read as
    it is. No text can be searched: `search`, and filters of `conversations()` by title or metadata, raise `SearchUnavailable`.
    Without the key of what is read, calls raise `KeyUnavailable`; for what was changed or moved outside, `SealBroken`.
    `telemetry` says whether spans and metrics are made of its work: True, with OpenTelemetry's providers as the application has
    set them, or a `Telemetry` of yours; see `convo.telemetry`. It needs the extra `telemetry`, and raises nothing later.
    `limits` says how large a message may be, and all that one call stores: `TooLarge` is raised before anything is stored.
    A store belongs to the event loop that first used it.
    """

    def __init__(
        self,
        url_or_engine: str | URL | Engine | AsyncEngine,
        *,
        owner: str = "",
        clock: Callable[[], datetime] = system_clock,
        new_id: Callable[[], UUID] | None = None,
        schema: str | None = None,
        catalogue: Catalogue | None = None,
        durability: Durability = "full",
        budgets: Budget | Sequence[Budget] = (),
        count_tokens: Counter | None = None,
        blobs: BlobStore | Sequence[BlobStore] | None = None,
        keep_audio: Keep = "all",
        telemetry: Telemetry | bool = False,
        limits: Limits | None = None,
        cipher: Cipher | None = None,
    ) -> None:
        check_type(catalogue, (Catalogue, type(None)), "catalogue", "a convo.Catalogue, such as Catalogue.load(path)")
        tools = Tools(
            clock,
            new_id or ids_of(clock),
            catalogue or Catalogue.default(),
            Warner(),
            budgets=budgets_of(budgets, "budgets"),
            counter=counter_of(count_tokens),
            blobs=Places.of(blobs),
            keep=check_keep(keep_audio),
            watch=watch_for(telemetry),
            limits=limits_of(limits),
            keys=keyring_for(cipher, clock),
        )
        self._schema = schema
        self._driver = AsyncDriver(
            engines.async_runner_for(url_or_engine, schema=schema, durability=durability, keyring=tools.keys), tools
        )
        self._owner: str | None = check_owner(owner)

    def _like(self, driver: AsyncDriver, owner: str | None) -> Self:
        other = object.__new__(type(self))
        other._schema, other._driver, other._owner = self._schema, driver, owner  # noqa: SLF001 - of the same class
        return other

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()

    def __repr__(self) -> str:
        """Show the place, without a password."""
        return f"<AsyncStore {self._driver.runner.place} owner={self._owner!r}>"

    @classmethod
    def existing(cls, url_or_engine: str | URL | Engine | AsyncEngine, **options: Any) -> Self:
        """Open a store that must be there: nothing is created or upgraded. Raises `StoreNotFound` for a missing file."""
        store = cls(url_or_engine, **options)
        store._driver.runner.must_exist()
        return store

    @property
    def place(self) -> str:
        """The path or URL of the database, without a password."""
        return self._driver.runner.place

    async def close(self) -> None:
        """Close the connections; a second time does nothing. Other views of the same store are closed with it."""
        await self._driver.close()

    async def upgrade(self, *, partitions: int | None = None) -> str | None:
        """Make the tables, or bring them up to date; give the revision that was found, None where there were no tables.

        Safe when others do it at the same time, and while others read and write. It happens whole or not at all. On
        PostgreSQL it never makes a reader wait longer than 0.15 s and the time of the change itself: where a long query or
        transaction has a table, it steps back, and tries again for 30 s. Raises `StoreBusy` then, and `SchemaTooNew`,
        `NotAConvoStore`, `ReadOnlyView`.

        `partitions` (2 to 256, PostgreSQL only) splits each table of rows with an owner by the hash of the owner, for
        databases that outgrow one set of indexes; 16 to 64 serve one server well. The number is chosen once: later upgrades
        keep it without being told, also for tables of revisions to come. What is stored is copied table by table, each in a
        transaction of its own while which others wait; a table of more than 2 GB is refused, and so is SQLite
        (`CannotPartition`), and another number than the one there (`PartitionsDiffer`). Set `plan_cache_mode` to
        `force_generic_plan` for such a database, by `ALTER DATABASE`: by itself PostgreSQL plans each statement anew there. And
        run `ANALYZE` now and then, for reports over everyone: autovacuum looks at partitions only.
        """
        self._driver.tools.check_writable()
        return await self._driver.upgrade(partitions)

    async def create(
        self,
        *,
        instructions: str | None = None,
        title: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        key: str | None = None,
        messages: Iterable[object] = (),
    ) -> AsyncConversation:
        """Make a conversation, or find the one that has `key` (which is then not changed).

        `messages` are Chat Completions messages to start from, as dicts or values of the SDK.
        """
        sequence = steps.creating.create(
            self._driver.tools,
            self._owner or "",
            instructions=instructions,
            title=title,
            metadata=metadata,
            key=key,
            messages=messages,
        )
        return self._conversation(await self._driver.do(sequence))

    async def get(self, id: UUID | str | None = None, *, key: str | None = None) -> AsyncConversation:  # noqa: A002 - the natural word
        """Find a conversation by its id or its key. Raises `ConversationNotFound`, also for another owner's.

        A reply that a worker was receiving when it died is in the log then, as interrupted, once its lease is over.
        """
        return self._conversation(await self._driver.do(steps.stores.get(self._driver.tools, self._owner, id, key)))

    async def conversations(
        self,
        *,
        metadata: Mapping[str, Any] | None = None,
        title: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = 50,
        after: AsyncConversation | UUID | str | None = None,
    ) -> list[AsyncConversation]:
        """List conversations, newest first: those whose metadata holds these values, made in [since, until).

        A value matches exactly: 1 is neither 1.0, True nor "1". In its place may stand `convo.Between(3, None)`,
        `convo.OneOf("web", "app")`, `convo.Present()` or `convo.Absent()`. `title` is a part of the title, in upper or
        lower case. `after` is the last conversation of the page before, its `cursor` or its id; only of a bare id the
        conversation must still be there (`ConversationNotFound`). What is made meanwhile changes no later page.

        Raises `KeyUnavailable` where another store has encrypted some that may be among them, and `SearchUnavailable` for
        `metadata` and `title` in a store with a cipher: no database looks into what is encrypted.
        """
        sequence = steps.stores.listed(
            self._owner, metadata=metadata, title=title, since=since, until=until, limit=limit, after=place_of(after)
        )
        return [self._conversation(found) for found in await self._driver.do(sequence)]

    async def search(self, text: str, *, limit: int = 20) -> list[Hit]:
        """Find turns in which one message holds all these words, the best first; among equals the newest.

        Looks at what was written, said and transcribed in messages that conversations show. Words count without regard
        to case; words "in double quotes" follow one another; a star at the end, `rain*`, stands for any ending; all else is
        plain text. Without a word there is nothing to find. New messages are indexed first, many at once when it is the
        first search; where nothing may be written (`everyone()`, a read-only database), only what is indexed is found.

        Raises `TooLarge` for more than 1,000 characters, `SearchUnavailable` where SQLite has no FTS5.
        """
        return await self._driver.do(steps.searching.search(self._driver.tools, self._owner, text, limit))

    async def reindex(self) -> None:
        """Drop what `search` finds by and make it anew from the messages; nothing else depends on it.

        On SQLite the index of the whole file is dropped: that of other owners is made with their next search.
        """
        await self._driver.do(steps.searching.reindex(self._driver.tools, self._owner))

    async def delete(self, id: UUID | str) -> None:  # noqa: A002 - the natural word
        """Delete a conversation with its messages and exchanges. Forks keep what they share with it.

        The bytes of its audio, images and files stay until `prune` finds that nothing refers to them, or a repair of
        `doctor`, and its words stay in the full-text index until the next search, `prune` or `erase`. Raises
        `ConversationNotFound`, and `OnHold` for one that must not be deleted.
        """
        await self._driver.do(steps.stores.delete(self._driver.tools, self._owner or "", id))

    async def transcribe(
        self,
        client: Any,
        *,
        model: str = "gpt-transcribe",
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int | None = None,
        progress: Callable[[int, int], object] | None = None,
        **arguments: Any,
    ) -> Transcribed:
        """Fill the transcripts of all of the owner's recordings that have none, newest first; see `Conversation.transcribe`.

        Those of messages made in [since, until), at most `limit`, in branches that conversations show. What is done stays
        done: after a crash or an error the same call goes on, and at most the recording in flight is paid for again.
        """
        check_client(client, asynchronous=True)
        sequence = steps.transcribing.transcribe_store(
            self._driver.tools,
            self._owner or "",
            client,
            model=model,
            since=since,
            until=until,
            limit=limit,
            progress=progress,
            arguments=arguments,
        )
        return await self._driver.do(sequence)

    async def save_preset(self, preset: Preset) -> None:
        """Keep a voice with its format and speed under a name; one of the same name is replaced. It is the owner's own."""
        await self._driver.do(steps.presets.save(self._driver.tools, self._owner or "", preset))

    async def presets(self) -> list[Preset]:
        """List the owner's presets, by name."""
        return await self._driver.do(steps.presets.listed(self._owner))

    async def preset(self, name: str) -> Preset:
        """Give the owner's preset of this name. Raises `PresetNotFound`."""
        return await self._driver.do(steps.presets.one(self._owner, name))

    async def delete_preset(self, name: str) -> None:
        """Forget a preset; what was said by it stays as it is. Raises `PresetNotFound`."""
        await self._driver.do(steps.presets.delete(self._driver.tools, self._owner or "", name))

    async def usage(self) -> Totals:
        """Sum calls, tokens and cost of the owner's conversations, or of everyone's."""
        return await self._driver.do(steps.stores.usage(self._owner))

    async def report(
        self,
        by: By | Iterable[By] = (),
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        model: str | None = None,
        api: str | None = None,
        conversation: UUID | str | None = None,
    ) -> Report:
        """Give what calls used and cost, how they went and what was saved, by one statement that only reads.

        `by` is one or several of "conversation", "owner", "model", "voice", "api", "day" (in UTC) and "error": a row for
        each that there is, and for each currency. Without it there is one row a currency. It is of the calls that began in
        [since, until), of the model as it was asked for, of the API and of the conversation that are given.

            print(store.everyone().report(by=["owner", "day"], since=last_month))

        Raises `InputError` and `NaiveTime`.
        """
        return await self._driver.do(
            steps.stores.report(self._owner, by, since=since, until=until, model=model, api=api, conversation=conversation)
        )

    def tables(
        self,
        *,
        metadata: Mapping[str, Any] | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> AsyncTables:
        """Give the owner's conversations, messages, audio, exchanges and turns as Arrow tables; nothing is read before they are.

            print(store.tables())                                   # what the columns hold
            frame = await store.everyone().tables(since=last_month).messages.to_polars()

        Those of conversations whose metadata holds these values, as `conversations()` takes them; and of these the rows whose
        own time is in [since, until): when a conversation was made, a message entered the log, a call or a turn began.

        Raises `InvalidMetadata`, `InputError` and `NaiveTime`. What is read needs the extra `analysis`.
        """
        from convo.async_api.tables import AsyncTables

        return AsyncTables(self._driver, steps.tables.wanted(self._owner, metadata=metadata, since=since, until=until))

    async def export(
        self,
        path: str | os.PathLike[str],
        *,
        format: Format = "parquet",  # noqa: A002 - the natural word
        tables: Iterable[str] | None = None,
        metadata: Mapping[str, Any] | None = None,
        since: datetime | Literal["last"] | None = None,
        until: datetime | None = None,
        anonymous: Anonymous | None = None,
        progress: Callable[[int, int], object] | None = None,
    ) -> Exported:
        """Write the tables of `tables()` to a folder, as "parquet", "jsonl" or "csv", in constant memory: a folder a table in it.

            await store.export("out")
            polars.scan_parquet("out/messages/**/*.parquet", hive_partitioning=True)

        Files are partitioned by the month of a row in UTC, `messages/month=2026-11/part-0001-00000.parquet`, and each is whole
        or not there. Killed or failed, the same call goes on where it was: at most some 64 MB of rows are read again. `tables`
        are their names, all by default; `metadata`, `since` and `until` choose as in `tables()`; `until` is now where it is
        not given, or later. `since="last"` adds to the folder what is new since its last export: rows whose own time is later,
        and those of the hour before that were committed since; what has changed in older rows, such as the end of a turn, is
        not written again, and what is put further into the past, as `import_session` does, is in none. A folder holds one
        export: the same tables, owner, metadata and `anonymous` each time, of which it has digests.
        `anonymous` puts pseudonyms for owners and ids, and leaves out or redacts what was said: see `Anonymous`. While
        it runs, its manifest names the owner where it goes on. CSV can be opened in a spreadsheet: what looks like a formula
        begins with an apostrophe, and control characters are escapes; Parquet and JSONL are exact.
        `progress` is called with how much is done and how much there is.

        Raises `ExportConflict` where the folder holds something else, which says what differs; `ExportFailed`, `StorageFull`,
        `HeldTransaction`, `InputError`, `InvalidMetadata`, `NaiveTime`, `MissingDependency` without the extra `analysis`.
        """
        sequence = steps.exporting.export(
            self._driver.tools,
            self._owner,
            path,
            format=format,
            tables=tables,
            metadata=metadata,
            since=since,
            until=until,
            anonymous=anonymous,
            progress=progress,
        )
        return await self._driver.do(sequence)

    async def import_session(self, session: str | bytes) -> AsyncConversation:
        """Make the conversation again that `chat.session()` gave as text: its ids, positions, times, branches, calls and notes.

        Where it is there already it stays as it is. It gets this store's owner; the bytes of audio that are not in the text, and
        that the owner does not have, count as let go, and its transcripts are sent. A branch that it shares with a conversation
        of which it is a fork is shared with that again, where it is there.

        Raises `NotASession` for any other text, or one that was changed so that it is no conversation; `ConflictError` where the
        conversation is there with other messages, or a fork of it with newer ones; `KeyTaken`, `TooLarge`, `ReadOnlyView`.
        Nothing is stored then but bytes, which `prune` deletes.
        """
        return self._conversation(await self._driver.do(steps.sessions.imported(self._driver.tools, self._owner or "", session)))

    async def import_from(
        self,
        format: Source,  # noqa: A002 - the natural word
        source: Any,
        *,
        table: str | None = None,
        progress: Callable[[int, int], object] | None = None,
    ) -> Imported:
        """Import the conversations that another program has stored; what is here already stays, and what has grown grows.

            done = store.import_from("chatgpt", "export.zip")       # or the folder that it unpacks to, or conversations.json
            store.import_from("openai-agents", "postgresql://...")  # or the path of a SQLite file
            for lost in done.not_carried: print(lost)

        `format` is "chatgpt" (ChatGPT's data export; needs the extra `chatgpt`), "jsonl" (Chat Completions, a line each:
        `{"messages": [...]}`), "langchain" (SQLChatMessageHistory and langchain-postgres), "llm" (its logs.db),
        "openai-agents" (its SQLite and SQLAlchemy sessions), or "openai" (what the API has stored: `source` is the client).
        A `source` is a path, or for databases a URL of SQLAlchemy; it is only read, a conversation at a time. `table` is that of
        the messages where it has not its usual name. `progress` is called with how much is read and how much there is.

        Each conversation gets the key `format:id`, and is stored whole or not at all: one that cannot be is counted, and the
        others go on. Other branches of it become branches; times, models, tools, and the bytes of media that the source holds
        are kept, and what has no place in a message stands in its metadata. Interrupted, the same call goes on. Imported again,
        what is new in the source is added: to the line that was imported, or, where it was gone on with here, as a branch.

        Raises `NotImportable` for a source that is not of the format, or breaks off; its `report` says what is imported. And
        `InputError`, `MissingDependency`, `HeldTransaction`, `ReadOnlyView`, and what the client raises.
        """
        if format == "openai":
            check_client(source, asynchronous=True)
        sequence = steps.importing.import_from(
            self._driver.tools, self._owner or "", format, source, table=table, progress=progress
        )
        return await self._driver.do(sequence)

    async def doctor(
        self,
        *,
        repair: Callable[[Finding], bool] | None = None,
        verify: bool = True,
        progress: Callable[[int, int], None] | None = None,
    ) -> list[Finding]:
        """Look for what is wrong in the store: lost or damaged rows, dead exchanges, settings that risk data.

        It covers the owner's conversations, or everyone's. Without `repair` it only reads; `repair` is called with each
        finding that can be mended, between two transactions, and says True or False; while it thinks, its thread or event
        loop waits. Without `verify` not all bodies and bytes are read. `progress` is called with how much is done and
        how much there is. Others may work meanwhile.

        Raises `InputError`, `ReadOnlyView` for a repair on `everyone()`, `StoreNotFound` and `NotAConvoStore`. Tables
        that are missing, too old or too new are a finding.
        """
        sequence = steps.doctor.examined(
            self._driver.tools, self._owner, self.place, repair=repair, verify=verify, progress=progress
        )
        return await self._driver.look(sequence)

    async def prune(
        self,
        *,
        keep_audio: Keep | None = None,
        messages: timedelta | None = None,
        conversations: timedelta | None = None,
        dry_run: bool = False,
        progress: Callable[[int, int], None] | None = None,
    ) -> Pruned:
        """Let audio go that the store is not to keep, then delete bytes that nothing has referred to for an hour.

        With `conversations`, delete those in which nothing has happened for that time: no message, branch or call. With
        `messages`, take out of those that are older what they said, as `redact` does: positions stay 1, 2, 3 ..., and so do
        instructions that are in force and tool calls that wait for a result. A conversation that waits for a reply, by a
        worker that is alive, is passed over; so is one on hold (`Pruned.held` counts those), with all that it shows.

        What a recording was converted to goes with it; `dry_run` does not count that. Objects in blob stores that no row names
        are deleted once they are a day old, such as those of a redaction inside a transaction of the caller's.

        `keep_audio` is that of the store where it is not given. With `dry_run` nothing is written, and what would be done is
        counted. Each transaction is short, others may work meanwhile, and a call that was interrupted is made again.
        `progress` is called with how much is done and how much there is. What is said in a recording without a transcript
        is lost with its bytes. On SQLite what is deleted is overwritten; copies of it in unused space of pages go with a VACUUM
        of yours, and with `erase`.

        Raises `InputError`, `ReadOnlyView`, `HeldTransaction`, `UnknownBlobStore` where bytes are that could not be deleted.
        """
        sequence = steps.letting.pruned(
            self._driver.tools,
            self._owner,
            progress=progress,
            dry_run=dry_run,
            keep=keep_audio,
            messages=messages,
            conversations=conversations,
        )
        return await self._driver.do(sequence)

    async def erase(
        self,
        owner: str,
        *,
        dry_run: bool = False,
        vacuum: bool | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Erasure:
        """Delete all that an owner has, rows and bytes, and give a receipt: what went, and what was looked for afterwards.

        Its conversations are out of sight at once: whoever is in the middle of a turn gets `ConversationNotFound` or
        `ExchangeLost`, and nobody sees half of one. Then go, in short transactions, all rows of all tables, objects in blob
        stores, those too that no row names, and the words of the full-text index. Others may work meanwhile. It ends when it
        finds nothing any more; stop those who write for this owner first, for what they write after that stays, and a hold that
        comes now stops it where it is. An error or a kill does no harm: the same call goes on. What was used and cost is in no
        report any more. Without anything to erase, all counts are 0. With `dry_run` nothing is
        written, and what would go is counted. `progress` is called with how many rows are done and how many there were.

        On SQLite what is deleted is overwritten, then the file is written anew (VACUUM: other writers wait for it, and it needs
        as much room on the disk again), and the write-ahead log emptied. What could not be done, because others read all the
        time or the disk is full, the receipt says; deleting needs room, too (`StorageFull`). On PostgreSQL deleted rows stay in
        the server's files until they are overwritten; with `vacuum=True` all tables of convo are written anew (VACUUM FULL),
        each of which is locked for that time. `vacuum=False` does neither. Backups, archived logs, and blob stores that this
        store was not given are yours.

        The store of the default owner erases anyone, that of another owner only itself. Raises `OnHold`, naming them, while
        conversations are on hold, `InputError`, `ReadOnlyView`, `HeldTransaction`, `UnknownBlobStore`, and what the blob
        stores raise.
        """
        sequence = steps.erasing.erased(
            self._driver.tools, self._owner, check_owner(owner), progress=progress, dry_run=dry_run, vacuum=vacuum
        )
        return await self._driver.do(sequence)

    async def backup(
        self,
        path: str | os.PathLike[str],
        *,
        verify: bool = True,
        progress: Callable[[int, int], object] | None = None,
    ) -> Backup:
        """Copy the SQLite database, with all owners' data, to a file that is not there yet, while others read and write.

        It holds what was there at one moment: all that was acknowledged before the call, and no half turn. It is copied under
        another name, looked through as `doctor` does (without `verify` not all of it), flushed to the disk and then renamed;
        where anything fails, nothing is at `path`. `progress` is called with how many pages are copied and how many there are.
        On an engine of yours that is not in WAL mode, writers wait. A backup is not pruned, erased or upgraded with the store.

        Bytes in blob stores are not in it: copy those after it. A copy that is used beside the original needs blob stores of
        its own, since each deletes the objects that it does not name.

        To restore, open it: `Store(f"sqlite:///{path}")`; or, while nothing runs, put it in place of the database, whose -wal
        and -shm must be gone first. What came after the backup is unknown then: no request names an audio id or a response of
        it, a key that was used since counts as new, and what was erased or let go since is there again (erase it anew). The
        positions are given to other messages: `expected_head` refuses a head that is not reached again yet, and cannot tell
        one that is, so have whoever remembers heads read the log again. All of this holds for PostgreSQL, too.

        Raises `BackupUnsupported` on PostgreSQL, with the commands that do it there; `BackupFailed`, `StorageFull`;
        `CorruptStore` when the database is damaged; `HeldTransaction`, `InputError`.
        """
        return await self._driver.do(steps.backups.backed_up(self._driver.tools, path, progress=progress, verify=verify))

    async def reprice(
        self,
        catalogue: Catalogue | None = None,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        dry_run: bool = False,
        progress: Callable[[int, int], None] | None = None,
    ) -> Repriced:
        """Price the owner's recorded calls by another catalogue, or by the store's own: costs, their parts, and the price table.

        It covers calls that began in [since, until) and whose usage is known. A call is billed by the prices of the model that
        was asked; a dated version of it that the answer names counts as that version, and where the model that was asked has
        no prices, the one that answered does (`Catalogue.billed`). With `dry_run` nothing is written. `progress` is called
        with how many calls are done and how many there are.

        Each page is a short transaction, and each row is changed as a whole or not at all: others may work meanwhile, and a
        call that was interrupted is made again. Budgets count the new costs from then on; what they assume of calls whose
        usage never came stays. Raises `InputError`, also on `everyone()`, `NaiveTime`, and `ReadOnlyView`.
        """
        sequence = steps.repricing.repriced(
            self._driver.tools, self._owner, catalogue, since=since, until=until, dry_run=dry_run, progress=progress
        )
        return await self._driver.do(sequence)

    async def move_blobs(
        self,
        to: BlobStore | str,
        *,
        limit: int | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> MovedBlobs:
        """Move the owner's bytes to a blob store that this store was given, or to the "database"; at most `limit` blobs.

        One after the other is read, checked against its SHA-256, put, and only then deleted where it was. Others may read
        and write meanwhile. Where it was interrupted, nothing is lost, and the same call goes on. `progress` is called with
        how much is done and how much there is. New bytes go where `blobs=` says.

        Raises `InputError`, `ReadOnlyView`, `HeldTransaction`, `UnknownBlobStore`, and what the blob stores raise.
        """
        sequence = steps.relocating.moved(self._driver.tools, self._owner, to, progress=progress, limit=limit)
        return await self._driver.do(sequence)

    async def blobs(self) -> list[BlobTotals]:
        """Sum the owner's bytes, or everyone's, by where they are."""
        return await self._driver.do(steps.relocating.totals(self._owner))

    async def rotate_keys(self, *, all_owners: bool = False, data_keys: bool = False) -> int:
        """Wrap the owner's data keys anew by the key that wraps now, those of all owners where it is wished.

        No data is written again. Gives how many keys were written. Each is a short transaction, others may work meanwhile, and
        a call that was interrupted goes on where it is made again. With `data_keys` each owner gets a new data key, too, with
        which this store object seals what it writes from then on, and others once they are opened: what is there stays sealed
        by the older ones. Raises `KeyUnavailable`, `InputError` without `cipher=`, `ReadOnlyView`, `HeldTransaction`.
        """
        sequence = steps.keys.rotated(self._driver.tools, self._owner, all_owners=all_owners, data_keys=data_keys)
        return await self._driver.do(sequence)

    async def seal(self) -> int:
        """Encrypt what was written of the owner before there was a cipher, in short transactions; drop the index of its words.

        Gives how many rows were written; a call that was interrupted goes on where it is made again. Objects of blob stores stay
        as they are until `move_blobs` moves them. Backups, and what the database has not written over yet, hold what was there.
        Raises `KeyUnavailable`, `InputError` without `cipher=`, `ReadOnlyView`, `HeldTransaction`.
        """
        return await self._driver.do(steps.keys.sealed(self._driver.tools, self._owner))

    async def owners(self) -> list[str]:
        """List the owners who have a conversation or bytes: `store.everyone().owners()`. One owner's store sees that one."""
        return await self._driver.do(steps.relocating.owners(self._owner))

    def owned_by(self, owner: str) -> Self:
        """Give the same store as another owner sees it."""
        return self._like(self._driver, check_owner(owner))

    def everyone(self) -> Self:
        """Give a view of all owners' conversations that only reads.

        On PostgreSQL it, and all else that reads, also works in a store of a standby's URL, beside those who write to the
        primary. It shows what the standby has by then, which `doctor()` says; a write there raises `ReadOnlyStore`.
        """
        tools = attrs.evolve(self._driver.tools, writable=False)
        return self._like(AsyncDriver(self._driver.runner, tools), None)

    def within(self, connection: AsyncConnection) -> Self:
        """Give the store inside your own transaction: you commit or roll back. Calls of a model are refused there."""
        tools = attrs.evolve(self._driver.tools, held=True, keys=self._driver.tools.keys.held())
        runner = engines.AsyncWithin(connection, schema=self._schema, keyring=tools.keys)
        return self._like(AsyncDriver(runner, tools, checked=self._driver.checked), self._owner)

    def _conversation(self, found: Found) -> AsyncConversation:
        return AsyncConversation(self._driver, Place(self._driver.tools, found))
