"""`Conversation`: one conversation, thin over `convo.steps`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, overload

from convo import steps
from convo.edges import Seen, check_client, check_owner, check_whole
from convo.functions import check_functions
from convo.metadata import UNSET
from convo.steps.place import Place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime
    from uuid import UUID

    from convo.assembly.preview import Preview
    from convo.assembly.request import Request, Seeds
    from convo.audio.value import Audio
    from convo.calls import Call
    from convo.documents import Document
    from convo.functions import Functions
    from convo.history import History
    from convo.messages import Media, Message
    from convo.pending import Pending
    from convo.policy import Policy
    from convo.presets import Preset
    from convo.reply import Reply
    from convo.steps.compacting import Summarize
    from convo.steps.transcribing import Transcribed
    from convo.steps.translating import Translated
    from convo.store.branches import Branch
    from convo.store.totals import Totals
    from convo.sync_api.driver import Driver
    from convo.sync_api.exchange import Exchange
    from convo.sync_api.listening import Listener
    from convo.sync_api.stream import Stream


class Conversation(Seen):
    """One conversation. Made by a `Store`; what it says of title, metadata, instructions and head is as last seen."""

    def __init__(self, driver: Driver, place: Place) -> None:
        super().__init__(place)
        self._driver = driver

    def add(
        self,
        *content: object,
        role: str = "user",
        name: str | None = None,
        key: str | None = None,
        created_at: datetime | None = None,
        metadata: Mapping[str, Any] | None = None,
        pinned: bool = False,
        expected_head: int | None = None,
    ) -> Message:
        """Store a message of text, `Audio`, `Image`, `File` or the API's own content parts; or one whole message as a dict.

        With `key`, once: the same again gives the stored message. Raises `StaleHead` when the log has moved past
        `expected_head`.
        """
        sequence = steps.log.add(
            self._place, content, role=role, name=name, key=key, created_at=created_at, metadata=metadata, pinned=pinned,
            expected_head=expected_head,
        )  # fmt: skip
        return self._driver.do(sequence)

    def extend(
        self, messages: Iterable[object], *, key: str | None = None, expected_head: int | None = None
    ) -> tuple[Message, ...]:  # fmt: skip
        """Store several messages, as Chat Completions writes them, in one transaction: all or none, next to each other.

        With `key`, once: the same again gives the stored messages. Raises `StaleHead` when the log has moved past
        `expected_head`, and `InvalidContent` for what is no message; nothing is stored then.
        """
        return self._driver.do(steps.log.extend(self._place, messages, key=key, expected_head=expected_head))

    def tool_output(self, call_id: str, output: object, *, error: bool = False, key: str | None = None) -> Message:
        """Store the result of a tool call: text, text parts, or any JSON value. Raises `ToolCallNotFound`."""
        return self._driver.do(steps.log.tool_output(self._place, call_id, output, error=error, key=key))

    def history(
        self,
        last: int | None = None,
        *,
        before: int | None = None,
        branch: Branch | UUID | str | None = None,
        verify: bool = False,
    ) -> History:
        """Read the log, or its last messages. Audio comes without its bytes, see `load`.

        With `before`, those before that position: `chat.history(100, before=page[0].position)` is the page before. `branch` is
        one of `branches()`, by default the one that is shown (`BranchNotFound`).

        With `verify`, each message of the line is held against the SHA-256 of what was written: `IntegrityError` names the
        position of the first that a disk, or somebody, has changed. It costs about half a microsecond a message;
        `Policy(verify=True)` does it for what a request reads, `doctor` for all that an owner has.
        """
        return self._driver.do(steps.log.history(self._place, last, verify=verify, before=before, branch=branch))

    def message(self, position: int) -> Message:
        """Read one message of the log, by its position. Raises `MessageNotFound`."""
        return self._driver.do(steps.branches.message(self._place, position))

    @overload
    def load(self, audio: Audio) -> Audio: ...

    @overload
    def load(self, audio: Media) -> Media: ...

    def load(self, audio: Audio | Media) -> Audio | Media:
        """Give the same audio with its bytes, or any one of `message.media`, an image or a file too.

        Raises `AudioDropped` where the store let them go, `BlobNotFound`.
        """
        return self._driver.do(steps.log.load(self._place, audio))

    def transcribe(
        self,
        client: Any,
        *,
        model: str = "gpt-transcribe",
        positions: Iterable[int] | None = None,
        progress: Callable[[int, int], object] | None = None,
        **arguments: Any,
    ) -> Transcribed:
        """Fill the transcripts of users' recordings that have none, or of those at these positions; see `Transcribed`.

        Other arguments (`language="en"`, `prompt=...`) go to the API as they are. The same bytes are transcribed once,
        and filled in wherever this owner holds them. A transcript that is there is never overwritten: of two who
        transcribe at once, the first to come stays. An empty one, for silence, is a transcript as well.

        A recording that fails stops no other: it is in `failures`. What any other would meet too (401, 403, 404, 429 after
        the client's own retries, or five failures in a row) is raised as it is; what is done stays done, and the same call
        goes on from there. `progress(done, total)` is called after each. Raises `RecordingNotFound`, and `ModelShutDown`.

        A recording that is too large for one call (26,214,400 bytes), or longer than the model hears (`Model.max_seconds`), is
        cut where it is quiet, and its texts are joined by a space; unless you pass a `prompt`, each piece is told how the text
        before it ends, as the API recommends. That, and formats which the endpoint does not take, need the extra `audio`.
        """
        check_client(client, asynchronous=False)
        sequence = steps.transcribing.transcribe_chat(
            self._place, client, model=model, positions=positions, progress=progress, arguments=arguments
        )
        return self._driver.do(sequence)

    def translate(
        self,
        client: Any,
        *,
        model: str = "whisper-1",
        positions: Iterable[int] | None = None,
        progress: Callable[[int, int], object] | None = None,
        **arguments: Any,
    ) -> Translated:
        """Fill what users' recordings say in English, where that is missing: `audio.translation`; see `Translated`.

        Done as `transcribe` does it, by `client.audio.translations`; what a message says, its transcript, is not changed,
        and no request holds a translation. The API does not tell what a translation used: its cost is unknown. OpenAI shuts
        this endpoint down with its only model on 2027-02-26, and its client warns of that (`DeprecationWarning`).
        Raises what `transcribe` raises.
        """
        check_client(client, asynchronous=False)
        sequence = steps.translating.translate(
            self._place, client, model=model, positions=positions, progress=progress, arguments=arguments
        )
        return self._driver.do(sequence)

    def speak(
        self,
        client: Any,
        text: str | None = None,
        *,
        model: str,
        position: int | None = None,
        voice: str | Mapping[str, str] | None = None,
        format: str | None = None,  # noqa: A002 - the API's word
        speed: float | None = None,
        instructions: str | None = None,
        preset: Preset | str | None = None,
        policy: Policy | None = None,
        key: str | None = None,
        expected_head: int | None = None,
        **arguments: Any,
    ) -> Message:
        """Have a text spoken by `model` of the Speech API, and store it as a message of the assistant, its sound beside it.

        The message is given with its bytes: `message.audio.save("hello.mp3")`; `audio.made_by` is the model. With
        `position`, a reply is spoken that is in the log as text, and keeps its sound from then on; one that has sound is
        given as it is.

        `voice` and `format` are those of the `preset`, else of the `policy`, unless you name them; `speed` is from 0.25 to
        4.0. Other arguments go to the client as they are. A text of more than 4,096 bytes (UTF-8) is spoken in several
        calls, cut behind sentences: as pcm16 where that was asked for, else joined to one wav. The calls are recorded with
        the message; the API does not tell what they used, so that their cost is unknown.

        Like `add` it does not wait for a reply that is pending, and the message stands before it then. With `key`, once: the
        same text again gives the stored message. Of two at once with one key both are made, and one is stored. Where the
        client fails nothing of the text is stored, only the calls that were made. Raises `KeyMismatch`, `StaleHead`,
        `PresetNotFound`, `ModelShutDown`, `BudgetExceeded`; for a position `MessageNotFound`, `NotAReply`, and
        `ConflictError` when the reply was changed meanwhile.
        """
        from convo.policy import Policy

        check_client(client, asynchronous=False)
        said = steps.saying.Said(
            model=model, voice=voice, format=format, speed=speed, instructions=instructions, preset=preset,
            policy=Policy() if policy is None else policy, more=arguments,
        )  # fmt: skip
        sequence = steps.saying.speak(self._place, client, text, said, position=position, key=key, expected_head=expected_head)
        return self._driver.do(sequence)

    def set_transcript(self, position: int, text: str | None, *, part: int | None = None) -> None:
        """Set what is said in a user's recording, "" for silence; None takes the transcript away.

        `part` is the index of the content part, needed only where a message holds several recordings. What was there is
        replaced, and other recordings of the same bytes stay as they are. Raises `RecordingNotFound`.
        """
        self._driver.do(steps.transcribing.set_transcript(self._place, position, text, part))

    def compact(
        self,
        client: Any = None,
        *,
        model: str | None = None,
        summarize: Summarize | None = None,
        keep: int = 4,
        prompt: str | None = None,
        **arguments: Any,
    ) -> Message | None:
        """Summarise all turns but the last `keep`: requests then hold the summary instead; the log keeps every message.

        By a `model` of the client, asked with `prompt` and other arguments (`max_completion_tokens=400`), or by a function
        `summarize(history, earlier)`, which gets messages and the text of the summary of those before them, or None, and
        gives the text. A long log takes several, each stored at once, of which the last one counts. Gives the last, None
        when there is nothing to summarise. `Policy(summary_model=)` and `Policy(summarize=)` do the same whenever the window
        moves. Redacting a message redacts the summaries made of it. Raises `ConflictError` when another did the same at the
        same time.
        """
        from convo.policy import Policy

        if client is not None:
            check_client(client, asynchronous=False)
        writer = steps.compacting.writer_of(self._place, client, model, summarize, prompt, Policy(), arguments)
        return self._driver.do(steps.compacting.compact(self._place, writer, keep))

    @overload
    def request(
        self,
        model: str,
        *,
        api: Literal["realtime", "live"],
        client: Any = None,
        origin: str | None = None,
        policy: Policy | None = None,
        preset: Preset | str | None = None,
        **arguments: Any,
    ) -> Seeds: ...

    @overload
    def request(
        self,
        model: str,
        *,
        api: str = "chat",
        client: Any = None,
        origin: str | None = None,
        policy: Policy | None = None,
        preset: Preset | str | None = None,
        **arguments: Any,
    ) -> Request: ...

    def request(
        self,
        model: str,
        *,
        api: str = "chat",
        client: Any = None,
        origin: str | None = None,
        policy: Policy | None = None,
        preset: Preset | str | None = None,
        **arguments: Any,
    ) -> Request | Seeds:
        """Assemble a request and write nothing. `client` or `origin` says whose audio ids are valid: without, none is sent.

        `voice=` and `format=` are short for `audio={...}` and the modalities; other arguments go to the API as they are.
        `preset` is a `Preset`, or the name of one that the store keeps: its voice and format, where you name none.
        `api` is "chat", "responses", for `client.responses.create(**request)`, or "realtime" and "live", for the `items` with
        which a session begins.
        Raises `RequestError` where no request can be made, `ModelShutDown` among them; warns by `ModelEndsSoon`.
        """
        sequence = steps.requests.request(
            self._place, model, api=api, client=client, origin=origin, policy=policy, preset=preset, arguments=arguments
        )
        return self._driver.do(sequence)

    def preview(
        self,
        model: str,
        *,
        api: str = "chat",
        client: Any = None,
        origin: str | None = None,
        policy: Policy | None = None,
        preset: Preset | str | None = None,
        **arguments: Any,
    ) -> list[Preview]:
        """Give what `request` would be now, without its bytes, and as it changes by itself while references expire.

        The first is as of now; each further one says from when on (`begins`) it would be so, and differs from the one before
        it: `renderings`, `estimate` and `next_expiry` are those of a `Request`. The last holds no reference, unless its ids have
        no end; where no request could be made any more, the list ends before that. The log is read once, and no bytes are.
        Arguments are those of `request`, and so is what it raises.
        """
        sequence = steps.reading.preview(
            self._place, model, api=api, client=client, origin=origin, policy=policy, preset=preset, arguments=arguments
        )
        return self._driver.do(sequence)

    def seed(self, connection: Any, model: str, *, policy: Policy | None = None, **arguments: Any) -> Seeds:
        """Give a new Realtime session what was said before: `connection` is what `client.realtime.connect()` gave.

        So a session that was dropped goes on in another. It creates the `items` of `request(model, api="realtime")`, one
        after the other, before the session is asked for its first response, and gives them.
        """
        seeds: Seeds = self.request(model, api="realtime", policy=policy, **arguments)
        for item in seeds.items:
            connection.conversation.item.create(item=item)
        return seeds

    def exchange(self, request: Request) -> Exchange:
        """Begin an exchange for a call of your own: `with chat.exchange(request) as call: ...`."""
        from convo.sync_api.exchange import Exchange

        return Exchange(self._driver, self._place, request)

    def record(self, answer: object, request: Request | None = None) -> Reply:
        """Store an answer, a stream, or the fold of one, once. It was not protected while it ran: see `exchange`.

        A stream is read to its end; one that breaks is recorded as interrupted, and its error raised.
        """
        from convo.gathering import gathered

        whole, broken = gathered(answer)
        reply = self._driver.do(steps.ending.record(self._place, whole, request))
        if broken is not None:
            raise broken
        return reply

    def send(
        self,
        client: Any,
        *content: object,
        model: str,
        api: str = "chat",
        policy: Policy | None = None,
        key: str | None = None,
        expected_head: int | None = None,
        tool_functions: Functions | None = None,
        preset: Preset | str | None = None,
        **arguments: Any,
    ) -> Reply:
        """Store what the user said, get the answer, store it. Without content, answer what is in the log.

        With `key`, once: the same again gives the recorded reply. Raises `TurnInProgress` while another turn waits
        for its answer, `StaleHead` when the log has moved past `expected_head`, and the client's own errors; after
        those the user's message is in the log, and the same key, or a send without content, tries again. Where the
        policy has recordings transcribed first, and that fails, nothing of the turn is stored: the same call tries again.
        Nothing is stored either when the model is gone (`ModelShutDown`; see `Policy.shut_down`).
        What would pass a budget of the policy or the store is not asked: `BudgetExceeded`, and nothing is stored.

        `preset` is a `Preset`, or the name of one that the store keeps (`PresetNotFound`): its voice and format, where you name
        none; its speed too where another model speaks the reply (`Policy.speak`).

        With `tool_functions`, functions by the names of `tools`, the model's calls are answered until it has no more:
        what a function raises is told to the model. A function may be called twice for the same call, after a crash;
        one that has a parameter `call_id` is given the id to notice that. Calls of a tool without a function are
        returned.
        """
        check_client(client, asynchronous=False)
        check_whole(arguments)
        check_functions(tool_functions, arguments.get("tools"), asynchronous=False)
        turn = steps.exchange.turn_of(self._place, client, model, api, policy, tool_functions, arguments, preset)
        return self._driver.do(steps.exchange.send(self._place, turn, content, key=key, expected_head=expected_head))

    def stream(
        self,
        client: Any,
        *content: object,
        model: str,
        api: str = "chat",
        policy: Policy | None = None,
        key: str | None = None,
        expected_head: int | None = None,
        tool_functions: Functions | None = None,
        preset: Preset | str | None = None,
        **arguments: Any,
    ) -> Stream:
        """Do what `send` does, and give the reply as it comes: iterate it for events, of which the last is the `Reply`.

        Best in a block, `with chat.stream(...) as stream`; `stream.close()` ends it early, `stream.reply` is what was
        recorded. Speech is pcm16 then, the only format that the API streams. A reply that is interrupted is recorded with what
        was received, and its key has its answer: `regenerate` takes it back.
        """
        from convo.sync_api.stream import Stream

        check_client(client, asynchronous=False)
        check_functions(tool_functions, arguments.get("tools"), asynchronous=False)
        turn = steps.exchange.turn_of(
            self._place, client, model, api, policy, tool_functions, steps.apis.streamed(api, arguments), preset
        )
        drafts = steps.exchange.checked(self._place, content, key, expected_head, "stream()")
        return Stream(self._driver, self._place, turn, drafts, key, expected_head)

    def listen(
        self,
        model: str,
        *,
        client: Any = None,
        origin: str | None = None,
        session: str | None = None,
    ) -> Listener:
        """Record a Realtime session of `model` as it goes, in a block: `with chat.listen(model) as heard`.

        Then `heard.feed(event)` for each event. What is final is in the log at once, in the order of the conversation, on
        the branch that is shown when it begins; what a response used and cost is recorded with it. Items that seed the
        session are not recorded again. `client` or `origin` says where the session is; `session` is its id for somebody who
        joins it after it has begun. Raises `ConflictingArguments` for a model of another API, a Live one among them.
        """
        from convo.sync_api.listening import Listener

        if client is not None:
            check_client(client, asynchronous=False)
        return Listener(self._driver, steps.listening.Listening(self._place, model, client, origin, session))

    def truncate(self, position: int, *, heard_until: float) -> Message:
        """Cut a recorded reply to what was heard of it, in seconds of its audio, and give it as it is now.

        For somebody who speaks while a reply is played that has arrived as a whole; it is sent as its words from then
        on. Raises `MessageNotFound`, and `NotAReply`.
        """
        return self._driver.do(steps.truncating.truncated(self._place, position, heard_until))

    def update(self, *, title: str | None = UNSET, metadata: Mapping[str, Any] | None = UNSET, instructions: str = UNSET) -> None:
        """Change title or metadata; new instructions are an event of the log, older ones stay where they were."""
        self._driver.do(steps.log.update(self._place, title, metadata, instructions))

    def regenerate(self, *, key: str | None = None, expected_head: int | None = None) -> Branch:
        """Take the last reply back: show a new branch that ends before it; then `send` without content answers again.

        A reply, the calls it made and their results are taken back together; instructions given since stay in force.
        Where the log ends with a question, nothing changes and the shown branch is given. With `key`, once; `send` may
        have the same one. Raises `TurnInProgress` while a reply is awaited, `StaleHead`, and `ConflictError` for an
        empty log.
        """
        return self._driver.do(steps.branches.regenerate(self._place, key=key, expected_head=expected_head))

    def edit(self, position: int, *content: object, key: str | None = None, expected_head: int | None = None) -> Message:
        """Write a message anew: show a new branch that shares all before `position` and has the new content there.

        Role, name, metadata and `pinned` stay; then `send` without content answers. Instructions that came into force
        later stay in force, unless it is instructions that are written anew. A reply that is awaited ends on the branch
        that was left. With `key`, once; `send` may have the same one. Raises `MessageNotFound`, `NotEditable` for replies
        and results of tools, and `StaleHead`.
        """
        return self._driver.do(steps.branches.edit(self._place, position, content, key=key, expected_head=expected_head))

    def branches(self) -> list[Branch]:
        """List the branches of this conversation, oldest first."""
        return self._driver.do(steps.branches.listed(self._place))

    def forks(self, *, limit: int = 100) -> list[Branch]:
        """List the branches of other conversations that share messages with this one, oldest first: see their `conversation`.

        Those that were forked from it, those that it was forked from, and other forks of the same messages. A fork that shares
        nothing, `fork(at=0)`, is not among them.
        """
        return self._driver.do(steps.reading.forks(self._place, limit))

    def switch(self, branch: Branch | UUID | str) -> None:
        """Show another branch. A reply that is awaited ends on the one where it was asked. Raises `BranchNotFound`."""
        self._driver.do(steps.branches.switch(self._place, branch))

    def fork(
        self,
        at: int | None = None,
        *,
        key: str | None = None,
        title: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Conversation:
        """Make a conversation of its own that shares this line up to the position `at`, or all of it. 0 shares nothing.

        Title and metadata are this one's unless given. Instructions are those in force at that position. With `key`, the
        new conversation's own, find or make. No message is copied, and audio is referred to as before. Redaction and
        notes of a shared message are seen by both. Raises `MessageNotFound`.
        """
        found = self._driver.do(steps.branches.fork(self._place, at, key=key, title=title, metadata=metadata))
        return Conversation(self._driver, Place(self._place.tools, found))

    def annotate(self, position: int, /, **notes: Any) -> dict[str, Any]:
        """Write notes beside a message, such as `thumbs=1`; None removes one. Gives all notes that the message has then.

        A name is a plain word as in metadata, a value any JSON; both have the limits of metadata. Notes are never sent,
        and belong to the message: each line that shares it has them. Raises `MessageNotFound`.
        """
        return self._driver.do(steps.notes.annotate(self._place, position, notes))

    def annotations(self) -> dict[int, dict[str, Any]]:
        """Give the notes of the messages of this line, by position; messages without notes are left out."""
        return self._driver.do(steps.notes.listed(self._place))

    def redact(self, position: int) -> None:
        """Take out of a message what it said: content, calls, bytes, transcripts, audio id, name, metadata and notes.

        Its position, role, time and the call that it answers stay, and it is shown as "[redacted]" on every line that
        shares it. It is not sent any more, but for a tool's result, which answers its call with "[redacted]". Bytes that
        nothing else refers to are deleted; those that somebody stored anew less than ten minutes ago wait for a
        collection. Inside a transaction of the caller's, objects in blob stores stay until a `prune()` after it finds them:
        it may be rolled back. A second time does nothing. Raises `MessageNotFound`, `OnHold` where a conversation on hold
        shows the message, and `UnknownBlobStore`, with nothing done, where bytes are that could not be deleted.
        """
        self._driver.do(steps.notes.redact(self._place, position))

    def hold(self, reason: str) -> None:
        """Put the conversation on hold, and say why: until `release()` nothing that it shows is deleted.

        `delete`, `redact` and `erase` raise `OnHold` then, here and in forks that share its messages, and `prune` passes it
        over. It may go on, and move to another owner. On hold already, it gets the new reason. Raises `InputError`.
        """
        self._driver.do(steps.notes.hold(self._place, reason))

    def release(self) -> None:
        """End the hold; without one nothing happens."""
        self._driver.do(steps.notes.release(self._place))

    def move_to(self, owner: str) -> None:
        """Give the conversation to another owner, such as a visitor who has logged in; this object goes on with it there.

        Everything moves in one transaction; forks of the old owner keep what they share. Whoever holds the conversation
        may give it away: check that before. Raises `TurnInProgress` while a reply is awaited, `KeyTaken` when the
        new owner has a conversation with the same key, and `UnknownBlobStore` where bytes are that could not be copied.
        """
        self._driver.do(steps.notes.move_to(self._place, check_owner(owner)))

    def to_chat(self, last: int | None = None) -> list[dict[str, Any]]:
        """Give the messages, or the last ones, as Chat Completions writes them, with the bytes of media as base64.

        `store.create(messages=...)` takes them, here or in another store. What that shape has no place for is not in it:
        metadata, times, transcripts of users' recordings. Raises `BlobNotFound`.
        """
        return self._driver.do(steps.requests.to_chat(self._place, last))

    def pending(self) -> list[Pending]:
        """List the exchanges that wait for their answers, oldest first."""
        return self._driver.do(steps.reading.pending(self._place))

    def abandon(self, exchange: UUID | Pending) -> None:
        """Give up an exchange that waits; its answer no longer counts. Raises `ExchangeNotFound`."""
        self._driver.do(steps.ending.abandon(self._place, exchange))

    def transcript(self) -> str:
        """Give the conversation as plain text, one paragraph a message."""
        from convo.transcript import written

        return written(self.history())

    def session(self, *, audio: bool = False) -> str:
        """Give the whole conversation as one JSON text, from which `store.import_session()` makes the same again.

        All of its branches are in it, calls with their usage and cost, notes, images and files; with `audio` recordings and
        replies, too, where they are kept, else only what was said in them. What was encrypted is in the clear.
        """
        return self._driver.do(steps.sessions.session(self._place, audio=audio))

    def document(self, format: Document, *, audio: bool = False, redact: Callable[[str], str] | None = None) -> str:  # noqa: A002 - the natural word
        """Give the conversation as the text of a document, of what is shown; what was said is never obeyed in it.

        "html" is one page that needs nothing else, without scripts, with pictures, and with players when `audio` is True; "md" is
        Markdown; "srt" and "vtt" are captions of what users and the model said, at the times at which it entered the log, as long
        as its audio; "finetune" is a line of OpenAI's JSONL for tuning, "" where there is nothing to learn. `redact` sees each
        text and gives what is to stand there. See `session()` for one that comes back.
        """
        return self._driver.do(steps.documents.documented(self._place, format, audio=audio, redact=redact))

    def calls(self, last: int | None = None, *, before: int | None = None) -> list[Call]:
        """List the calls of this conversation, or the last ones, oldest first: what each used and cost, and how it went.

        Those of all its branches; a fork begins without. With `before`, those whose reply stands before that position, or that
        failed before it; calls that are no turns too. `report()` and `usage()` sum them.
        """
        return self._driver.do(steps.reading.made(self._place, last, before))

    def usage(self) -> Totals:
        """Sum calls, tokens and cost of this conversation."""
        return self._driver.do(steps.stores.usage(self.owner, self.id))
