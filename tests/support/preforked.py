"""The example backends as gunicorn loads them, with a store that its master has used before the workers are forked.

Time goes on by the seconds in a file, so that a test need not wait for a lease.
"""

from __future__ import annotations

import asyncio
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import openai
import openai.resources.chat.completions  # once, before the forks: it takes each process most of a second

import convo
from tests.examples import backend, wsgi


def _clock() -> datetime:
    return datetime.now(UTC) + timedelta(seconds=float(Path(os.environ["TEST_CLOCK"]).read_text()))


def _options() -> dict[str, Any]:
    options: dict[str, Any] = json.loads(os.environ["TEST_OPTIONS"])
    return {"clock": _clock, **options}


def asynchronous() -> Any:
    """FastAPI, and an `AsyncStore` with connections of another event loop."""
    store = convo.AsyncStore(os.environ["TEST_DATABASE"], **_options())
    asyncio.run(_used(store))
    return backend.backend(store, openai.AsyncOpenAI(max_retries=0), json.loads(os.environ["TEST_TOKENS"]))


async def _used(store: convo.AsyncStore) -> None:
    await (await store.create()).add("Said before the fork.")


def synchronous() -> Any:
    """Flask, and a `Store` with open connections."""
    store = convo.Store(os.environ["TEST_DATABASE"], **_options())
    store.create().add("Said before the fork.")
    return wsgi.backend(store, openai.OpenAI(max_retries=0), json.loads(os.environ["TEST_TOKENS"]))
