"""Files with secrets are found by name and by a pattern that a real grep reads; tokenizers and samples are none."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from keepwell.formats.secret_files import LARGEST, grep_secrets, is_secret_file, may_hold_secret
from tests.engines.real import skip

PRIVATE = "-----BEGIN {}PRIVATE " + "KEY-----\nMIIE\n"
HELD = [
    PRIVATE.format(""),
    PRIVATE.format("RSA "),
    PRIVATE.format("OPENSSH "),
    "HF_TOKEN=" + "hf_" + "a1B2" * 8,
    'token: "' + "ghp_" + "a1B2" * 9 + '"',
    "sk-ant-" + "api03-" + "a1B2" * 9,
    "password = correct-horse\n",
    '{"client_secret": "abcdefghij"}',
    "export API_KEY='abcdefghij'",
    "MY_SERVICE_TOKEN=abcdefghijkl",
]
HARMLESS = [
    '{"bos_token": "<|begin_of_text|>", "eos_token": "<|end_of_text|>", "token_type": "whitespace"}',
    "password = ${PASSWORD_FROM_ELSEWHERE}\napi_key: {{ lookup }}\n",
    "password: *********\n",
    "api_key: \n",
    "-----BEGIN CERTIFICATE-----\nMIIE\n",
    "-----BEGIN PUBLIC KEY-----\nMIIE\n",
    "max_tokens=4096\nKEY_COUNT=12\nOLLAMA_KEEP_ALIVE=30m\n",
    "sk-learn-tutorial-and-more-words",
    "see hf_hub_download and r8_model",
    "max_password_length = 12 characters",
]


@pytest.mark.parametrize(
    "name",
    [".env", ".ENV", "prod.env", ".env.local", "id_rsa", "server.key", "token", "credentials", ".netrc", "store.p12"],
)
def test_names_of_secret_files(name: str) -> None:
    assert is_secret_file(name)


@pytest.mark.parametrize(
    "name",
    [
        "env",
        ".env.example",
        ".env.sample",
        "id_rsa.pub",
        "tokenizer.json",
        "special_tokens_map.json",
        "token.py",
        "keys",
    ],
)
def test_names_of_others(name: str) -> None:
    assert not is_secret_file(name)


def test_only_small_files_of_settings_are_looked_into() -> None:
    assert may_hold_secret("app.conf", 10)
    assert may_hold_secret("README", 10)
    assert may_hold_secret(".npmrc", 10)
    assert not may_hold_secret("app.conf", LARGEST + 1)
    assert not may_hold_secret("app.conf", 0)
    assert not may_hold_secret("model.safetensors", 10)
    assert not may_hold_secret("app.py", 10)


def test_a_real_grep_names_those_that_hold_one_and_quotes_nothing(tmp_path: Path) -> None:
    if shutil.which("grep") is None:
        skip("there is no grep")
    for place, text in enumerate(HELD):
        (tmp_path / f"held{place}").write_text(f"# first\n{text}\n")
    for place, text in enumerate(HARMLESS):
        (tmp_path / f"harmless{place}").write_text(text)
    (tmp_path / "binary").write_bytes(b"\0\1" + HELD[6].encode())
    done = subprocess.run(grep_secrets(sorted(map(str, tmp_path.iterdir()))), capture_output=True, timeout=10)
    assert done.returncode == 0, done.stderr
    named = {Path(one.decode()).name for one in done.stdout.split(b"\0") if one}
    assert named == {f"held{place}" for place in range(len(HELD))}
