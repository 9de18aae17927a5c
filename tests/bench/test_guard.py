"""The answer guard: what is right passes, each planted fault of an answer is named, and no text breaks a judge."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.bench.guard import Case, Given, find_block, judge_answer
from keepwell.bench.guard_cases import Question, fill, find_effective, parse_cases
from keepwell.bench.language import LANGUAGES, find_language
from keepwell.bench.shape import find_misfit, find_unknown

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=80)
SHAPE = {
    "type": "object",
    "required": ["name", "age"],
    "properties": {"name": {"type": "string", "minLength": 1}, "age": {"type": "integer", "minimum": 0}},
    "additionalProperties": False,
}
BASIC = Path(__file__).resolve().parents[2] / "src" / "keepwell" / "bench" / "cases" / "basic.toml"


def kinds(case: Case, text: str, **more: object) -> list[str]:
    return [one.kind for one in judge_answer(case, Given(text=text, **more))]  # type: ignore[arg-type]


def test_an_answer_that_is_what_was_asked_has_no_problem() -> None:
    assert (
        kinds(Case(name="a", prompt="p", shape=SHAPE), '```json\n{"name": "Ada", "age": 36}\n```', finish="stop") == []
    )
    assert (
        kinds(Case(name="a", prompt="p", code="python"), "Here:\n```python\ndef add(a, b):\n    return a + b\n```")
        == []
    )
    assert kinds(Case(name="a", prompt="p", contains=("4",), lacks=("5",), matches=r"\b4\b", ends=True), "4") == []


@pytest.mark.parametrize(
    ("case", "text", "more", "kind"),
    [
        (Case(name="a", prompt="p"), "  \n", {}, "empty"),
        (Case(name="a", prompt="p"), "hello<|im_end|>\n<|im_start|>user", {}, "marks"),
        (Case(name="a", prompt="p"), "[INST] hello", {}, "marks"),
        (Case(name="a", prompt="p"), "hello<｜end▁of▁sentence｜>", {}, "marks"),
        (Case(name="a", prompt="p"), "<start_of_turn>model", {}, "marks"),
        (Case(name="a", prompt="p", ends=True), "one two", {"finish": "length"}, "endless"),
        (Case(name="a", prompt="word " * 100), "fine", {"input_tokens": 40}, "cut"),
        (Case(name="a", prompt="p", shape=SHAPE), "Sure!", {}, "shape"),
        (Case(name="a", prompt="p", shape=SHAPE), '{"name": "Ada"}', {}, "shape"),
        (Case(name="a", prompt="p", shape=SHAPE), '{"name": "Ada", "age": true}', {}, "shape"),
        (Case(name="a", prompt="p", code="python"), "def add(a, b) return", {}, "code"),
        (Case(name="a", prompt="p", code="python"), "sorry", {}, "code"),
        (Case(name="a", prompt="p", code="json"), "{", {}, "code"),
        (Case(name="a", prompt="p", contains=("blue",)), "red", {}, "words"),
        (Case(name="a", prompt="p", lacks=("red",)), "red", {}, "words"),
        (Case(name="a", prompt="p", matches="^yes$"), "no", {}, "words"),
        (
            Case(name="a", prompt="p", language="de"),
            "The river is long and it is in the north of the land.",
            {},
            "language",
        ),
    ],
)
def test_each_fault_of_an_answer_is_named(case: Case, text: str, more: dict[str, object], kind: str) -> None:
    assert kind in kinds(case, text, **more)


def test_marks_are_no_fault_where_they_may_stand_and_comparisons_are_none() -> None:
    assert kinds(Case(name="a", prompt="p", marks=True), "<|im_end|>") == []
    assert kinds(Case(name="a", prompt="p"), "a < b | c > d, <b>bold</b>, [1, 2], x <- y") == []


@given(TEXT, TEXT, st.integers(-1, 100))
@settings(max_examples=25)
def test_no_text_breaks_a_judge(text: str, finish: str, tokens: int) -> None:
    case = Case(name="a", prompt="p " * 50, shape=SHAPE, code="python", contains=("x",), language="en", ends=True)
    for one in judge_answer(case, Given(text=text, finish=finish, input_tokens=tokens)):
        assert one.kind
        assert one.say


def test_deep_code_and_deep_json_are_no_answer_and_no_crash() -> None:
    assert kinds(Case(name="a", prompt="p", code="python"), "(" * 5000) == ["code"]
    assert kinds(Case(name="a", prompt="p", code="python"), "x = 1\n" * 5000) == ["code"]
    assert kinds(Case(name="a", prompt="p", shape={"type": "array"}), "[" * 100_000) == ["shape"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)


@given(JSON)
@settings(max_examples=20)
def test_a_value_fits_itself_and_the_block_around_it_is_found(value: object) -> None:
    assert find_misfit(value, {"const": value}) == ""
    text = json.dumps(value, ensure_ascii=False)
    assert find_block(f"Here it is:\n```json\n{text}\n```\nDone.").strip() == text


@pytest.mark.parametrize(
    ("value", "shape", "where"),
    [
        ({"a": {"b": "c"}}, {"properties": {"a": {"properties": {"b": {"type": "number"}}}}}, "$.a.b"),
        ([1, 2, "x"], {"items": {"type": "integer"}}, "$[2]"),
        ([1], {"minItems": 2}, "minItems"),
        (5, {"maximum": 4}, "maximum"),
        ("x", {"enum": ["y", "z"]}, "none of"),
        (1, {"enum": [True]}, "none of"),
    ],
)
def test_a_misfit_is_told_with_its_place(value: object, shape: dict[str, object], where: str) -> None:
    assert where in find_misfit(value, shape)


def test_a_word_that_no_schema_has_is_named() -> None:
    assert find_unknown({"properties": {"a": {"patern": "x"}}}) == "'patern'"
    assert find_unknown({"type": "text"}) == "type 'text'"
    assert find_unknown({"type": ["text"]}) == "type ['text']"
    assert find_unknown(SHAPE) == ""


SENTENCES = {
    "en": "A river is water that flows in one direction, and it is longer than a stream on the way to the sea.",
    "de": "Ein Fluss ist ein großes Gewässer, das von der Quelle bis in das Meer fließt und nicht still steht.",
    "fr": "Une rivière est une eau qui coule dans une vallée et qui se jette dans un fleuve ou dans la mer.",
    "es": "Un río es una corriente de agua que fluye por la tierra y que desemboca en el mar o en un lago.",
    "it": "Un fiume è un corso di acqua che scorre in una valle e che arriva al mare con la sua corrente.",
    "pt": "Um rio é uma corrente de água que corre para o mar e não para, como as que nascem na serra do norte.",
    "nl": "Een rivier is een stroom water die door het land naar de zee gaat en niet stil staat in het dal.",
}


def test_every_language_is_told_by_a_sentence_and_little_text_by_none() -> None:
    assert {name: find_language(text) for name, text in SENTENCES.items()} == {name: name for name in LANGUAGES}
    assert find_language("ready") == find_language(" alpha 0001 0002 0003") == find_language("") == ""


def test_the_cases_that_come_with_it_can_be_read() -> None:
    found = parse_cases(BASIC.read_bytes())
    assert len(found) == 4 + 3 * 3
    for one in found[4:]:
        assert one.case.prompt.count("48151") == 1
        assert len(one.case.prompt.split()) >= one.size


@given(st.integers(1, 400), st.floats(0, 1))
@settings(max_examples=25)
def test_a_needle_stands_once_and_where_it_should(words: int, depth: float) -> None:
    text = fill(words, "The code is 7.", depth)
    place = text.index("The code is 7.") / len(text)
    assert text.count("The code is 7.") == 1
    assert len(text.split()) >= words
    assert abs(place - depth) < 0.2 + 60 / len(text)


@given(st.binary(max_size=80))
@settings(max_examples=30)
def test_bytes_that_are_no_cases_are_told(content: bytes) -> None:
    with pytest.raises(ValueError):
        parse_cases(content)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ('name = "a"\nprompt = "p"', "wants nothing"),
        ('name = "a"\nprompt = "p"\nends = true\nlanguag = "de"', "languag"),
        ('name = "a"\nprompt = "p"\nlanguage = "xx"', "language is one of"),
        ('name = "a"\nprompt = "p"\nmatches = "("', "regular expression"),
        ('name = "a"\nprompt = "p"\nends = true\nneedle = "n"', "needs words"),
        ('name = "a"\nprompt = "p"\nends = true\ntokens = 0', "tokens are"),
        ('name = "a"\nprompt = "p"\njson = {patern = 1}', "patern"),
        ('name = "a"\nprompt = "p"\nends = true\n[[case]]\nname = "a"\nprompt = "q"\nends = true', "twice"),
    ],
)
def test_a_mistake_in_a_case_is_told(lines: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_cases(f"[[case]]\n{lines}\n".encode())


def test_the_effective_context_ends_at_the_first_size_that_failed() -> None:
    case = Case(name="a", prompt="p")

    def rows(*wells: tuple[int, bool]) -> list[tuple[Question, bool, int]]:
        return [(Question(case=case, size=size, depth=0.5), well, size + 9) for size, well in wells]

    assert find_effective(rows((200, True), (800, True), (2400, False))) == (800, 809)
    assert find_effective(rows((200, False), (800, True))) == (0, -1)
    assert find_effective([(Question(case=case), True, 5)]) is None
