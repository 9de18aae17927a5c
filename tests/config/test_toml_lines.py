"""The line of every key, in any TOML that the standard library accepts."""

from __future__ import annotations

import tomllib

from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.config.toml_lines import KeyPath, TomlLines

TEXT = '''\
top = """several
lines with [[engine]] and key = 1
"""  # and a comment = 2
"quoted key" = 'single'   # [x]
list = [
  1, # one
  [2, 3], { a = "]" },
]
[[engine]]
kind = "a # b"
  indented . dotted = true
[[engine]]
kind = \'\'\'
x = 1\'\'\'
api_key = { env = "X" }
[engine.more]
deep = 1
[table."with.dot".sub]
x = 1.5
'''


def test_lines_of_a_document_with_everything() -> None:
    tomllib.loads(TEXT)
    lines = TomlLines(TEXT)
    expected: dict[KeyPath, int] = {
        ("top",): 1,
        ("quoted key",): 4,
        ("list",): 5,
        ("list", 1): 5,
        ("engine", 0): 9,
        ("engine", 0, "kind"): 10,
        ("engine", 0, "indented", "dotted"): 11,
        ("engine", 1): 12,
        ("engine", 1, "kind"): 13,
        ("engine", 1, "api_key", "env"): 15,
        ("engine", 1, "url"): 12,
        ("engine", 1, "more", "deep"): 17,
        ("table", "with.dot", "sub", "x"): 19,
        ("nothing",): 1,
    }
    assert {path: lines.line(path) for path in expected} == expected


values = st.sampled_from(
    [
        "1",
        '"x"',
        "'#'",
        '"[[a]] = \\" # no"',
        "[1,\n 2, # c = 3\n]",
        '"""\na = 1\n[b]\n"""',
        "{x = '}'}",
        "1979-05-27",
        "true",
    ]
)
blocks = st.lists(
    st.tuples(
        st.sampled_from(["", "\n", "# comment [x] = 'a\n", "  \t\n\n"]),
        st.sampled_from(["[[node]]", "[[engine]]", "  [[ engine ]] # again"]),
        st.lists(values, max_size=4),
    ),
    max_size=5,
)


@given(blocks)
@settings(max_examples=80)
def test_lines_of_made_documents(made: list[tuple[str, str, list[str]]]) -> None:
    text = ""
    expected: dict[KeyPath, int] = {}
    count = {"node": 0, "engine": 0}
    for before, header, entries in made:
        text += before
        name = "engine" if "engine" in header else "node"
        expected[name, count[name]] = text.count("\n") + 1
        text += header + "\n"
        for index, value in enumerate(entries):
            expected[name, count[name], f"k{index}"] = text.count("\n") + 1
            text += f"k{index} = {value}\n"
        count[name] += 1
    tomllib.loads(text)
    lines = TomlLines(text)
    assert {path: lines.line(path) for path in expected} == expected
