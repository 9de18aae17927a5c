"""Reports as JSON: every value has one form, and what is not there says why."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepwell.app.plain import plain
from keepwell.core.finding import Finding, Status
from keepwell.core.observation import absent
from keepwell.core.ref import Ref

scalars = st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
values = st.recursive(scalars, lambda inner: st.tuples(inner, inner) | st.dictionaries(st.text(), inner), max_leaves=8)


@given(values)
def test_every_observed_value_is_json(value: object) -> None:
    json.dumps(plain(value))


def test_missing_is_told_with_its_reason_and_never_as_null() -> None:
    assert plain(absent("no such file")) == {"missing": "absent", "reason": "no such file"}


def test_refs_and_statuses_are_words() -> None:
    finding = Finding(check="a.b", subject=Ref("node", ("x",)), status=Status.CRITICAL, message="m")
    shown = plain(finding)
    assert shown["subject"] == "node:x"
    assert shown["status"] == "critical"


def test_what_has_no_form_is_a_bug() -> None:
    with pytest.raises(TypeError):
        plain(object())
