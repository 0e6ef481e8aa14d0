"""The process that decodes: it may die, hang, lie or eat memory, and the caller gets a typed error and nothing stays behind."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import threading
import time
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from convo.audio import extra, isolated
from convo.audio.codec import Form, Limits, convert, decoded
from convo.errors import BadAudio, CodecFailed, MissingDependency
from tests.audio.builders import sample

ROOT = Path(__file__).parents[2]
WEBM = sample("himself.webm")
READ = "import sys; sys.stdin.buffer.read({})\n"
POSIX = pytest.mark.skipif(os.name != "posix", reason="signals and limits of POSIX")


@pytest.fixture
def child(monkeypatch: pytest.MonkeyPatch) -> object:
    """Put another program in the child's place."""

    def put(code: str) -> None:
        monkeypatch.setattr(isolated, "_START", code)

    return put


def descriptors() -> int:
    gc.collect()
    return len(list(Path("/proc/self/fd").iterdir()))


def children() -> set[str]:
    """The processes that this one started and that are still there, dead or alive."""
    return set(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())


ANSWER = "import sys, struct; send = lambda k, c: sys.stdout.buffer.write(struct.pack('>cI', k, len(c)) + c)\n"
DEATHS = {
    "leaves at once": ("import sys; sys.exit(3)", CodecFailed, "status 3"),
    "is killed": ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", CodecFailed, "status -9"),
    "crashes": ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", BadAudio, "crashed"),
    "takes too much time": ("import os, signal; os.kill(os.getpid(), signal.SIGXCPU)", BadAudio, "seconds of processor time"),
    "raises": ("raise RuntimeError('of the child')", CodecFailed, "status 1"),
    "says nothing": ("pass", CodecFailed, "status 0"),
    "prints": ("print('hello, this is no answer at all')", CodecFailed, "without an answer"),
    "answers no JSON": (ANSWER + "send(b'E', b'{')", CodecFailed, "without an answer"),
    "answers a list": (ANSWER + "send(b'E', b'[1]')", CodecFailed, "without an answer"),
    "answers without facts": (ANSWER + "send(b'E', b'{}')", CodecFailed, "without an answer"),
    "answers what it should not know": (ANSWER + "send(b'X', b'{}')", CodecFailed, "without an answer"),
    "ends within a frame": ("import sys; sys.stdout.buffer.write(b'E\\0\\0\\0\\x09{')", CodecFailed, "without an answer"),
    "claims a huge frame": ("import sys; sys.stdout.buffer.write(b'D\\xff\\xff\\xff\\xff' + bytes(9))", CodecFailed, "without"),
}


@POSIX
@pytest.mark.parametrize("how", DEATHS)
def test_however_the_process_ends_there_is_a_typed_error_and_nothing_left(
    how: str, child: object, capfd: pytest.CaptureFixture[str]
) -> None:
    code, kind, message = DEATHS[how]
    child(code)  # type: ignore[operator]
    before = descriptors(), children()
    with pytest.raises(kind, match=message):
        convert(WEBM * 100, "webm", Form("wav"))
    assert (descriptors(), children()) == before
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("reads", [True, False])
def test_a_process_that_hangs_is_ended(reads: bool, child: object, monkeypatch: pytest.MonkeyPatch) -> None:
    child((READ.format(3_000) if reads else "") + "import time; time.sleep(3600)")  # type: ignore[operator]
    monkeypatch.setattr(isolated, "_WALL", 0.3)
    before = descriptors(), children()
    with pytest.raises(CodecFailed, match=r"stopped after 0\.3 seconds") as late:
        decoded(WEBM * 100, "webm", limits=Limits(time=1))
    assert late.value.retryable
    assert (descriptors(), children()) == before


def test_a_process_that_never_stops_writing_is_ended(child: object) -> None:
    child(ANSWER + "while True: send(b'D', bytes(60_000))")  # type: ignore[operator]
    with pytest.raises(CodecFailed):
        convert(WEBM, "webm", Form("wav"), limits=Limits(output=1_000_000))
    child(ANSWER + "while True: send(b'P', b'{\"samples\": 1, \"levels\": [0, 0, 0, 0]}')")  # type: ignore[operator]
    with pytest.raises(CodecFailed):
        convert(WEBM, "webm", Form("wav"), limits=Limits(output=1_000_000))


def test_an_interrupt_ends_the_process_and_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    before = descriptors(), children()
    monkeypatch.setattr(isolated, "_heard", interrupted)
    with pytest.raises(KeyboardInterrupt):
        decoded(WEBM, "webm")
    assert (descriptors(), children()) == before


def test_no_interpreter_is_a_typed_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "")
    with pytest.raises(CodecFailed, match="no Python interpreter"):
        decoded(WEBM, "webm")
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(CodecFailed, match="no process could be started"):
        decoded(WEBM, "webm")


def test_no_thread_is_a_typed_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Timer, "start", refused)
    before = descriptors(), children()
    with pytest.raises(CodecFailed, match="no thread"):
        decoded(WEBM, "webm")
    assert (descriptors(), children()) == before


# --- what the process is allowed -------------------------------------------------------------------


def confined(code: str) -> subprocess.CompletedProcess[str]:
    """Run code in a process that is started and limited as the child is."""
    start = isolated._START.replace("main\n", "confine\n").replace("main()", "confine(cpu=1, memory=50_000_000)")
    assert "confine(cpu" in start
    command = [sys.executable, "-I", "-S", "-c", start + code, str(ROOT / "convo"), ""]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@POSIX
