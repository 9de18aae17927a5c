"""Which engine answers at an address: also when the one that knows best is late."""

from __future__ import annotations

from collections.abc import Mapping

from keepwell.core.errors import TimedOut
from keepwell.core.observation import Missing
from keepwell.plugins.recognise import load_engines
from keepwell.survey.asking import ask_addresses
from keepwell.survey.hearing import Address
from keepwell.testing.node import RecordedNode
from keepwell.transport.base import CALL_BYTES, CALL_SECONDS, Reply

ADDRESS = Address(host="127.0.0.1", port=11434)
URL = "http://127.0.0.1:11434"


class LateNode(RecordedNode):
    """A node whose engine is busy: the first questions of its own interface get no answer in time."""

    def __init__(self, late: int) -> None:
        super().__init__()
        self.late = late

    async def http(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        timeout_seconds: float = CALL_SECONDS,
        max_bytes: int = CALL_BYTES,
    ) -> Reply:
        if "/api/" in url and self.late:
            self.late -= 1
            raise TimedOut("no answer within 2 s", where=url)
        return await super().http(
            method, url, headers=headers, body=body, timeout_seconds=timeout_seconds, max_bytes=max_bytes
        )


def busy(late: int) -> LateNode:
    node = LateNode(late)
    node.reply("GET", f"{URL}/", "Ollama is running")
    node.reply("GET", f"{URL}/api/version", '{"version":"0.9.3"}')
    listed = '{"object":"list","data":[{"id":"alpha:latest","object":"model","owned_by":"library"}]}'
    node.reply("GET", f"{URL}/v1/models", listed)
    return node


async def name_at(node: LateNode) -> str:
    (answer,) = await ask_addresses(node, [ADDRESS], load_engines(), {})
    assert not isinstance(answer.identity, Missing)
    return answer.engine


async def test_the_most_specific_proof_wins() -> None:
    assert await name_at(busy(late=0)) == "ollama"


async def test_who_knows_best_is_asked_again_when_it_was_late() -> None:
    assert await name_at(busy(late=1)) == "ollama"


async def test_who_never_answers_is_what_the_others_say() -> None:
    assert await name_at(busy(late=99)) == "openai"


async def test_the_gateway_is_no_engine() -> None:
    node = RecordedNode()
    own = {"server": "keepwell"}
    node.reply("GET", f"{URL}/", Reply(status=200, headers=own, body=b"Ollama is running"))
    node.reply("GET", f"{URL}/api/version", Reply(status=200, headers=own, body=b'{"version":"0.9.3"}'))
    node.reply("GET", f"{URL}/v1/models", Reply(status=200, headers=own, body=b'{"object":"list","data":[]}'))
    node.reply("GET", f"{URL}/props", Reply(status=200, headers={"x-keepwell-request": "7"}, body=b"{}"))
    (answer,) = await ask_addresses(node, [ADDRESS], load_engines(), {})
    assert isinstance(answer.identity, Missing)
    assert answer.identity.kind == "absent"
