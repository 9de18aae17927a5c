"""A redacted tape plays as the first one did: what one text says of another still holds."""

from __future__ import annotations

import json

from keepwell.bundling.compare import compare
from keepwell.bundling.redact_tape import redact_tape, texts_of
from keepwell.redact import Redactor, learn_people
from keepwell.transport.base import Ran, Reply
from keepwell.transport.recorded.player import Player
from keepwell.transport.recorded.tape import Exchange, Refusal, Tape, TapeFile

TAIL = b"one line of mia\n" * 50
ENV = b"API_KEY=abcdef0123456789\nMODELS=/home/mia/models\n"
CAT = ("cat", "--api-key", "k3yk3yk3y", "/home/mia/.env")
TABLE = b"""  sl  local_address rem_address   st
   0: 0100007F:1F90 00000000:0000 0A
   1: 0A00000A:1F90 0E0D0C34:A1B2 01
   2: 0000000000000000FFFF00000E0D0C34:1F90 00000000000000000000000000000000:0000 0A
"""
TAPE = Tape(
    name="gpu01",
    files={
        "/etc/passwd": TapeFile(pieces=((0, b"mia:x:1000:1000:Mia M,,,:/home/mia:/bin/sh\n"),), size_bytes=43),
        "/home/mia/.env": TapeFile(pieces=((0, ENV),), size_bytes=len(ENV)),
        "/home/mia/models": TapeFile(kind="directory", names=("mia.gguf", "x.gguf")),
        "/home/mia/models/mia.gguf": TapeFile(pieces=((0, b"GGUF\0\0by mia@example.org\0"),), size_bytes=25),
        "/var/log/x": TapeFile(pieces=((5000, TAIL),), size_bytes=5000 + len(TAIL)),
        "/proc/net/tcp": TapeFile(pieces=((0, TABLE),), size_bytes=0),
        "/sys/class/dmi/id/product_serial": TapeFile(pieces=((0, b"SN-77\n"),)),
        "/proc/9/environ": TapeFile(unreadable=Refusal(kind="NotPermitted", where="/home/mia")),
    },
    commands={CAT: Ran(argv=("cat",), code=0, stdout=b"52.12.13.14", stderr=b"")},
    exchanges=(
        Exchange(
            method="GET",
            url="http://52.12.13.14:80/v1?api_key=abcdef0123456789",
            answer=Reply(status=200, headers={"set-cookie": "sid=abcdefgh1"}, body=json.dumps({"by": "mia"}).encode()),
        ),
    ),
    connections={("52.12.13.14", 80): None},
)


def _masked() -> Tape:
    return redact_tape(TAPE, Redactor(learn_people(texts_of(TAPE))))


async def test_paths_and_what_names_them_agree() -> None:
    node = Player(_masked())
    environment = (await node.read("/home/<user-1>/.env")).decode()
    assert environment == "API_KEY=<secret-1>\nMODELS=/home/<user-1>/models\n"
    assert await node.list("/home/<user-1>/models") == ("<user-1>.gguf", "x.gguf")
    ran = await node.run(["cat", "--api-key", "<secret-2>", "/home/<user-1>/.env"])
    assert ran.stdout == b"198.18.0.1"
    answer = await node.http("GET", "http://198.18.0.1:80/v1?api_key=<secret-1>")
    assert answer.body == b'{"by": "<user-1>"}'
    assert answer.headers["set-cookie"] == "<secret-3>"
    await node.connect("198.18.0.1", 80)


async def test_sizes_and_places_still_fit() -> None:
    masked = _masked()
    node = Player(masked)
    whole = await node.read("/home/<user-1>/.env")
    assert (await node.stat("/home/<user-1>/.env")).size_bytes == len(whole)
    tail = await node.read("/var/log/x", offset=5000)
    assert len(tail) == len(TAIL)
    assert tail.endswith(b"one line of <user-1>\n")
    model = await node.read("/home/<user-1>/models/<user-1>.gguf")
    assert len(model) == 25
    assert b"mia@" not in model
    assert b"SN-77" not in await node.read("/sys/class/dmi/id/product_serial")


async def test_addresses_in_the_kernel_s_form_are_the_same_addresses() -> None:
    table = (await Player(_masked()).read("/proc/net/tcp")).decode()
    assert "0100007F:1F90 00000000:0000" in table
    assert "0A00000A:1F90 010012C6:A1B2" in table
    assert "0000000000000000FFFF0000010012C6:1F90" in table


def test_a_redacted_tape_is_redacted_no_further() -> None:
    once = _masked()
    assert redact_tape(once, Redactor(learn_people(texts_of(once)))) == once


def test_what_differs_is_told() -> None:
    other = Tape(name="gpu01", files={**TAPE.files, "/etc/x.conf": TapeFile(pieces=((0, b"a"),))})
    rows = compare(TAPE, other)
    assert [(kind, what) for kind, what, _, _ in rows if kind == "file"] == [("file", "/etc/x.conf")]
