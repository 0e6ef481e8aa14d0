"""PgBouncer in transaction mode before a server, where the program is installed (Debian: `apt-get install pgbouncer`)."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from tests.support.postgres import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAM = shutil.which("pgbouncer") or shutil.which("/usr/sbin/pgbouncer")
_WAIT = 20
"""Seconds within which it answers."""


@contextlib.contextmanager
def pgbouncer(url: str, *, size: int = 4) -> Iterator[str]:
    """Run it before the server of a URL, with few connections; give the URL of the database through it."""
    assert PROGRAM is not None
    parsed = sa.engine.make_url(url)
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="convo-pgbouncer-") as folder:
        config = Path(folder) / "pgbouncer.ini"
        config.write_text(
            f"[databases]\n* = host={parsed.host} port={parsed.port} user={parsed.username}\n"
            f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nauth_type = any\npool_mode = transaction\n"
            f"default_pool_size = {size}\nmax_client_conn = 200\nunix_socket_dir =\nlogfile =\n"
        )
        Path(folder).chmod(0o755)
        user = {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.geteuid() == 0 else {}
        process = subprocess.Popen(
            [PROGRAM, "-q", str(config)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            **user,  # type: ignore[call-overload]
        )  # fmt: skip
        try:
            through = parsed.set(port=port).render_as_string(hide_password=False)
            _until_answering(through)
            yield through
        finally:
            process.terminate()
            process.wait()


def _until_answering(url: str) -> None:
    import psycopg

    deadline = time.monotonic() + _WAIT
    while True:
        try:
            psycopg.connect(url, prepare_threshold=None).close()
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return
