"""Input files as people have them: encodings, ends of lines, names given twice, lines that are none."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.batch.item import BadLine, Task
from keepwell.batch.reading import Input, check_input, describe_bad, digest_input, find_kind, read_tasks
from keepwell.batch.rows import is_none_done, read_lines
from keepwell.batch.template import make_template
from keepwell.core.errors import ConfigurationError, NotThere

CHAT = "/v1/chat/completions"
#: Texts that can be in a file of UTF-8.
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


def make_line(name: str, **body: object) -> bytes:
    """A line of a batch."""
    asked = {"model": "m", "messages": [{"role": "user", "content": "hi"}], **body}
    return json.dumps({"custom_id": name, "method": "POST", "url": CHAT, "body": asked}).encode()


def write(folder: Path, content: bytes, name: str = "in.jsonl") -> Input:
    """An input with this content."""
    path = folder / name
    path.write_bytes(content)
    return Input(path=path, kind=find_kind(path))


def read_names(source: Input) -> list[str]:
    """Names of all lines."""
    return [one.custom_id for one in read_tasks(source)]


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n", b"\n\n \n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_ends_of_lines_and_a_mark_at_the_beginning_are_no_matter(tmp_path: Path, end: bytes, mark: bytes) -> None:
    source = write(tmp_path, mark + make_line("a") + b"\r\n\n" + make_line("b", n=1) + end)
    first, second = read_tasks(source)
    assert isinstance(second, Task)
    assert (first.number, first.custom_id, second.number, second.custom_id) == (0, "a", 1, "b")
    assert second.path == CHAT
    assert json.loads(second.body)["n"] == 1


@pytest.mark.parametrize(
    ("line", "column", "said"),
    [
        (b'{"custom_id": "a", x}', 20, "malformed"),
        (b'{"custom_id": "a"}', 0, "missing required field"),
        (b"[1]", 0, "object"),
        (b'{"custom_id": "\xff"}', 16, "not UTF-8"),
        (make_line("")[:], 0, "custom_id"),
        (make_line("a", stream=True), 0, "stream"),
        (make_line("a", model=""), 0, "names no model"),
        (make_line("a").replace(b"POST", b"GET"), 0, "POST"),
        (make_line("a").replace(b"/v1/chat", b"http://x/v1/chat"), 0, "path"),
        (make_line("a").replace(b"/v1/chat", b"/v1/ch at\\r\\n"), 0, "path"),
        (b"[" * 5000, 0, ""),
    ],
)
def test_a_bad_line_is_told_with_its_place(tmp_path: Path, line: bytes, column: int, said: str) -> None:
    source = write(tmp_path, make_line("ok") + b"\n\n" + line + b"\n" + make_line("z"))
    checked = check_input(source)
    assert checked.count == 3
    assert checked.bad_numbers == {1}
    assert (checked.bad[0].line, checked.bad[0].column) == (3, column)
    assert said in describe_bad(checked.bad[0])


def test_a_name_that_is_given_twice_is_told_with_both_lines(tmp_path: Path) -> None:
    source = write(tmp_path, b"\n".join(make_line(name) for name in ["a", "b", "a", "c", "b", "a"]))
    checked = check_input(source)
    assert checked.bad_numbers == {2, 4, 5}
    assert "'a' is that of line 1" in describe_bad(checked.bad[0])
    assert describe_bad(checked.bad[1]).startswith("line 5: the custom_id 'b' is that of line 2")


def test_what_is_done_is_passed_over_with_the_same_numbers(tmp_path: Path) -> None:
    source = write(tmp_path, b"\n".join(make_line(f"n{one}") for one in range(9)))
    assert [one.number for one in read_tasks(source, {0, 3, 8}.__contains__)] == [1, 2, 4, 5, 6, 7]


def test_a_model_for_all_and_a_digest_that_knows_it(tmp_path: Path) -> None:
    source = write(tmp_path, make_line("a"))
    other = Input(path=source.path, model="other")
    (task,) = read_tasks(other)
    assert isinstance(task, Task)
    assert json.loads(task.body)["model"] == "other"
    assert len({digest_input(source), digest_input(other), digest_input(write(tmp_path, b""))}) == 3


def test_rows_of_json_and_of_csv_make_the_same_tasks(tmp_path: Path) -> None:
    template = make_template("Say {text}", model="m")
    rows = [{"id": "1", "text": 'a "quoted", one'}, {"id": "2", "text": "two\nlines\u00fc"}]
    table = io.StringIO()
    writer = csv.DictWriter(table, ["id", "text"])
    writer.writeheader()
    writer.writerows(rows)
    made = []
    for name, content in (
        ("in.jsonl", "\n".join(map(json.dumps, rows))),
        ("in.csv", "\ufeff" + table.getvalue()),
        ("in.tsv", 'id\ttext\n1\t"a ""quoted"", one"\n2\t"two\nlines\u00fc"'),
        ("semi.csv", table.getvalue().replace("id,", "id;").replace("\n1,", "\n1;").replace("\n2,", "\n2;")),
    ):
        path = tmp_path / name
        path.write_bytes(content.encode())
        source = Input(path=path, kind=find_kind(path), template=template, keep_rows=True)
        made.append(list(read_tasks(source)))
        assert check_input(source).bad == ()
    assert made[0] == made[1] == made[2] == made[3]
    last = made[0][1]
    assert isinstance(last, Task)
    assert last.custom_id == "row-2"
    assert json.loads(last.row) == rows[1]


@pytest.mark.parametrize(
    ("content", "line", "said"),
    [
        (b"id,text\n1\n", 2, "1 fields"),
        (b"id,text\n1,\xff\n", 2, "UTF-8"),
        (b'id,text\n1,"a\n2,b\n', 2, "CSV"),
        (b"id,body\n1,2\n", 2, "no column 'text'; there are: id, body"),
    ],
)
def test_a_bad_row_is_told_with_its_line(tmp_path: Path, content: bytes, line: int, said: str) -> None:
    path = tmp_path / "in.csv"
    path.write_bytes(content)
    source = Input(path=path, kind="csv", template=make_template("Say {text}", model="m"))
    (bad,) = check_input(source).bad
    assert bad.line == line
    assert said in bad.message


@pytest.mark.parametrize("content", [b"", b"\n", b"a,a\n1,2", "a,b".encode("utf-16")])
def test_a_table_without_names_of_columns_is_none(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "in.csv"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError):
        check_input(Input(path=path, kind="csv", template=make_template("{a}", model="m")))


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotThere):
        check_input(Input(path=tmp_path / "none.jsonl"))
    with pytest.raises(ConfigurationError, match="what is asked"):
        check_input(Input(path=write(tmp_path, b"a\n1", "in.csv").path, kind="csv"))
    with pytest.raises(ConfigurationError, match="UTF-16"):
        check_input(write(tmp_path, make_line("a").decode().encode("utf-16")))
    with pytest.raises(ConfigurationError, match="kind of file"):
        find_kind(Path("in.xls"))


def test_parquet_is_rows_like_any_other(tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "in.parquet"
    parquet.write_table(arrow.table({"text": ["a", None, "c"], "n": [1, 2, 3]}), path)
    tasks = list(read_tasks(Input(path=path, kind="parquet", template=make_template("{text}:{n}", model="m"))))
    assert [json.loads(one.body)["messages"][0]["content"] for one in tasks if isinstance(one, Task)] == [
        *("a:1", ":2", "c:3")
    ]
    path.write_bytes(b"no parquet")
    with pytest.raises(ConfigurationError, match="Parquet"):
        check_input(Input(path=path, kind="parquet", template=make_template("{n}", model="m")))


@given(st.lists(st.one_of(st.binary(max_size=40), TEXT.map(make_line)), max_size=8))
@settings(max_examples=60, deadline=None)
def test_whatever_lines_are_each_is_a_task_or_bad(tmp_path_factory: pytest.TempPathFactory, lines: list[bytes]) -> None:
    path = tmp_path_factory.getbasetemp() / "any.jsonl"
    path.write_bytes(b"\n".join(lines))
    try:
        found = list(read_tasks(Input(path=path)))
    except ConfigurationError:  # what begins like UTF-16
        return
    assert [one.number for one in found] == list(range(len(found)))
    kept = [one for one in b"\n".join(lines).split(b"\n") if one.strip()]
    assert len(found) in (len(kept), len(kept) - 1)  # a mark alone is no line
    for one in found:
        assert isinstance(one, BadLine) or json.loads(one.body)["model"] == "m"


@given(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=6))
@settings(max_examples=60, deadline=None)
def test_a_table_that_was_written_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]]
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows([("a", "b"), *rows])
    source = Input(path=path, kind="csv", template=make_template("{a}|{b}", model="m"))
    found = [one for one in read_tasks(source) if isinstance(one, Task)]
    assert [json.loads(one.body)["messages"][0]["content"] for one in found] == [f"{a}|{b}" for a, b in rows]


@given(st.binary(max_size=200))
@settings(max_examples=60, deadline=None)
def test_any_bytes_are_a_table_or_told(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "bytes.csv"
    path.write_bytes(content)
    source = Input(path=path, kind="csv", template=make_template("{a}", model="m"))
    try:
        found = list(read_tasks(source))
    except ConfigurationError:
        return
    assert [one.number for one in found] == list(range(len(found)))


def test_a_line_that_is_too_long_is_one_bad_line() -> None:
    content = b" " * 9 + b"\nab\n" + b"x" * 10 + b"y\n" + b"z" * 9
    found = list(read_lines(io.BytesIO(content), {1}.__contains__, most=10))
    assert [(one.number, one.place, one.data, one.problem) for one in found] == [
        (2, 0, b"ab", ""),
        (4, 2, b"z" * 9, ""),
    ]
    for size in (11, 12, 20, 21, 22, 30):
        for end in (b"", b"\n", b"\nz", b"\n \nz\n"):
            bad, *last = read_lines(io.BytesIO(b"x" * size + end), is_none_done, most=10)
            assert (bad.place, bad.data, bad.problem) == (0, b"", "the line is longer than 10 bytes")
            assert [(one.place, one.data) for one in last] == [(1, b"z")] * (b"z" in end)
    (whole,) = read_lines(io.BytesIO(b"x" * 10), is_none_done, most=10)
    assert whole.data == b"x" * 10
