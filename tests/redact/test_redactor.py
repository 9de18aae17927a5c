"""Tokens are stable, structure stays, a second redaction changes nothing, and time is linear."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.redact import People, Redactor, Tokens, learn_people
from tests.redact.planted import plants

PASSWD = b"root:x:0:0:root:/root:/bin/bash\nmia:x:1000:1000:Mia Muster,,,:/home/mia:/bin/bash\nollama:x:997:9::/x:/x\n"
GPU = "8932f937-d72c-4106-c12f-20bd9faed9f6"
PIECES = st.sampled_from(
    [
        *(one.text for one in plants(60, seed=3)),
        *("=", " ", "\n", '"', "<secret-1>", "token", "password: ", "--api-key", "@", "a.b", "://", "10.0.0.1", "\0"),
        *("8.8.8.8", GPU, "mia@example.org", "/home/bob", "-----BEGIN PRIVATE KEY-----", "52:54:00:12:34:56", "\\"),
        *("é", "'", "<", ">"),
    ]
)
texts = st.lists(PIECES, max_size=9).map("".join).map(str.encode)


@given(texts)
@settings(max_examples=150, deadline=None)
def test_twice_is_once(text: bytes) -> None:
    once = Redactor().redact(text)
    assert Redactor().redact(once) == once


@given(texts)
@settings(max_examples=60, deadline=None)
def test_both_finders_say_the_same(text: bytes) -> None:
    assert Redactor(finder="re").redact(text) == Redactor(finder="hyperscan").redact(text)


@given(texts, st.lists(st.integers(1, 40), min_size=1, max_size=5))
@settings(max_examples=80, deadline=None)
def test_chunks_make_no_difference(text: bytes, sizes: list[int]) -> None:
    chunks = []
    at = 0
    while at < len(text):
        chunks.append(text[at : at + sizes[len(chunks) % len(sizes)]])
        at += len(chunks[-1])
    assert b"".join(Redactor().stream(chunks)) == Redactor().redact(text)


@given(st.binary(max_size=400))
@settings(max_examples=100, deadline=None)
def test_any_bytes_pass(data: bytes) -> None:
    assert isinstance(Redactor().redact(data), bytes)


def test_the_same_value_has_the_same_token() -> None:
    one = Redactor(learn_people([PASSWD]))
    first = one.redact_text(f"GPU-{GPU} of mia at /home/mia/models, ann@example.org, 52.1.2.3:443")
    second = one.redact_text(f"CUDA_VISIBLE_DEVICES=GPU-{GPU} ann@example.org bob@example.org 52.1.2.3 Mia Muster")
    assert first == "GPU-<uuid-1> of <user-1> at /home/<user-1>/models, <email-1>, 198.18.0.1:443"
    assert second == "CUDA_VISIBLE_DEVICES=GPU-<uuid-1> <email-1> <email-2> 198.18.0.1 <name-1>"


def test_numbers_go_on_after_those_that_are_used() -> None:
    one = Redactor(tokens=Tokens({"email": 4}))
    assert one.redact_text("<email-4> and ann@example.org") == "<email-4> and <email-5>"
    assert one.tokens.used == {"email": 5}


def test_the_list_says_where_and_never_what() -> None:
    one = Redactor()
    one.redact(b"first line\npassword=hunter2secret\n", "/etc/x.env")
    (row,) = one.masked
    assert (row.place, row.offset, row.kind, row.token) == ("/etc/x.env", 20, "secret", "<secret-1>")
    assert "hunter2" not in repr(one.masked)


def test_people_are_learned_and_system_users_stay() -> None:
    found = learn_people([PASSWD, b"USER=carla\0HOME=/home/carla\0", b"/Users/dan/x /home/ubuntu/x"], hosts=["gpu01"])
    assert found.users == {b"mia", b"carla", b"dan"}
    assert found.full_names == {b"Mia Muster"}
    said = Redactor(found).redact_text("mia and carla on gpu01, ollama, ubuntu, amian, root")
    assert said == "<user-1> and <user-2> on <host-1>, ollama, ubuntu, amian, root"


def test_a_name_that_is_a_word_is_masked_where_it_names_somebody() -> None:
    accounts = b"max:x:1000:1000:Max,,,:/home/max:/bin/sh\nollama:x:997:9::/x:/x\n"
    one = Redactor(learn_people([accounts]))
    assert one.redact_text("max tokens 4 reached, see /home/max/x, USER=max") == (
        "max tokens 4 reached, see /home/<user-1>/x, USER=<user-1>"
    )
    assert one.redact(accounts).startswith(b"<user-1>:x:1000:1000:")


def test_names_beyond_ascii() -> None:
    one = Redactor(People(users=frozenset({"jürgen".encode()})))
    assert one.redact_text("by jürgen, not Jürgens") == "by <user-1>, not Jürgens"


def test_files_with_offsets_keep_their_length() -> None:
    text = b"GGUF\0\0author ann@example.org, GPU-" + GPU.encode()
    masked = Redactor().redact(text, keep_length=True)
    assert len(masked) == len(text)
    assert b"ann@" not in masked
    assert GPU.encode() not in masked


HOSTILE = rb"""password= :// a@ basic bearer_x --api-key_ "token":" cookie:a -----BEGIN_PRIVATE_KEY eyJabcdefgh. 1.1.1.1
aa:bb:cc:dd:ee: 2001:db8: curl_ mysql_ token=http:// a. \" /home/ -----BEGIN_PRIVATE_KEY----- token=<a""".split()


@pytest.mark.parametrize("unit", [one.replace(b"_", b" ") for one in HOSTILE])
def test_time_is_linear_in_hostile_text(unit: bytes) -> None:
    def seconds(size: int) -> float:
        text = unit * (size // len(unit))
        began = time.process_time()
        Redactor().redact(text)
        return time.process_time() - began

    seconds(1000)
    small, large = seconds(40_000), seconds(160_000)
    assert large < max(1.0, 12 * small)
    assert large < 10
