"""Secrets are masked by name and by shape; ordinary words stay readable."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.core.secret import MASK, is_secret_name, mask_argv, mask_environment, mask_text

SECRET = "s3cr3t-Value.99"


@pytest.mark.parametrize(
    "name",
    [
        "OPENAI_API_KEY",
        "HF_TOKEN",
        "HUGGING_FACE_HUB_TOKEN",
        "VLLM_API_KEY",
        "DB_PASSWORD",
        "AWS_SECRET_ACCESS_KEY",
        "apiKey",
        "authToken",
        "api-key",
        "hf-token",
        "Authorization",
        "MYSQL_PASSWD",
        "GITHUB_PAT",
    ],
)
def test_names_of_secrets(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "OLLAMA_KEEP_ALIVE",
        "MAX_TOKENS",
        "max-tokens",
        "TOKENIZERS_PARALLELISM",
        "TOKENIZER_PATH",
        "PATH",
        "HOME",
        "api-key-file",
        "SSL_CERT_FILE",
        "NUM_KEY_HEADS",
        "KEYBOARD",
        "MONKEY",
        "OLLAMA_HOST",
    ],
)
def test_names_of_other_things(name: str) -> None:
    assert not is_secret_name(name)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("http://ann:pw@proxy.lan:3128/", "http://***@proxy.lan:3128/"),
        ("socks5h://token@h", "socks5h://***@h"),
        ("curl -H 'Authorization: Bearer abcdef123'", "curl -H 'Authorization: *** ***'"),
        ("key sk-abcdefghijklmnop1234 used", "key *** used"),
        ("hf_ABCDEFGHIJKLMNOP", "***"),
        ('{"api_key": "abcdefg"}', '{"api_key": "***"}'),
        ("token=abcd1234, next", "token=***, next"),
    ],
)
def test_shapes_of_secrets(text: str, masked: str) -> None:
    assert mask_text(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "max_tokens=4096 n_tokens: 12345 eos_token = <|endoftext|>",
        "print_info: BOS token        = 128000 '<|begin_of_text|>'",
        "http://127.0.0.1:11434/api/tags",
        "mail ann@example.org",
        "GET /v1/models?key= 200",
        'tokens per second: 35.1, "token": null, add_bos_token = false',
    ],
)
def test_ordinary_lines_stay(text: str) -> None:
    assert mask_text(text) == text


@pytest.mark.parametrize(
    ("argv", "masked"),
    [
        (["serve", "--api-key", SECRET, "--port", "1"], ["serve", "--api-key", MASK, "--port", "1"]),
        (["--hf-token=" + SECRET, "--max-tokens", "10"], [f"--hf-token={MASK}", "--max-tokens", "10"]),
        (["env", "HF_TOKEN=ab", "A=b", "x"], ["env", f"HF_TOKEN={MASK}", "A=b", "x"]),
        (["--token", "-v", "token", "KEY="], ["--token", "-v", "token", "KEY="]),
    ],
)
def test_arguments(argv: list[str], masked: list[str]) -> None:
    assert list(mask_argv(argv)) == masked


def test_environment() -> None:
    masked = mask_environment({"HF_TOKEN": SECRET, "EMPTY_TOKEN": "", "HTTPS_PROXY": f"http://u:{SECRET}@h", "A": "b"})
    assert masked == {"HF_TOKEN": MASK, "EMPTY_TOKEN": "", "HTTPS_PROXY": f"http://{MASK}@h", "A": "b"}


pieces = st.sampled_from(
    [
        "--api-key",
        "api_key=",
        "token: ",
        "http://a:b@",
        "Bearer ",
        "sk-aaaaaaaaaaaaaaaa",
        "=",
        " ",
        "***",
        "x",
        "'",
        "é",
    ]
)
texts = st.lists(pieces, max_size=6).map("".join)


@given(texts, st.lists(texts, max_size=4), st.dictionaries(texts, texts, max_size=3))
@settings(max_examples=150)
def test_masking_twice_changes_nothing(text: str, argv: list[str], environment: dict[str, str]) -> None:
    assert mask_text(mask_text(text)) == mask_text(text)
    assert mask_argv(mask_argv(argv)) == mask_argv(argv)
    assert mask_environment(mask_environment(environment)) == mask_environment(environment)
    assert len(mask_argv(argv)) == len(argv)
