"""What a long pasted log is compared by."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.recall.query import MOST_CHARS, QUERY_CHARS, choose_lines, count_parts, split_words


def test_numbers_times_hashes_and_ids_are_left_out() -> None:
    line = "2025-03-12T12:11:39.337Z blob sha256-6a0746a1ec1aef3e7ec53868f220ff6e at 0x7ffd11 took 12.5 s"
    assert set(split_words(line)) == {"blob", "took"}


def test_a_joined_name_is_found_whole_and_by_its_parts() -> None:
    assert {"nvmlinit", "nvml", "init"} <= set(split_words("NvmlInit failed"))
    assert {"cuda_error", "cuda", "error"} <= set(split_words("CUDA_ERROR"))


def test_of_a_long_log_the_lines_of_errors_are_kept() -> None:
    filler = ["everything is fine here"] * (3 * QUERY_CHARS // 20)
    chosen = choose_lines("\n".join([*filler, "error: no kernel image is available", *filler]))
    assert "error: no kernel image is available" in chosen
    assert sum(map(len, chosen)) < 2 * QUERY_CHARS


def test_a_short_text_is_kept_whole() -> None:
    assert choose_lines("a\n\nb") == ["a", "", "b"]


@settings(max_examples=60)
@given(st.text())
def test_any_text_gives_words_within_limits(text: str) -> None:
    words, letters = count_parts(choose_lines(text))
    assert all(len(word) <= MOST_CHARS and word == word.lower() for word in words)
    assert all(count > 0 for count in (*words.values(), *letters.values()))
    assert count_parts(choose_lines(text)) == (words, letters)
