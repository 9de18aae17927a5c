"""RecordedNode beyond the contract: links, folders, requests, room."""

from __future__ import annotations

import pytest

from keepwell.core.errors import AccessError, NotPermitted, NotThere, Unreachable
from keepwell.testing.node import RecordedNode
from keepwell.transport.base import Ran, Reply, Space
from keepwell.transport.recorded.tape import Exchange, Refusal, Tape, TapeFile


def _files(**files: TapeFile) -> RecordedNode:
    return RecordedNode(Tape(name="n", files={path.replace("_", "/"): file for path, file in files.items()}))


async def test_folders_exist_of_themselves() -> None:
    node = RecordedNode()
    node.files.put("/srv/models/a.gguf", b"GGUF")
    node.files.put("/srv/models/b.gguf", "text")
    assert await node.list("/srv/models") == ("a.gguf", "b.gguf")
    assert await node.list("/") == ("srv",)
    assert (await node.stat("/srv")).kind == "directory"
    assert (await node.stat("/srv/models/a.gguf")).size_bytes == 4
    await node.remove("/srv/models/a.gguf")
    assert await node.list("/srv/models") == ("b.gguf",)


async def test_links_in_the_middle_are_followed() -> None:
    node = RecordedNode()
    node.files.put("/data/store/blob", b"1")
    node.files.put("/srv/models", TapeFile(kind="link", target="../data/./store"))
    node.files.put("/abs", TapeFile(kind="link", target="/srv/models/blob"))
    assert await node.read("/srv/models/blob") == b"1"
    assert await node.read("/abs") == b"1"
    assert await node.list("/srv/models") == ("blob",)
    await node.write("/srv/models/new", b"2")
    assert await node.read("/data/store/new") == b"2"
    assert await node.read("/data/store/../store/new") == b"2"


async def test_what_a_link_leads_to_may_be_recorded_with_it() -> None:
    socket = TapeFile(kind="socket", uid=5)
    node = RecordedNode()
    node.files.put("/proc/9/fd/3", TapeFile(kind="link", target="socket:[77]", leads_to=socket))
    assert await node.link("/proc/9/fd/3") == "socket:[77]"
    assert (await node.stat("/proc/9/fd/3")).kind == "socket"
    assert (await node.stat("/proc/9/fd/3", follow=False)).kind == "link"


async def test_refusals_hold_for_what_they_are_about() -> None:
    secret = TapeFile(uid=3, unreadable=Refusal(kind="NotPermitted", what="Permission denied"))
    gone = TapeFile(refused=Refusal(kind="NotThere"))
    node = _files(_etc_secret=secret, _etc_gone=gone)
    assert (await node.stat("/etc/secret")).uid == 3
    with pytest.raises(NotPermitted):
        await node.read("/etc/secret")
    with pytest.raises(NotThere):
        await node.stat("/etc/gone")
    assert await node.list("/etc") == ("secret",)
    await node.write("/etc/gone", b"now there")
    assert await node.read("/etc/gone") == b"now there"


async def test_listed_names_without_files_are_names() -> None:
    node = _files(_proc=TapeFile(kind="directory", names=("1", "2", "self")))
    assert await node.list("/proc") == ("1", "2", "self")
    with pytest.raises(NotThere):
        await node.stat("/proc/1")


async def test_commands_change_when_told() -> None:
    node = RecordedNode()
    with pytest.raises(NotThere):
        await node.run(["uname"])
    node.answer(["uname"], "Linux\n")
    assert (await node.run(["uname"])).text == "Linux\n"
    node.answer(["uname"], Ran(argv=("uname",), code=1, stdout=b"", stderr=b"no"))
    assert (await node.run(["uname"])).code == 1
    node.answer(["uname"], Refusal(kind="NotPermitted"))
    with pytest.raises(NotPermitted):
        await node.run(["uname"])
    assert node.calls == ["run uname"] * 4


async def test_the_request_that_asks_more_is_meant() -> None:
    url = "http://127.0.0.1:8080/v1/models"
    node = RecordedNode(
        Tape(
            name="n",
            exchanges=(
                Exchange(method="GET", url=url, answer=Reply(status=200)),
                Exchange(method="GET", url=url, headers={"origin": "http://evil"}, answer=Reply(status=403)),
                Exchange(method="POST", url=url, body=b"a", answer=Reply(status=201)),
            ),
        )
    )
    assert (await node.http("get", url)).status == 200
    assert (await node.http("GET", url, headers={"Origin": "http://evil", "Accept": "*/*"})).status == 403
    assert (await node.http("GET", url, headers={"Origin": "http://good"})).status == 200
    assert (await node.http("POST", url, body=b"a")).status == 201
    with pytest.raises(Unreachable):
        await node.http("POST", url, body=b"b")
    await node.connect("127.0.0.1", 8080)
    with pytest.raises(Unreachable):
        await node.connect("127.0.0.1", 808)
    node.open_port("127.0.0.1", 808)
    await node.connect("127.0.0.1", 808)
    node.reply("GET", url, "{}")
    assert (await node.http("GET", url, headers={"Origin": "http://evil"})).body == b"{}"


async def test_room_is_that_of_the_nearest_mount() -> None:
    small = Space(total_bytes=10, free_bytes=0, inodes=5, inodes_free=5, read_only=False)
    large = Space(total_bytes=99, free_bytes=9, inodes=5, inodes_free=5, read_only=True)
    node = _files(_srv_models_a=TapeFile(pieces=((0, b""),)), _srvx_a=TapeFile(pieces=((0, b""),)))
    with pytest.raises(NotThere):
        await node.space("/srv")
    node.set_space("/", large)
    node.set_space("/srv", small)
    assert await node.space("/srv/models/a") == small
    assert await node.space("/srvx/a") == large
    with pytest.raises(NotThere):
        await node.space("/srv/nothing")


async def test_a_link_has_no_mode_and_a_folder_cannot_be_removed() -> None:
    node = _files(_a=TapeFile(kind="link", target="b"), _b=TapeFile(pieces=((0, b""),)))
    with pytest.raises(NotPermitted):
        await node.set_mode("/a", 0o600)
    await node.set_owner("/a", 1, 2)
    assert (await node.stat("/a", follow=False)).gid == 2
    node.files.put("/c/d", b"")
    with pytest.raises(AccessError):
        await node.remove("/c")
