"""Whatever stands in a file: it is judged or refused, and what is mended is never worse."""

from __future__ import annotations

import contextlib
from functools import partial

from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.plugins.container_gpu.ground import Asked, CannotAsk, FileKind
from keepwell.plugins.container_gpu.lint import ask, find_mistakes, mend
from keepwell.plugins.container_gpu.seen import ground_of_row, row_of_ground
from keepwell.plugins.container_gpu.told import changed_lines, describe, find_devices, find_engine
from keepwell.plugins.device_sharing import load_makers
from tests.container_gpu.corpus import load_corpus
from tests.container_gpu.kit import make_ground

CORPUS = load_corpus()
LINES = sorted({line for one in CORPUS for line in one.text.splitlines(keepends=True)})
KINDS: list[FileKind] = ["compose", "docker", "podman", "lxc"]
ODD = st.sampled_from(
    ["null", "~", "[]", "{}", "true", "1e3", "-", "? a", "!x y", "&a", "*a", "<<: *a", "\t", "services:", "\x00"]
)


@st.composite
def files(draw: st.DrawFn) -> tuple[FileKind, str]:
    """A file of the corpus with lines lost, exchanged or cut and odd words put in; or lines of any of them."""
    sample = draw(st.sampled_from(CORPUS))
    lines = sample.text.splitlines(keepends=True)
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(lines)))
        line = draw(st.one_of(st.sampled_from(LINES), ODD))
        lines[at : at + draw(st.integers(0, 2))] = [line]
    text = "".join(lines)
    at = draw(st.integers(0, len(text)))
    odd = draw(st.one_of(st.just(""), ODD))
    return draw(st.sampled_from([sample.kind, sample.kind, *KINDS])), text[:at] + odd + text[
        at + draw(st.integers(0, 3)) :
    ]


@settings(max_examples=300, deadline=None)
@given(files(), st.sampled_from(["nvidia", "amd", "intel"]), st.sampled_from(["", "8.2.4"]))
def test_any_file_is_judged_and_mended_without_a_fault(made: tuple[FileKind, str], maker: str, release: str) -> None:
    kind, text = made
    ground = make_ground(maker, release=release, kinds=frozenset())
    before = find_mistakes(kind, "x", text, ground)
    after = mend(kind, "x", text, ground)
    assert mend(kind, "x", after, ground) == after
    assert len([one for one in find_mistakes(kind, "x", after, ground) if one.mended]) <= len(before)
    changed_lines(text, after)
    find_engine(kind, "ollama", text, "node")


@settings(max_examples=300, deadline=None)
@given(files(), st.sampled_from(["nvidia", "amd", "intel"]), st.sampled_from([(), ("0",), ("/dev/dri/renderD128",)]))
def test_what_is_asked_for_is_there_and_asked_only_once(
    made: tuple[FileKind, str], maker: str, devices: tuple[str, ...]
) -> None:
    kind, text = made
    ground = make_ground(maker, release="8.2.4")
    asked = Asked(maker=load_makers()[maker], devices=devices)
    with contextlib.suppress(CannotAsk):
        give = partial(ask, kind, "ollama", asked=asked, ground=ground)
        after = give(text)
        assert give(after) == after
        words = describe(kind, "ollama", after, asked.maker, ground)
        assert "cannot be read" not in words
        if find_devices(kind, "ollama", after, asked.maker, ground) is None:
            assert kind == "docker"


def test_the_ground_is_carried_by_an_observation_and_back() -> None:
    for ground in (make_ground(), make_ground("nvidia", "amd", release="8.2.4", kinds=frozenset({"nvidia.com/gpu"}))):
        assert ground_of_row(row_of_ground(ground)) == ground
