"""A patch changes exactly the lines that are told; real git takes it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.audit.patch import render_patch
from keepwell.audit.secrets import mask_line

LINE = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Cf", "Zl", "Zp")), max_size=12)
TEXT = st.lists(LINE, min_size=1, max_size=14)


def apply(folder: Path, patch: str) -> None:
    """What `git apply` makes of it, in a folder that is no repository."""
    git = shutil.which("git")
    if git is None:
        pytest.skip("git is not there")
    command = [git, "apply", "--whitespace=nowarn", "-"]
    done = subprocess.run(command, input=patch.encode(), cwd=folder, capture_output=True, check=False, timeout=20)
    assert done.returncode == 0, done.stderr.decode()


@settings(max_examples=25, deadline=None)
@given(TEXT, st.sets(st.integers(1, 14), min_size=1), st.booleans(), st.sampled_from(["", "\r"]))
def test_git_changes_exactly_these_lines(lines: list[str], numbers: set[int], ends: bool, carriage: str) -> None:
    import tempfile

    rows = [one + carriage for one in lines] + [""] * ends
    last = len(rows) - (not rows[-1])
    changed = {number: f"new {number}{carriage}" for number in numbers if number <= last}
    patch = render_patch("a dir/fü.txt", rows, changed)
    assert set(patch.left_out) <= set(changed)
    with tempfile.TemporaryDirectory() as name:
        path = Path(name, "a dir", "fü.txt")
        path.parent.mkdir()
        path.write_bytes("\n".join(rows).encode())
        if patch.text:
            apply(Path(name), patch.text)
        wanted = [rows[number - 1] for number in range(1, len(rows) + 1)]
        for number in set(changed) - set(patch.left_out):
            wanted[number - 1] = changed[number]
        assert path.read_bytes() == "\n".join(wanted).encode()


def test_no_patch_where_nothing_changes() -> None:
    assert render_patch("a", ["x", ""], {}).text == ""


def test_a_secret_stands_in_no_patch() -> None:
    lines = ["URL=http://localhost:11434", "API_KEY=sk-proj-abcdefghijklmnop123456789", "b", "c", "d", "e", "URL=x", ""]
    patch = render_patch(".env", lines, {1: "URL=new", 7: "URL=new"})
    assert set(patch.left_out) == {1}
    assert "sk-proj" not in patch.text
    assert patch.text.count("\n+") == 2
    own = render_patch("a.py", ['f("http://a", api_key="hunter2hunter2")', ""], {1: "f()"})
    assert own.text == ""
    assert "secret" in own.left_out[1]


def test_what_a_terminal_would_act_on_stands_in_no_patch() -> None:
    lines = ["\x1b[2J", "a", "b", "c", "x", "\x1b]0;t\x07", ""]
    patch = render_patch("a", lines, {2: "A", 5: "X"})
    assert set(patch.left_out) == {5}
    assert "\x1b" not in patch.text


def test_names_are_written_as_git_reads_them() -> None:
    text = render_patch('q"\n\\.py', ["a", ""], {1: "b"}).text
    assert text.startswith('diff --git "a/q\\"\\012\\\\.py" "b/q\\"\\012\\\\.py"\n')


@pytest.mark.parametrize(
    "line",
    [
        'OpenAI(base_url="http://localhost:8000/v1", api_key="EMPTY")',
        'OpenAI(api_key="ollama")',
        'api_key="sk-no-key-required"',
        "api_key=os.environ['KEY']",
        "apiKey: process.env.OPENAI_API_KEY,",
        "OPENAI_API_KEY=${OPENAI_API_KEY}",
        "token = get_token()",
        "max_tokens=1024",
    ],
)
def test_what_is_no_secret_is_shown(line: str) -> None:
    assert mask_line(line) == line


@pytest.mark.parametrize(
    ("line", "secret"),
    [
        ("OPENAI_API_KEY=sk-proj-abcdefghijklmnop1234567890", "sk-proj-abc"),
        ('OpenAI(api_key="sk-abcdefghijklmnopqrstuvwxyz123456")', "abcdefgh"),
        ("url = http://me:pass1234@gpu01:11434", "pass1234"),
        ('"Authorization": "Bearer abcdef123456"', "abcdef123456"),
        ("      HF_TOKEN: hf_abcdefghijklmnopqrstuvwxyz1234", "hf_abcdef"),
        ('password = "correct horse 1"', "correct"),
    ],
)
def test_a_secret_is_masked(line: str, secret: str) -> None:
    assert secret not in mask_line(line)
