"""What do twenty recordings of 1 MiB in one request cost, on disk, in time and in memory?

By hand they are files, read and encoded by `base64.b64encode`. Disk is counted once the database has written all it has to;
memory is the most that a new process holds beyond what it held before the request, against the base64 of the request.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import convo
from benchmarks.databases import postgres_url, settled, sqlite_file
from benchmarks.side_by_side import Effort, Figure, Ways
from benchmarks.stub import Stub, runner_of
from convo.audio.wave import wav_header

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.side_by_side import Found

CLIPS, SIZE = 20, 1 << 20
BY_HAND, OURS = "raw: files, and base64.b64encode", "convo"
_STATUS = Path("/proc/self/status")
_MEMORY = """
import json, sys
from pathlib import Path
import convo
from benchmarks.clips_ import request_of

def kilobytes(name):
    return int(Path("/proc/self/status").read_text().split(name + ":")[1].split()[0])

with convo.Store(sys.argv[1]) as store:
    chat = store.get(sys.argv[2])
    store.get(sys.argv[3]).request("gpt-audio-1.5")  # imports, and connects
    before = kilobytes("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")
    request = request_of(chat)
    print(json.dumps([before * 1024, kilobytes("VmHWM") * 1024]))
"""


def run(effort: Effort) -> Found:
    """Compare on SQLite and PostgreSQL."""
    count, size = effort.of(CLIPS, CLIPS, 2), effort.of(SIZE, SIZE, 1 << 18)
    sounds = [wav_header(size) + os.urandom(size) for _ in range(count)]
    with sqlite_file() as path:
        files = _files(path.parent, sounds)
        url = f"sqlite:///{path}"
        with convo.Store(url) as store:
            yield from _compared(store, url, sounds, files, "SQLite", 0.6)
        with postgres_url() as url, convo.Store(url) as store:
            store.upgrade()
            yield from _compared(store, url, sounds, files, "PostgreSQL", 1.0)


def _files(folder: Path, sounds: Sequence[bytes]) -> list[Path]:
    paths = [folder / f"{number}.wav" for number in range(len(sounds))]
    for path, sound in zip(paths, sounds, strict=True):
        path.write_bytes(sound)
    return paths


def _compared(
    store: convo.Store, url: str, sounds: Sequence[bytes], files: Sequence[Path], database: str, goal: float
) -> Found:  # fmt: skip
    other = store.create(messages=[{"role": "user", "content": "Hello."}])
    chat = store.create()
    empty = _disk(store)
    for sound in sounds:
        chat.add(convo.Audio.from_bytes(sound))
    what = f"{len(sounds)} clips of {len(sounds[0]):,} bytes, {database}"
    ways = {BY_HAND: lambda: encoded(files), OURS: lambda: request_of(chat)}
    assert _base64(request_of(chat)) == encoded(files)
    yield Ways(what, ways, {OURS: goal}, rounds=20)
    whole = sum(map(len, sounds))
    used = _disk(store) - empty
    yield Figure(what=what, way=f"{OURS}: disk", value=used, unit="B", ratios={"the bytes": used / whole}, goal=1.05)
    if not _STATUS.exists():
        yield "  memory is measured on Linux only"
        return
    program = [sys.executable, "-c", _MEMORY, url, str(chat.id), str(other.id)]
    before, most = json.loads(subprocess.run(program, check=True, capture_output=True).stdout)
    size = sum(map(len, encoded(files)))
    ratio = {"the base64 of the request": (most - before) / size}
    yield Figure(what=what, way=f"{OURS}: memory at most", value=most - before, unit="B", ratios=ratio, goal=1.3)


def request_of(chat: convo.Conversation) -> convo.Request:
    """Assemble the request."""
    return chat.request("gpt-audio-1.5", client=Stub(), voice="alloy", format="wav")


def encoded(files: Sequence[Path]) -> list[str]:
    """Read and encode by hand."""
    return [base64.b64encode(file.read_bytes()).decode() for file in files]


def _base64(request: convo.Request) -> list[Any]:
    return [part["input_audio"]["data"] for message in request["messages"] for part in message["content"]]


def _disk(store: convo.Store) -> int:
    """Give the bytes that the tables of a store take on disk."""
    settled(store)
    engine = runner_of(store).engines.writing
    if engine.dialect.name == "sqlite":
        return Path(str(engine.url.database)).stat().st_size
    with engine.connect() as connection:
        query = "SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relkind = 'r' AND relname LIKE 'convo%%'"
        return int(connection.exec_driver_sql(query).scalar_one())
