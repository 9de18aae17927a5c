"""The line for localhost in the file of names: put at its top, and taken away again."""

from __future__ import annotations

import pytest

from keepwell.core.observation import Observation, Seen
from keepwell.core.ref import Ref
from keepwell.core.step import WriteFile
from keepwell.steps.local_names import HOSTS, STEP
from tests.conform.kit import NODE
from tests.steps.kit import finding


def holding(content: bytes) -> Seen:
    """What a fresh look at the file gives."""
    subject = Ref("path", (NODE, HOSTS))
    value = content.decode("latin-1")
    return Seen([Observation(subject=subject, name="path.bytes", value=value, at=1.0, source=HOSTS)])


@pytest.mark.parametrize("content", [b"", b"::1 localhost\n", b"# 127.0.0.1 localhost\n\xff\n", b"127.0.0.1 other\n"])
def test_a_line_is_put_first_and_the_rest_stays(content: bytes) -> None:
    planned = STEP.plan(finding("address.names", name="localhost", addresses=""), holding(content))
    assert planned is not None
    (change,) = planned.changes
    assert isinstance(change.do, WriteFile)
    assert isinstance(change.undo, WriteFile)
    assert change.do.content == b"127.0.0.1 localhost\n" + content
    assert change.undo.content == content
    again = STEP.plan(finding("address.names", name="localhost"), holding(change.do.content))
    assert again is not None
    assert again.changes == ()


def test_other_names_and_a_missing_file_are_not_its_business() -> None:
    assert STEP.plan(finding("address.names", name="llm.lan"), holding(b"")) is None
    assert STEP.wants(finding("address.names", name="llm.lan"), Seen()).files == ()
    assert STEP.plan(finding("address.names", name="localhost"), Seen()) is None
