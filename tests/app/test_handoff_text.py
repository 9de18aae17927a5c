"""A handoff: all sections, a stable order, commands as they are typed, no secret and nothing that acts."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.app.handoff_text import plain, render_handoff
from tests.app.made import handoff

SECTIONS = [
    "State",
    "Open problems",
    "What changed",
    "Repairs by keepwell",
    "The owner's decisions",
    "Could not be looked at",
    "Next",
]


def test_all_that_the_next_one_needs_stands_in_it() -> None:
    text = render_handoff(handoff(argv=("rm", "/models/a b")))
    assert [line[3:] for line in text.splitlines() if line.startswith("## ")] == SECTIONS
    for words in (
        "Overall: CRITICAL.",
        "### 1. The disk is full (97% likely, node:box)",
        "- for: the disk is full: `no space left on device` (log:7)",
        "sudo rm '/models/a b'",
        "First error of the likeliest cause: 2025-12-31 23:59:00 UTC.",
        "x was upgraded: was `1`, is `2` (dpkg)",
        "killed (dmesg) (3 times until",
        "plan-1: done; why",
        "- decided until 2027-01-31: CPU only (quiet room).",
        "  - answers: on the CPU",
        "EXPIRED on 2025-01-01",
        "blind (disk.inodes)",
        "journalctl: not permitted",
        "1. Make room. `sudo rm '/models/a b'`",
        "`keepwell diagnose box`",
    ):
        assert words in text
    assert "\n\n\n" not in text


def test_the_same_look_gives_the_same_text() -> None:
    assert render_handoff(handoff()) == render_handoff(handoff())


def test_a_node_that_is_well_says_so() -> None:
    text = render_handoff(handoff(well=True))
    assert "None: no check found anything wrong." in text
    assert "1. Nothing has to be done." in text


@pytest.mark.parametrize(
    "secret", ["http://ada:hunter22@proxy", "Bearer abcdef123456", "api_key=verysecret", "hf_abcdefghijklmnop"]
)
def test_no_secret_is_handed_on(secret: str) -> None:
    text = render_handoff(handoff(quote=f"x {secret}", argv=("curl", secret)))
    for piece in ("hunter22", "abcdef123456", "verysecret", "abcdefghijklmnop"):
        assert piece not in text


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=40))
def test_text_from_a_log_cannot_act(quote: str) -> None:
    text = render_handoff(handoff(quote=f"{quote}\n# Heading\n```sh\nrm -rf /\n", argv=("df", quote)))
    assert "\x1b" not in text
    assert [line[3:] for line in text.splitlines() if line.startswith("## ")] == SECTIONS
    assert "\n# Heading" not in text
    assert text.count("\n```") == 2


def test_words_from_the_world_are_no_markdown() -> None:
    assert plain("<b>[x](http://a)`y`\n# z") == "‹b›(x)(http://a)'y'\\n# z"
