"""`keepwell migrate audit` from end to end: a made tree, a patch that real git applies, and a second look."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from keepwell.app.migrating.audit import audit, find_patch_root
from keepwell.app.operation import Caller
from keepwell.core.errors import ConfigurationError, NotThere
from tests.engines.real import skip

FILES = {
    "app/main.py": 'import os\nURL = os.getenv("OLLAMA_URL", "http://localhost:11434")\n# http://localhost:11434\n',
    "app/two.py": 'from langchain_ollama import ChatOllama\n\nllm = ChatOllama(\n    model="llama3",\n)\n',
    "app/wo\trd ü.py": 'x = "http://localhost:11434/api/tags"',
    "web/a.ts": "import ollama from 'ollama';\r\nawait ollama.chat({});\r\n",
    ".env": "OLLAMA_HOST=localhost:11434\nNAME=a\nHF_TOKEN=hf_abcdefghijklmnopqrstuvwxyz1234\n",
    "compose.yaml": "services:\n  web:\n    environment:\n      - OLLAMA_BASE_URL=http://ollama:11434\n",
    "pull.sh": "curl http://localhost:11434/api/pull -d '{}'\n",
    "README.md": "http://localhost:11434\n",
}


def make_tree(root: Path) -> None:
    for name, text in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
    (root / "latin.py").write_bytes(b'x = "\xe9 http://localhost:11434"\n')


def keepwell(*words: str, state: Path) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "keepwell", "migrate", "audit", *words]
    environment = {**os.environ, "KEEPWELL_STATE": str(state), "NO_COLOR": "1"}
    return subprocess.run(command, capture_output=True, check=False, timeout=60, env=environment, cwd=state)


def git(root: Path, *words: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    found = shutil.which("git")
    if found is None:
        skip("git is not there")
    return subprocess.run([found, "-C", str(root), *words], input=given, capture_output=True, check=False, timeout=30)


async def test_git_takes_the_patch_and_exactly_the_told_lines_change(tmp_path: Path) -> None:
    root = tmp_path / "tree"
    make_tree(root / "sub")
    git(root, "init", "-q", ".")
    told = await audit(Caller(state=tmp_path), str(root / "sub"))
    paths = [path for path in root.rglob("*") if path.is_file() and ".git" not in path.parts]
    before = {path: path.read_bytes().split(b"\n") for path in paths}
    patched = keepwell(str(root / "sub"), "--patch", state=tmp_path)
    assert patched.returncode == 0
    assert {path: path.read_bytes().split(b"\n") for path in before} == before
    done = git(root, "apply", "--whitespace=nowarn", "-", given=patched.stdout)
    assert done.returncode == 0, done.stderr.decode()
    wanted = {(f"sub/{file.path}", line.line): line.new for file in told.files for line in file.lines if line.in_patch}
    changed = {
        (path.relative_to(root).as_posix(), number): new.decode().strip()
        for path, rows in before.items()
        for number, (old, new) in enumerate(zip(rows, path.read_bytes().split(b"\n"), strict=True), 1)
        if old != new
    }
    assert changed == wanted
    assert len(changed) == told.in_patch == 6
    again = await audit(Caller(state=tmp_path), str(root / "sub"))
    assert again.in_patch == 0
    assert b"latin.py:1" in patched.stderr
    assert b"hf_abc" not in patched.stdout + patched.stderr


def test_the_answer_is_one_document(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text('x = "http://localhost:11434"\n')
    told = json.loads(keepwell(str(tmp_path), "--json", state=tmp_path).stdout)
    assert told["schema"] == "keepwell.migrate-audit/1"
    assert (told["exit_code"], told["line"], told["in_patch"]) == (1, 1, 1)
    assert told["files"][0]["lines"][0]["new"] == 'x = "http://127.0.0.1:4000"'


async def test_uses_are_counted_and_what_was_not_read_is_told(tmp_path: Path) -> None:
    make_tree(tmp_path)
    report = await audit(Caller(state=tmp_path), str(tmp_path), to="http://192.168.1.5:4000")
    assert report.gateway == "http://192.168.1.5:4000"
    assert report.lines_here == report.in_patch + 1
    assert report.none == 1
    assert {one.what for one in report.passed} == {"texts for people and lock files"}
    assert [one.name for one in report.models] == ["llama3"]
    assert report.exit_code == 1
    lines = [line for file in report.files for line in file.lines]
    assert {line.why_not for line in lines if line.new and not line.in_patch} == {"the file is not UTF-8"}


async def test_a_tree_without_engines_is_said_to_be_one(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("print(1)\n")
    report = await audit(Caller(state=tmp_path), str(tmp_path))
    assert (report.files, report.exit_code) == ((), 0)
    shown = keepwell(str(tmp_path), state=tmp_path)
    assert b"No direct use of an engine was found" in shown.stdout


async def test_wrong_words_are_refused(tmp_path: Path) -> None:
    with pytest.raises(NotThere):
        await audit(Caller(state=tmp_path), str(tmp_path / "nothing"))
    with pytest.raises(ConfigurationError):
        await audit(Caller(state=tmp_path), str(tmp_path), to="gpu01")


async def test_one_file_is_looked_at_by_its_name_even_where_it_is_a_test(tmp_path: Path) -> None:
    path = tmp_path / "test_x.py"
    path.write_text('x = "http://localhost:11434"\n')
    report = await audit(Caller(state=tmp_path), str(path), patch=True)
    assert [one.path for one in report.files] == ["test_x.py"]
    assert report.patch.startswith("diff --git a/test_x.py b/test_x.py\n")
    assert find_patch_root(tmp_path) == tmp_path


def test_a_person_sees_old_and_new_lines_and_the_next_step(tmp_path: Path) -> None:
    make_tree(tmp_path / "tree")
    shown = keepwell(str(tmp_path / "tree"), state=tmp_path)
    text = shown.stdout.decode()
    assert shown.returncode == 1
    assert 'URL = os.getenv("OLLAMA_URL", "http://127.0.0.1:4000")' in text
    assert "llm = ChatOllama(base_url=" in text
    assert "host.docker.internal:4000" in text
    assert "x-keepwell-node" in text
    assert "--patch | git -C" in text
    assert "hf_abc" not in text
