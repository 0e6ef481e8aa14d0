"""What is built is whole: the wheel, installed where no checkout is, makes stores and works on them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from email.parser import Parser
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import pytest
import sqlalchemy as sa
from sqlalchemy.schema import DropSchema

from convo.store.schema import REVISIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[1]


def run(*command: object, cwd: Path, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a command that sees nothing of the environment of the tests; what it says is in the error."""
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0 or not check, f"{command}\n{done.stdout}\n{done.stderr}"
    return done


@pytest.fixture(scope="module")
def uv() -> str:
    """The program that builds and installs."""
    found = os.environ.get("UV") or shutil.which("uv")
    if found is None:
        reason = "uv is not on the PATH, and these tests build and install with it: pip install uv"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return found


@attrs.frozen
class Built:
    """What a build made: the wheel made from the source distribution, and the one made from the checkout."""

    sdist: Path
    wheel: Path
    direct: Path


@pytest.fixture(scope="module")
def built(uv: str, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The distributions."""
    folder = tmp_path_factory.mktemp("dist")
    run(uv, "build", "--quiet", "--out-dir", folder / "both", ROOT, cwd=folder)
    run(uv, "build", "--quiet", "--wheel", "--out-dir", folder / "direct", ROOT, cwd=folder)
    (sdist,), (wheel,), (direct,) = (
        (folder / "both").glob("*.tar.gz"), (folder / "both").glob("*.whl"), (folder / "direct").glob("*.whl")
    )  # fmt: skip
    return Built(sdist, wheel, direct)


def files_of(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def sources() -> set[str]:
    """The files of the package and the migrations, as the wheel should name them."""
    found = {path for folder in ("convo", "migrations") for path in (ROOT / folder).rglob("*") if path.is_file()}
    named = {path.relative_to(ROOT).as_posix() for path in found if "__pycache__" not in path.parts}
    return {name if name.startswith("convo/") else f"convo/{name}" for name in named}


# --- what is in it ---------------------------------------------------------------------------------


def test_the_wheel_holds_the_package_with_its_migrations_and_nothing_else(built: Built) -> None:
    packed = {name for name in files_of(built.wheel) if ".dist-info/" not in name}
    assert packed == sources()


@pytest.mark.parametrize(
    "name",
    [
        "convo/migrations/env.py",
        "convo/migrations/script.py.mako",
        *(f"convo/migrations/versions/{revision}" for revision in REVISIONS),
        "convo/inspector/static/inspector.js",
        "convo/inspector/templates/base.html",
        "convo/models.toml",
        "convo/py.typed",
        "convo/recordings/question.mp3",
        "convo/testing/fake.py",
        ".dist-info/licenses/LICENSE",
        ".dist-info/entry_points.txt",
    ],
)
def test_the_wheel_holds(built: Built, name: str) -> None:
    assert [found for found in files_of(built.wheel) if name in found]


def test_the_source_distribution_makes_the_same_wheel(built: Built) -> None:
    assert files_of(built.wheel) == files_of(built.direct)


def test_the_source_distribution_holds_what_it_takes_to_build_and_test(built: Built) -> None:
    with tarfile.open(built.sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "migrations/env.py", "tests/conftest.py"} <= names
    folders = {name.partition("/")[0] for name in names if "/" in name}
    assert folders == {"convo", "migrations", "tests", "benchmarks"}
    assert not [name for name in names if "__pycache__" in name or name.endswith((".db", ".pyc"))]


def test_the_wheel_says_what_it_needs(built: Built) -> None:
    name = next(name for name in files_of(built.wheel) if name.endswith(".dist-info/METADATA"))
    metadata = Parser().parsestr(files_of(built.wheel)[name].decode())
    assert metadata["Name"] == "convo"
    assert metadata["Requires-Python"] == ">=3.11"
    assert set(metadata.get_all("Provides-Extra", [])) == {
        "agents",
        "chatkit",
        "langchain",
        "pydantic-ai",
        "analysis",
        "asyncpg",
        "audio",
        "chatgpt",
        "crypto",
        "adbc",
        "frames",
        "inspector",
        "openai",
        "plots",
        "postgres",
        "s3",
        "telemetry",
        "testing",
        "tokens",
    }
    always = [need for need in metadata.get_all("Requires-Dist", []) if "extra ==" not in need]
    assert {need.split(">")[0].split("[")[0] for need in always} == {
        "alembic", "attrs", "click", "orjson", "pybase64", "sqlalchemy"
    }  # fmt: skip


# --- installed where no checkout is ----------------------------------------------------------------

HEAD = """
import sys
from pathlib import Path
import sqlalchemy as sa
import convo
from convo.store import schema

place, name = sys.argv[1:3]
home = Path(sys.prefix)
assert home in Path(convo.__file__).parents, convo.__file__
assert schema.scripts() == Path(convo.__file__).parent / "migrations", schema.scripts()
"""
JOB = """
with convo.Store(place, schema=name or None) as store:
    store.upgrade()
    chat = store.create(instructions="Be short.", title="Installed", key="one")
    question = Path(convo.__file__).parent / "recordings" / "question.mp3"
    chat.add("What is this?", convo.Audio.open(question, transcript="Is it a dog?"))
    id_ = chat.id
with convo.Store(place, schema=name or None) as store:
    again = store.get(id_)
    system, user = again.history()
    assert system.text == "Be short." and "What is this?" in user.text, (system, user)
    assert again.load(user.audio).data == question.read_bytes()
    print(again.request("gpt-audio-1.5", voice="alloy", format="wav").explain())
"""
ASYNC_JOB = """
import asyncio

async def job():
    async with convo.AsyncStore(place.replace("postgresql://", "postgresql+asyncpg://"), schema=name or None) as store:
        await store.upgrade()
        chat = await store.create(title="Installed")
        await chat.add("What is this?")
        print([message.text for message in await chat.history()])

asyncio.run(job())
"""
USES = {
    "openai": """
import openai
client = openai.OpenAI(api_key="none", base_url="http://127.0.0.1:9/v1")
assert chat.request("gpt-5.5", client=client)["messages"][0]["content"] == "Hello?"
""",
    "audio": 'assert convo.Audio.open(question).convert("opus").data.startswith(b"OggS")',
    "crypto": """
convo.Cipher.new_key_file(here / "keys.txt")
with convo.Store("sqlite://", cipher=convo.Cipher.from_file(here / "keys.txt")) as safe:
    assert safe.create(title="Kept").title == "Kept"
""",
    "s3": """
nowhere = {"access_key_id": "none", "secret_access_key": "none", "region": "none"}
bucket = convo.BucketBlobs("s3://bucket", endpoint="http://127.0.0.1:9", **nowhere)
with convo.Store("sqlite://", blobs=bucket) as there:
    try:
        there.create().add(convo.Audio.open(question))
    except convo.StoreUnavailable:  # obstore has tried: nobody is there
        pass
""",
    "analysis": """
assert store.tables().messages.to_arrow().num_rows == 1
assert store.export(here / "exported").rows
""",
    "frames": """
messages = store.tables().messages
assert len(messages.to_pandas()) == len(messages.to_polars()) == len(messages.to_duckdb().fetchall()) == 1
""",
    "plots": 'store.tables().plot("activity").save(here / "activity.svg")',
    "telemetry": 'convo.Store("sqlite://", telemetry=True).create()',
    "tokens": """
from convo.tokenizer import COUNT
from convo.tokens import rough_tokens
assert COUNT("Hello?") == 2 and COUNT is not rough_tokens
""",
    "testing": """
from convo.testing import FakeAPI
fake = FakeAPI()
with fake.client() as client:
    assert chat.send(client, model="gpt-audio-1.5", voice="alloy").spoken
with fake.serve() as url:
    assert url.startswith("http://")
""",
}
"""The main job of each extra, but of PostgreSQL's, which have tests of their own, and of `adbc`, which makes another quicker."""
USING = """
import site
here = Path(sys.argv[3])
site.addsitedir(str(here))
store = convo.Store("sqlite://")
chat = store.create()
chat.add("Hello?")
question = Path(convo.__file__).parent / "recordings" / "question.mp3"
"""
MISSING = """
for made in (lambda: convo.Store(place), lambda: convo.AsyncStore(place)):
    try:
        made()
    except convo.MissingDependency as error:
        print(error)
"""


@pytest.fixture(scope="module")
def locked(uv: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The versions of all that is installed, those of the lock file."""
    file = tmp_path_factory.mktemp("locked") / "constraints.txt"
    run(uv, "export", "--quiet", "--frozen", "--no-emit-project", "--no-hashes", "--all-extras", "-o", file, cwd=ROOT)
    return file


@pytest.fixture(scope="module")
def install(uv: str, built: Built, locked: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Callable[..., str]]:
    """Install the wheel with extras in an environment of its own; gives what runs a script there."""

    def installed(extras: str) -> Callable[..., str]:
        folder = tmp_path_factory.mktemp("a user's 100% own folder")
        run(uv, "venv", "--quiet", "--python", sys.executable, folder / "venv", cwd=folder)
        python = folder / "venv" / ("Scripts" if os.name == "nt" else "bin") / "python"
        run(uv, "pip", "install", "--quiet", "--python", python, "-c", locked, f"{built.wheel}{extras}", cwd=folder)
        return lambda *arguments: run(python, "-I", "-W", "error", *arguments, cwd=folder).stdout

    return installed


@pytest.fixture(scope="module")
def plain(install: Callable[[str], Callable[..., str]]) -> Callable[..., str]:
    """An environment with no extra."""
    return install("")


@pytest.fixture(scope="module")
def with_postgres(install: Callable[[str], Callable[..., str]]) -> Callable[..., str]:
    """An environment with the drivers of PostgreSQL."""
    return install("[postgres,asyncpg]")


@pytest.fixture
def schema(postgres_url: str) -> Iterator[str]:
    """The name of a schema that is not there yet."""
    name = f"convo_wheel_{os.getpid()}"
    yield name
    server = sa.create_engine(postgres_url)
    with server.begin() as connection:
        connection.execute(DropSchema(name, cascade=True, if_exists=True))
    server.dispose()


def test_an_installed_wheel_makes_a_sqlite_store_and_works_on_it(plain: Callable[..., str], tmp_path: Path) -> None:
    assert "gpt-audio-1.5" in plain("-c", HEAD + JOB, f"sqlite:///{tmp_path / 'chat.db'}", "")
    assert "['What is this?']" in plain("-c", HEAD + ASYNC_JOB, f"sqlite:///{tmp_path / 'chat.db'}", "")


def test_an_installed_wheel_makes_a_postgresql_schema_and_works_on_it(
    with_postgres: Callable[..., str], postgres_url: str, schema: str
) -> None:
    assert "gpt-audio-1.5" in with_postgres("-c", HEAD + JOB, postgres_url, schema)
    assert "['What is this?']" in with_postgres("-c", HEAD + ASYNC_JOB, postgres_url, schema)


def test_without_the_extra_a_postgresql_store_says_what_to_install(plain: Callable[..., str]) -> None:
    said = plain("-c", HEAD + MISSING, "postgresql://localhost/none", "").splitlines()
    assert len(said) == 2
    assert all("pip install 'convo[postgres]'" in line for line in said)


def test_each_extra_alone_does_its_job_with_what_it_declares(
    uv: str, built: Built, locked: Path, plain: Callable[..., str], tmp_path: Path
) -> None:
    """Each in a folder of its own, behind the environment that has none: modules of convo itself are compiled once."""
    for extra, job in USES.items():
        there = tmp_path / extra
        run(uv, "pip", "install", "--quiet", "--target", there, "--python", sys.executable, "-c", locked,
            f"{built.wheel}[{extra}]", cwd=tmp_path)  # fmt: skip
        plain("-c", HEAD + USING + job, "", "", there)


def test_without_an_extra_its_job_says_what_to_install(plain: Callable[..., str], tmp_path: Path) -> None:
    missed = sorted(set(USES) - {"openai", "tokens"})  # the one is the caller's to import, without the other it is an estimate
    tried = HEAD + USING
    for extra in missed:
        job = "".join(f"    {line}\n" for line in USES[extra].strip().splitlines())
        tried += f"try:\n{job}except convo.MissingDependency as error:\n    print(error)\nelse:\n    print('all is there')\n"
    needed = [{"plots": "analysis", "frames": "analysis"}.get(extra, extra) for extra in missed]
    said = plain("-c", tried, "", "", tmp_path).splitlines()
    assert [line.partition("pip install ")[2] for line in said] == [f"'convo[{extra}]'" for extra in needed]


def test_the_source_distribution_installs_and_works(uv: str, built: Built, tmp_path: Path) -> None:
    run(uv, "venv", "--quiet", "--python", sys.executable, tmp_path / "venv", cwd=tmp_path)
    python = tmp_path / "venv" / ("Scripts" if os.name == "nt" else "bin") / "python"
    run(uv, "pip", "install", "--quiet", "--python", python, built.sdist, cwd=tmp_path)
    store = f"sqlite:///{tmp_path / 'chat.db'}"
    assert "gpt-audio-1.5" in run(python, "-I", "-W", "error", "-c", HEAD + JOB, store, "", cwd=tmp_path).stdout


def test_an_installed_wheel_has_its_command(plain: Callable[..., str], tmp_path: Path) -> None:
    store = tmp_path / "chat.db"
    assert "convo 0.1.0" in plain("-m", "convo", "--version")
    plain("-m", "convo", "--store", store, "upgrade")
    plain("-c", HEAD + JOB, f"sqlite:///{store}", "")
    assert "Installed" in plain("-m", "convo", "--store", store, "list")


def test_the_lowest_versions_that_it_allows_do(uv: str, built: Built, tmp_path: Path) -> None:
    """Of what is always needed, and on every command of the program: each is loaded only when it is called."""
    run(uv, "venv", "--quiet", "--python", sys.executable, tmp_path / "venv", cwd=tmp_path)
    python = tmp_path / "venv" / ("Scripts" if os.name == "nt" else "bin") / "python"
    lowest = tmp_path / "lowest.txt"
    run(uv, "pip", "compile", "--quiet", "--python", python, "--resolution", "lowest-direct", "-o", lowest,
        ROOT / "pyproject.toml", cwd=tmp_path)  # fmt: skip
    run(uv, "pip", "install", "--quiet", "--python", python, "-r", lowest, built.wheel, cwd=tmp_path)
    for job, says in ((JOB, "gpt-audio-1.5"), (ASYNC_JOB, "['What is this?']")):
        place = f"sqlite:///{tmp_path / 'chat.db'}"
        assert says in run(python, "-I", "-W", "error", "-c", HEAD + job, place, "", cwd=tmp_path).stdout
    listed = "from convo.cli import main; import click; print(*main.list_commands(click.Context(main)))"
    commands = run(python, "-I", "-c", listed, cwd=tmp_path).stdout.split()
    assert "stats" in commands
    for command in commands:
        assert "Usage: " in run(python, "-I", "-m", "convo", command, "--help", cwd=tmp_path).stdout
