"""How much memory the codec's child process holds at most."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from convo.audio import isolated
from convo.audio.codec import LIMITS

_STARTER = """
import os, subprocess, sys
job = open(sys.argv[1], "rb")
child = subprocess.Popen([sys.executable, "-I", "-S", "-c", *sys.argv[2:]], stdin=job, stdout=subprocess.PIPE)
while child.stdout.read(1 << 16):
    pass
_, child.returncode, usage = os.wait4(child.pid, 0)
print(usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024))
"""


def child_memory(job: dict[str, Any], data: bytes) -> int:
    """Do a job and give the largest number of bytes that were resident at once in the process that did it.

    A small process of its own starts it: the system counts what starts a process as its memory, too.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "job"
        path.write_bytes(isolated.message(job, len(data), LIMITS) + data)
        command = [sys.executable, "-c", _STARTER, path, isolated._START, *isolated.places("a measurement")]
        return int(subprocess.run(command, capture_output=True, check=True).stdout)
