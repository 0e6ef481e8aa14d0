"""What the public calls do, once for both edges: generators that yield what has to be done and get what came of it.

A sequence of steps holds no connection and no client's answer open between two of its effects; it knows nothing of
threads, event loops and engines. The sync edge performs the effects directly, the async edge awaits them.

The edges write `steps.notes.annotate(...)`: a module is imported when the first call needs it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from convo.steps import (
        ageing,
        answers,
        apis,
        backups,
        beside,
        blobs,
        branches,
        calling,
        carrying,
        columns,
        compacting,
        converting,
        creating,
        doctor,
        documents,
        ears,
        effects,
        ending,
        erasing,
        exchange,
        exporting,
        importing,
        items,
        keys,
        letting,
        listening,
        log,
        measures,
        measuring,
        notes,
        objects,
        place,
        plots,
        presets,
        reading,
        relocating,
        replacing,
        repricing,
        requests,
        saying,
        searching,
        sessions,
        settling,
        speaking,
        spending,
        stored,
        stores,
        streaming,
        successors,
        tables,
        transcribing,
        translating,
        truncating,
        upgrading,
        watched,
    )  # fmt: skip
else:

    def __getattr__(name: str) -> object:
        """Import a module when it is first asked for: a process pays for what it does."""
        if name not in __all__:
            message = f"module {__name__!r} has no attribute {name!r}"
            raise AttributeError(message)
        from importlib import import_module

        return import_module(f"{__name__}.{name}")


__all__ = [
    "ageing", "answers", "apis", "backups", "beside", "blobs", "branches", "calling", "carrying", "columns", "compacting",
    "converting", "creating", "doctor", "documents", "ears", "effects", "ending", "erasing", "exchange", "exporting",
    "importing", "items", "keys", "letting", "listening", "log", "measures", "measuring", "notes", "objects", "place",
    "plots", "presets", "reading", "relocating", "replacing", "repricing", "requests", "saying", "searching", "sessions",
    "settling", "speaking", "spending", "stored", "stores", "streaming", "successors", "tables", "transcribing",
    "translating", "truncating", "upgrading", "watched",
]  # fmt: skip
