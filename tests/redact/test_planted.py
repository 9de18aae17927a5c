"""Three hundred planted secrets in forty and more formats: none is left; of innocent words nearly all stay."""

from __future__ import annotations

import random
import tomllib
from pathlib import Path

import pytest

import keepwell.issues
import keepwell.scan
from keepwell.redact import Redactor
from keepwell.redact.leads import FINDERS
from tests.redact.planted import FORMATS, Plant, build_log, forms, plants

ENGINE_LOGS = Path(__file__).parents[1] / "engines" / "data"
PLANTS = list(plants())


def _format(one: Plant) -> str:
    return one.format


def test_the_set_is_as_large_as_it_claims() -> None:
    assert len(FORMATS) >= 40
    assert len({one.value for one in PLANTS}) == 300


@pytest.mark.parametrize("finder", FINDERS)
def test_none_is_left(finder: str) -> None:
    masked = Redactor(finder=finder).redact(build_log(PLANTS))
    left = [one for one in PLANTS if any(form in masked for form in forms(one.value))]
    assert [(one.format, one.text) for one in left] == []


@pytest.mark.parametrize("one", list(plants(len(FORMATS) * 14, seed=99))[::3], ids=_format)
def test_each_alone(one: Plant) -> None:
    masked = Redactor().redact(one.text.encode())
    assert not any(form in masked for form in forms(one.value)), masked


@pytest.mark.parametrize("seed", range(4))
def test_none_is_left_across_chunks(seed: int) -> None:
    log = build_log(PLANTS)
    rng = random.Random(seed)
    chunks = []
    at = 0
    while at < len(log):
        size = rng.choice((1, 7, 64, 999, 5000))
        chunks.append(log[at : at + size])
        at += size
    assert b"".join(Redactor().stream(chunks)) == Redactor().redact(log)


def test_private_keys_across_blocks() -> None:
    pem = next(one for one in PLANTS if one.format == "pem")
    filler = b"INFO: ordinary line of a log that goes on and on\n"
    for shift in range(0, 2600, 131):
        log = filler * ((128 * 1024 - shift) // len(filler)) + pem.text.encode() + b"\n" + filler * 6000
        masked = b"".join(Redactor().stream(log[at : at + 50_000] for at in range(0, len(log), 50_000)))
        assert not any(form in masked for form in forms(pem.value)), shift


def _innocent() -> list[bytes]:
    texts = [(Path(keepwell.scan.__file__).parent / "ordinary.log").read_bytes()]
    for path in Path(keepwell.issues.__file__).parent.glob("*.toml"):
        cases = tomllib.loads(path.read_text(encoding="utf-8")).get("case", [])
        texts += [case["text"].encode() for case in cases if "text" in case]
    return texts + [path.read_bytes() for path in ENGINE_LOGS.glob("*.log")]


def test_innocent_words_stay() -> None:
    redactor = Redactor()
    words = changed = 0
    for text in _innocent():
        for before, after in zip(text.split(b"\n"), redactor.redact(text).split(b"\n"), strict=True):
            kept = after.split()
            words += len(before.split())
            changed += sum(word not in kept for word in before.split())
    assert words > 5000
    assert changed / words <= 0.01


@pytest.mark.parametrize(
    "text",
    [
        "sha256:2af3b81862c6be03c769683af18efdadb2c33f60ff32ab6f83e42c043d6c7816",
        "commit 2ce5702a9b8c7d6e5f4a3b2c1d0e9f8a7b6c5d4e of 2026-03-11 10:12:13",
        "container 4f66ad9a0b2e8d7c6b5a49382716050f1e2d3c4b5a69788796a5b4c3d2e1f001",
        "blk.0.attn_q.weight token_embd.weight output_norm.weight",
        "listening on 10.0.0.3:11434, 192.168.1.20:8000, 172.16.4.4:80, 127.0.0.1:1, [::1]:80, fd00::1, fe80::1",
        "driver version 550.54.15.1, nvidia-cublas-cu12==12.4.5.8, libcublas.so.12.4.5.8, version: 12.4.5.8",
        "max_tokens=4096 n_tokens: 12345 eos_token = <|endoftext|> tokens per second: 35.1",
        "User=ollama HOME=/usr/share/ollama PWD=/srv OLDPWD=/root",
        "systemd[1]: user@1000.service: started; ssh git@github.com; image repo@sha256:00ff",
        "ff:ff:ff:ff:ff:ff 00:00:00:00:00:00 00000000-0000-0000-0000-000000000000",
        "0.12.134.156 I srv  update_slots: all slots are idle\n1.23.145.206 I slot 1",
    ],
)
def test_what_a_diagnosis_needs_stays(text: str) -> None:
    assert Redactor().redact_text(text) == text
