"""Break things many times, and count what was lost: `python -m benchmarks faults kills --times 10000`.

Each harness is a module of `tests/faults` with `run(times: int) -> str`: the long form of what the tests do briefly.
"""

from __future__ import annotations

import argparse
import importlib

HARNESSES: dict[str, tuple[str, int]] = {
    "upgrades": ("upgrades of stores of each revision, killed at every step and at random moments", 1_000),
    "objects": ("processes killed while they store, move and delete bytes of a folder", 500),
    "restores": ("backups taken while others write, restored and held against what was acknowledged", 100),
    "flips": ("one bit of a stored message is flipped: is it found, and named?", 10_000),
    "owners": ("owners call everything with each other's ids, keys and titles: does anybody see what is not theirs?", 1_000_000),
    "cancels": ("Turns are cancelled at random awaits, over each async driver", 10_000),
    "failover": ("A primary is killed and its standby promoted under writing processes", 50),
    "hot": ("Processes write to one conversation, against psycopg by hand; 64 writers append", 20_000),
    "pooler": ("Turns through PgBouncer in transaction mode", 320),
    "restarts": ("PostgreSQL crashes, restarts and loses its connections under writing processes", 200),
    "proxy": ("PostgreSQL's reply to a commit is lost, and connections break after every 7th byte of a turn", 10_000),
    "erasing": ("erasures of an owner that are killed at any moment while others write", 500),
    "kills": ("Workers are killed (SIGKILL) at random moments and statements, over four drivers", 10_000),
    "power": ("Power cuts of a SQLite store are replayed, with what was not synced lost or torn", 20_000),
    "writers": ("32 processes write to one SQLite file, with and without others who store audio", 20),
    "points": ("Every statement and commit of every operation fails, in so many ways", 16),
    "disk": ("The disk is full, and then is not", 100),
}
"""What each harness does, and how often when nobody says."""


def run(arguments: list[str]) -> None:
    """Run the harnesses that are named, or all, and print what each found. Raises what a harness raises on a loss."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks faults")
    parser.add_argument("names", nargs="*", help=", ".join(HARNESSES))
    parser.add_argument("--times", type=int, help="how often; each harness has its own number otherwise")
    given = parser.parse_args(arguments)
    unknown = [name for name in given.names if name not in HARNESSES]
    if unknown:
        parser.error(f"no harness {', '.join(unknown)}; there are {', '.join(HARNESSES)}")
    for name in given.names or HARNESSES:
        what, times = HARNESSES[name]
        print(f"\n{name}: {what}", flush=True)
        print(importlib.import_module(f"tests.faults.{name}").run(given.times or times), flush=True)
