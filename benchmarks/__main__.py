"""How fast is convo? `python -m benchmarks` prints a first look, `--help` says what else there is."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.results import Result, document, line, summary
from benchmarks.side_by_side import Effort, Figure, Ways, timed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

SHORT = {
    "append": "What does it cost to append a two-message turn, against the raw driver? Is it flat?",
    "send": "What does a send cost without the call, against the raw driver and the same two commits?",
    "load": "What does it cost to load a conversation and assemble its request, against the raw driver and json.loads?",
    "window": "What does a request from a window of a conversation of 100,000 messages cost?",
    "resume": "How long does a new process take to go on with a conversation in a store of 1,000,000 messages?",
    "asynchronous": "What do the async ways cost, against the raw async drivers and our sync ways?",
    "writers": "How many turns a second do eight processes write, against eight that write by hand?",
    "clips": "What do twenty recordings of 1 MiB cost on disk, in time and in memory?",
    "memory": "How much memory does a conversation of 10,000 messages take, against plain dicts?",
    "import": "What does it cost to import convo, and to start a command, against SQLAlchemy?",
    "peers": "What do other libraries cost for the same? Those that are installed: `uv run --group peers`",
}
"""What a run without names looks at."""
MORE = {
    "depth": "What does it cost to assemble a request on a line that was edited 100 times, against one never edited?",
    "economy": "What does a voice conversation of two hours cost under each policy, by a biller of its own?",
    "convert": "What does it cost to convert a recording, and how much of the sound is left?",
    "report": "What does a report of a million calls cost, against the cheapest sum over the same rows by the raw driver?",
    "export": "What do a million messages cost as tables and as Parquet, against the fastest other ways to the same rows?",
    "telemetry": "What does telemetry cost a send: without any, with the API of OpenTelemetry alone, with its SDK?",
    "cipher": "What does encryption cost: adding a message, loading 1,000, and a recording of 1 MB?",
    "capacity": "What do 100 million users with 10 conversations each take: disk, log, input and output, and how many servers?",
}
QUESTIONS = SHORT | MORE


def measured(names: Iterable[str], effort: Effort) -> list[Result]:
    """Run benchmarks, print what each finds as it finds it, and give all figures."""
    results: list[Result] = []
    for name in names:
        print(f"\n{name}: {QUESTIONS[name]}", flush=True)
        results += (Result(name, figure) for figure in _figures(name, effort))
    return results


def _figures(name: str, effort: Effort) -> list[Figure]:
    going = importlib.import_module(f"benchmarks.{name}_").run(effort)
    found: list[Figure] = []
    proceed = partial(going.send, None)
    while True:
        try:
            asked = proceed()
        except StopIteration:
            return found
        proceed = partial(going.send, None)
        if isinstance(asked, str):
            print(asked, flush=True)
            continue
        try:
            answer = timed(asked, effort) if isinstance(asked, Ways) else [asked]
        except Exception as error:  # noqa: BLE001 - the benchmark knows what a failure of its ways means, or raises it again
            proceed = partial(going.throw, error)
            continue
        if not found or found[-1].what != asked.what:
            print(f"\n  {asked.what}")
        print("\n".join(map(line, answer)), flush=True)
        found += answer
        proceed = partial(going.send, answer)


def main(arguments: Sequence[str]) -> None:
    """Run what is asked for."""
    if arguments[:1] == ["faults"]:
        importlib.import_module("benchmarks.faults_").run(list(arguments[1:]))
        return
    parser = _parser()
    given = parser.parse_args(arguments)
    if unknown := [name for name in given.names if name not in QUESTIONS]:
        parser.error(f"no benchmark {', '.join(unknown)}; there are {', '.join(QUESTIONS)}")
    for path in filter(None, (given.json, given.plot)):
        if not path.absolute().parent.is_dir():
            parser.error(f"there is no folder {path.absolute().parent}")
    if given.plot is not None and given.plot.suffix not in (".svg", ".png"):
        parser.error(f"--plot {given.plot} ends neither in .svg nor in .png")
    effort = Effort(given.effort or ("long" if given.names else "short"))
    results = measured(given.names or SHORT, effort)
    print("", *summary(results), sep="\n")
    if given.json is not None:
        given.json.write_text(json.dumps(document(results, effort), indent=1) + "\n")
    if given.plot is not None:
        from benchmarks.plot import draw

        draw(results, given.plot)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        usage="%(prog)s [NAME ...] [--effort short|long|tiny] [--json FILE] [--plot FILE]\n       %(prog)s faults --help",
        description=_DESCRIPTION.format(_listed(SHORT), _listed(MORE)),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="what to measure, in its long form")
    parser.add_argument(
        "--effort", choices=[effort.value for effort in Effort], help="how much of it; tiny: only whether it runs"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure to this file")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the ratios into this .svg or .png")
    return parser


_DESCRIPTION = """\
How fast is convo? Each benchmark times several ways of doing the same in turn,
round by round, and prints the median and the 99th percentile of each, the
median of its ratios to the raw driver, and whether the goal is met.

Without names, the short form of:
{}

More, by their names only:
{}

PostgreSQL is started from the wheel that the tests use, with the settings it
ships with; or CONVO_TEST_POSTGRES_URL names a server that runs.
Files are temporary: TMPDIR says on which disk. Where it is a RAM disk, a commit
costs what the library does about it, and nothing else.
`faults` breaks things, and is not a benchmark."""


def _listed(questions: Mapping[str, str]) -> str:
    return "\n".join(f"  {name:13} {question}" for name, question in questions.items())


if __name__ == "__main__":
    main(sys.argv[1:])
