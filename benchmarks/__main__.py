"""Run the benchmarks named on the command line, or all: `python -m benchmarks append load`.

`python -m benchmarks faults` breaks things, and is not one of them.
"""

from __future__ import annotations

import importlib
import sys

QUESTIONS = {
    "append": "What does it cost to append a two-message turn, against the raw driver?",
    "load": "What does it cost to load 1,000 messages and assemble the request, against the raw driver and json.loads?",
    "depth": "What does it cost to assemble a request on a line that was edited 100 times, against one never edited?",
    "window": "What does a request of a conversation of 100,000 messages cost, against its window alone?",
    "economy": "What does a voice conversation of two hours cost under each policy, by a biller of its own?",
    "convert": "What does it cost to convert a recording, and how much of the sound is left?",
    "report": "What does a report of a million calls cost, against the cheapest sum over the same rows by the raw driver?",
    "export": "What do a million messages cost as tables and as Parquet, against the fastest other ways to the same rows?",
    "telemetry": "What does telemetry cost a send: without any, with the API of OpenTelemetry alone, with its SDK?",
    "cipher": "What does encryption cost: adding a message, loading 1,000, and a recording of 1 MB?",
    "import": "What does it cost to import convo, against SQLAlchemy?",
}


def main(names: list[str]) -> None:
    """Run each question's module and print what it found."""
    if names[:1] == ["faults"]:
        importlib.import_module("benchmarks.faults_").run(names[1:])
        return
    unknown = [name for name in names if name not in QUESTIONS]
    if unknown:
        sys.exit(f"no benchmark {', '.join(unknown)}; there are {', '.join(QUESTIONS)}")
    for name in names or QUESTIONS:
        print(f"\n{name}: {QUESTIONS[name]}")
        importlib.import_module(f"benchmarks.{name}_").run()


if __name__ == "__main__":
    main(sys.argv[1:])