def test_the_process_can_write_no_file(tmp_path: Path) -> None:
    target = tmp_path / "written"
    done = confined(f"file = open({str(target)!r}, 'wb', 0)\ntry:\n    file.write(b'x')\nexcept OSError: print('refused')")
    assert (done.stdout, target.read_bytes()) == ("refused\n", b"")


@POSIX
def test_the_process_has_few_files() -> None:
    done = confined("import os\ntry:\n    [os.dup(0) for _ in range(20)]\nexcept OSError: print('refused')")
    assert done.stdout == "refused\n"


@pytest.mark.skipif(sys.platform != "linux", reason="macOS does not limit the address space")
def test_the_process_has_so_much_memory() -> None:
    done = confined("bytes(20_000_000)\ntry:\n    bytes(60_000_000)\nexcept MemoryError: print('refused')")
    assert done.stdout == "refused\n"


@POSIX
def test_the_process_has_so_much_time() -> None:
    assert confined("while True: pass").returncode == -signal.SIGXCPU


@POSIX
def test_the_process_sees_nothing_of_the_environment(child: object, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    seen = tmp_path / "seen"
    child(f"import os, sys; open({str(seen)!r}, 'w').write(repr(dict(os.environ)) + repr(sys.path))")  # type: ignore[operator]
    with pytest.raises(CodecFailed):
        decoded(WEBM, "webm")
    assert "secret" not in seen.read_text()
    assert str(tmp_path) not in seen.read_text()


def test_a_module_of_the_caller_with_a_name_of_the_standard_library_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit")
    monkeypatch.syspath_prepend(tmp_path)
    assert decoded(WEBM, "webm").probe.duration


# --- from wherever it is called --------------------------------------------------------------------


def test_it_works_from_many_threads_at_once() -> None:
    found: list[object] = []
    threads = [threading.Thread(target=lambda: found.append(decoded(WEBM, "webm"))) for _ in range(8)]
    before = descriptors(), children()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(map(repr, found))) == 1
    assert (descriptors(), children()) == before


def script(code: str) -> subprocess.CompletedProcess[str]:
    start = "import os, sys\nfrom convo.audio.codec import *\ndata = open('tests/audio/samples/himself.webm', 'rb').read()\n"
    return subprocess.run([sys.executable, "-c", start + code], cwd=ROOT, capture_output=True, text=True, check=False)


@POSIX
def test_it_works_after_fork() -> None:
    code = """
if os.fork() == 0:
    print(decoded(data, 'webm').probe.duration)
    sys.stdout.flush()
    os._exit(0)
os.wait()
print(decoded(data, 'webm').probe.duration)
"""
    done = script(code)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(set(done.stdout.split())) == 1


@POSIX
@pytest.mark.parametrize("closed", ["0", "1", "2", "0, 1, 2"])
def test_it_works_when_the_caller_has_no_stdin_or_stdout(closed: str, tmp_path: Path) -> None:
    code = f"""
for number in ({closed},):
    os.close(number)
found = convert(data, 'webm', Form('wav')).probe.duration
open({str(tmp_path / "out")!r}, 'w').write(repr(found))
"""
    script(code)
    assert (tmp_path / "out").read_text().startswith("0.76")


@POSIX
def test_it_works_where_ended_children_are_not_waited_for() -> None:
    done = script("import signal\nsignal.signal(signal.SIGCHLD, signal.SIG_IGN)\nprint(decoded(data, 'webm').truncated)")
    assert (done.stdout, done.stderr) == ("False\n", "")


@POSIX
def test_when_the_caller_is_killed_the_process_does_not_stay(tmp_path: Path) -> None:
    """The caller dies while the process still waits for its job."""
    code = f"""
from convo.audio import extra, isolated
def never(pipe, header, data):
    open({str(tmp_path / "pid")!r}, 'w').write(open(f'/proc/self/task/{{os.getpid()}}/children').read())
    os.kill(os.getpid(), 9)
isolated._tell = never
decoded(data, 'webm')
"""
    assert script(code).returncode == -signal.SIGKILL
    pid = (tmp_path / "pid").read_text().strip()
    assert pid
    assert gone(pid)


@POSIX
def test_when_the_caller_is_killed_at_work_the_process_does_not_stay(tmp_path: Path) -> None:
    """The caller dies when it has told the job, an hour of sound that is only measured."""
    code = f"""
from convo.audio import extra, isolated
def never(pipe, most):
    open({str(tmp_path / "pid")!r}, 'w').write(open(f'/proc/self/task/{{os.getpid()}}/children').read())
    os.kill(os.getpid(), 9)
isolated._heard = never
decoded(bytes(2 * 24_000 * 3_600), 'pcm16')
"""
    assert script(code).returncode == -signal.SIGKILL
    assert gone((tmp_path / "pid").read_text().strip())


def gone(pid: str) -> bool:
    """Whether a process ends, given the time that a busy machine takes."""
    for _ in range(400):
        try:
            status = Path(f"/proc/{pid}/stat").read_text()
        except OSError:
            return True
        if status.rpartition(")")[2].split()[0] == "Z":
            return True
        time.sleep(0.01)
    return False


@pytest.mark.parametrize("found", [None, ModuleSpec("av", None), ValueError("av.__spec__ is None"), ImportError("av")], ids=str)
def test_what_is_not_pyav_is_not_taken_for_it(monkeypatch: pytest.MonkeyPatch, found: object) -> None:
    """No package, a folder of that name, and what the import system raises."""

    def find(name: str) -> object:
        assert name == "av"
        if isinstance(found, Exception):
            raise found
        return found

    monkeypatch.setattr("importlib.util.find_spec", find)
    assert not extra.can_convert.__wrapped__()
    with pytest.raises(MissingDependency, match=r"convo\[audio\]"):
        isolated.places("decoding")
