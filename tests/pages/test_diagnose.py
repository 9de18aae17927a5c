"""The page of a diagnosis: everything in it, nothing that runs, nothing from elsewhere, no secret."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.app.diagnosing import diagnose_text
from keepwell.app.novelty import NewLines
from keepwell.app.report import DiagnosesReport, DiagnosisReport
from keepwell.app.unreached import Unreached
from keepwell.core.ref import engine
from keepwell.pages.diagnose import render
from tests.app.made import NOW, cause, handoff

#: Elements that have no end.
VOID = {"meta", "link", "br", "img", "line", "circle"}
MISMATCH = (
    "NVRM: API mismatch: the client has the version 570.172.08, but this kernel module has the version 570.158.01."
)


class Reader(HTMLParser):
    """Reads a page as a browser does: the elements, their attributes, the text, and whether all are closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def report(quote: str = "no space left on device") -> DiagnosisReport:
    return handoff(quote=quote, argv=("rm", "/models/a b")).report


def test_all_that_was_found_stands_on_it() -> None:
    page = Reader(render(report()))
    assert not page.open
    for words in (
        "1. The disk is full",
        "97 %",
        "no space left on device",
        "sudo rm '/models/a b'",
        "Way back: Pull it again.",
        "4 min before the first error",
        "x was upgraded: 1 -> 2",
        "/models is full",
        "decided until 2027-01-31: CPU only (quiet room)",
        "2026-01-01 00:00:00 UTC",
    ):
        assert words in page.text


def test_several_nodes_and_one_that_could_not_be_reached() -> None:
    lost = Unreached(node="far", what="no answer within 5 s", hint="is it on?")
    page = Reader(render(DiagnosesReport(at=NOW, seconds=1.0, nodes=(report(), report()), unreached=(lost,))))
    assert page.text.count("1. The disk is full") == 2
    assert "no answer within 5 s" in page.text


def test_a_pasted_text_has_no_machine() -> None:
    page = Reader(render(diagnose_text(MISMATCH)))
    assert "NVIDIA kernel module" in page.text
    assert "The machine" not in page.text


def test_a_text_without_a_known_sign() -> None:
    assert "Nothing in this text is a known sign of a fault." in Reader(render(diagnose_text("all is quiet"))).text


def test_a_cause_that_is_no_longer_likely_is_not_told() -> None:
    made = report()
    weak = replace(cause(), confidence=0.01)
    page = Reader(render(replace(made, diagnosis=replace(made.diagnosis, hypotheses=(weak,)))))
    assert "1. The disk is full" not in page.text


@settings(max_examples=60)
@given(st.text(max_size=80) | st.sampled_from(["<script>x</script>", "'\"><img src=x onerror=y>", "{{ 7*7 }}", "]]>"]))
def test_a_quoted_line_is_text_whatever_it_holds(quote: str) -> None:
    clean, page = Reader(render(report())), Reader(render(report(quote)))
    assert page.tags == clean.tags
    assert {name for name, _ in page.attributes} == {name for name, _ in clean.attributes}
    assert not page.open


def test_it_loads_nothing_and_runs_nothing() -> None:
    page = Reader(render(report()))
    assert not page.tags & {"script", "link", "img", "iframe", "object", "form"}
    assert not any(name.startswith("on") or name in ("src", "href") for name, _ in page.attributes)


@pytest.mark.parametrize("secret", ["http://ada:hunter22@proxy", "api_key=verysecret", "hf_abcdefghijklmnop"])
def test_no_secret_stands_on_it(secret: str) -> None:
    page = render(diagnose_text(f"{MISMATCH} {secret}"))
    assert "NVIDIA kernel module" in page
    assert secret not in page


def test_lines_that_are_new_stand_on_it_and_cannot_write_into_it() -> None:
    news = NewLines(
        subject=engine("box", "e"),
        template="* lost",
        count=3,
        first="GPU <script>lost</script>",
        expected=0,
        trouble=True,
        since="the driver was upgraded",
    )
    page = Reader(render(replace(report(), new_lines=(news,))))
    assert not page.open
    assert "GPU <script>lost</script>" in page.text
    assert "engine:box/e, since the driver was upgraded" in page.text
