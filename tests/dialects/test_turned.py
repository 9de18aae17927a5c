"""What real engines answered in any format says the same when it is told in Messages or Responses."""

from __future__ import annotations

import pytest

from keepwell.plugins.asked import Asked
from keepwell.plugins.codec import read_whole
from tests.dialects.folding import Folded, fold
from tests.dialects.golden_files import Golden, load_codecs, load_goldens
from tests.dialects.served import SETTING

CODECS = load_codecs()
ANSWERS = [one for one in load_goldens() if one.good and one.path in CODECS and CODECS[one.path].kinds - {"embed"}]


def told(said: Folded) -> tuple[object, ...]:
    """The first choice: text, thoughts, calls (their ids may be new), and why it is over."""
    calls = [(name, arguments or "{}") for (choice, _), (_, name, arguments) in said.calls.items() if not choice]
    return said.texts.get(0), said.thoughts.get(0), calls, said.finished[0].reason, said.ended, said.failed


@pytest.mark.parametrize("golden", ANSWERS, ids=lambda one: one.id)
@pytest.mark.parametrize("path", ["/v1/messages", "/v1/responses"])
def test_an_answer_says_the_same(golden: Golden, path: str) -> None:
    events = read_whole(CODECS[golden.path], golden.answer, stream=golden.streams)
    for stream in (True, False):
        writer = CODECS[path].make_writer(Asked(model="m", stream=stream), SETTING)
        body = b"".join(writer.write([one], 0.5) for one in events)
        assert told(fold(read_whole(CODECS[path], body, stream=stream))) == told(fold(events))
