"""Answer guard: is an answer what was asked? Pure: from a case and what was said to the problems in it.

A broken template, a cut context and another model under the same name all answer, and fluently; what gives them away is
in the answer: marks of a template in it, no end, too few tokens read, a needle that is not recalled, other words than
the owner knows.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import msgspec

from keepwell.bench.language import find_language
from keepwell.bench.shape import find_misfit

#: Characters of an answer that are parsed as code: more is no small check, and deep code is dear to parse.
CODE_CHARACTERS = 20_000
#: Share of a prompt's words that an engine has to count as tokens at least: words are one token or more in nearly every
#: vocabulary.
READ_SHARE = 0.8
#: Words from which a prompt is long enough for that.
LONG_WORDS = 40
#: Why an answer was over when the model itself ended it.
_ENDED = frozenset({"stop", "end_turn", "eos", "tool_calls", ""})
#: Marks of templates, which no answer holds unless template and model do not fit.
_MARKS = re.compile(
    r"<\|[a-z_▁|]{2,30}\|>|<｜[^｜<>]{2,40}｜>|\[/?INST\]|<</?SYS>>|</?(?:start|end)_of_turn>|<s>|</s>", re.IGNORECASE
)
_FENCE = re.compile(r"```[a-zA-Z0-9_+-]*[ \t]*\r?\n(.*?)```", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One question, and what its answer has to be. What is left out is not asked.

    `shape` is a JSON Schema (its words of `keepwell.bench.shape`) that the answer, or the block of code in it, has to
    fit; `code` is a language that it has to be in ("python"); `contains`, `lacks` and `matches` (a regular expression)
    are about its text, case counts; `language` is the one it is written in (en, de, ...). `ends`: the model ends it by
    itself within `tokens`. `marks`: marks of templates may stand in it.
    """

    name: str
    prompt: str
    tokens: int = 128
    shape: Mapping[str, object] = field(default_factory=dict)
    code: str = ""
    contains: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    matches: str = ""
    language: str = ""
    ends: bool = False
    marks: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What came: the text, why it was over in the engine's word ("" if not told), tokens of the prompt as the engine
    counted them (-1: not told).
    """

    text: str
    finish: str = ""
    input_tokens: int = -1


@dataclass(frozen=True, slots=True)
class Problem:
    """One word for the kind (empty, marks, cut, endless, shape, code, words, language), and a sentence."""

    kind: str
    say: str


def judge_answer(case: Case, given: Given) -> tuple[Problem, ...]:
    """All that is wrong with an answer, what explains the rest first; () where it is what was asked."""
    found = list(_judge_reading(case, given))
    if not given.text.strip():
        return (*found, Problem("empty", "the answer is empty"))
    return (*found, *(one for judge in _JUDGES for one in judge(case, given)))


def _judge_reading(case: Case, given: Given) -> Iterator[Problem]:
    """Whether the engine read the whole prompt."""
    words = len(case.prompt.split())
    if words >= LONG_WORDS and 0 <= given.input_tokens < READ_SHARE * words:
        say = f"of a prompt of {words} words it read {given.input_tokens} tokens: the context or the template cuts it"
        yield Problem("cut", say)


def _judge_marks(case: Case, given: Given) -> Iterator[Problem]:
    found = _MARKS.search(given.text)
    if found and not case.marks:
        yield Problem("marks", f"a mark of a template stands in the answer: {found[0]}")


def _judge_end(case: Case, given: Given) -> Iterator[Problem]:
    if case.ends and given.finish not in _ENDED:
        yield Problem("endless", f"it did not end by itself within {case.tokens} tokens ({given.finish})")


def _judge_shape(case: Case, given: Given) -> Iterator[Problem]:
    if not case.shape:
        return
    try:
        value: object = msgspec.json.decode(find_block(given.text))
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        yield Problem("shape", "the answer is not JSON")
        return
    misfit = find_misfit(value, case.shape)
    if misfit:
        yield Problem("shape", f"the JSON is not of the shape that was asked for: {misfit}")


def _judge_code(case: Case, given: Given) -> Iterator[Problem]:
    parse = PARSERS.get(case.code)
    if parse is None:
        return
    block = find_block(given.text)
    if len(block) > CODE_CHARACTERS:
        yield Problem("code", f"the code has more than {CODE_CHARACTERS} characters")
        return
    problem = parse(block)
    if problem:
        yield Problem("code", f"the answer is no {case.code} that could be run: {problem}")


def _judge_words(case: Case, given: Given) -> Iterator[Problem]:
    for one in case.contains:
        if one not in given.text:
            yield Problem("words", f"{one!r} is not in the answer")
    for one in case.lacks:
        if one in given.text:
            yield Problem("words", f"{one!r} is in the answer")
    if case.matches and not re.search(case.matches, given.text):
        yield Problem("words", f"nothing in the answer fits {case.matches!r}")


def _judge_language(case: Case, given: Given) -> Iterator[Problem]:
    if not case.language:
        return
    found = find_language(given.text)
    if found != case.language:
        yield Problem(
            "language", f"the answer is not in {case.language}, but in {found or 'no language that is known'}"
        )


#: What is asked of every answer, in the order in which it is told.
_JUDGES: tuple[Callable[[Case, Given], Iterator[Problem]], ...] = (
    _judge_marks,
    _judge_end,
    _judge_shape,
    _judge_code,
    _judge_words,
    _judge_language,
)


def find_block(text: str) -> str:
    """The first block of code in a text, without its fence; the whole text where there is none."""
    found = _FENCE.search(text)
    if found:
        return found[1]
    return text.strip()


def _parse_python(text: str) -> str:
    """Why it is no Python, "" if it is. It is parsed, never run."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
    except SyntaxError as error:
        return f"{error.msg} in line {error.lineno}"
    except (ValueError, RecursionError, MemoryError) as error:
        return str(error) or "it is nested too deep"
    if all(isinstance(one, ast.Expr) and isinstance(one.value, (ast.Name, ast.Constant)) for one in tree.body):
        return "it holds no statement, only words"
    return ""


def _parse_json(text: str) -> str:
    """Why it is no JSON, "" if it is."""
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        return str(error)
    return ""


#: Languages of `code` and what parses them: why a text is none of it, "" if it is.
PARSERS: Mapping[str, Callable[[str], str]] = {"python": _parse_python, "json": _parse_json}
