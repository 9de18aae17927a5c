"""Bundles come back as they were packed, and nothing that a stranger can put into one does harm."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.core.errors import AccessError, DamagedError, KeepwellError, NotThere, RefusedError, TooLarge
from keepwell.transport.base import Ran, Reply, Space
from keepwell.transport.recorded import archive as archive
from keepwell.transport.recorded.archive import pack, unpack
from keepwell.transport.recorded.bundle import (
    FORMAT,
    MANIFEST,
    VERSION,
    Manifest,
    open_bundle,
    parse_bundle,
    render_bundle,
    save_bundle,
)
from keepwell.transport.recorded.tape import Exchange, Refusal, Tape, TapeFile

LARGE = b"a line of a log\n" * 1000
TAPE = Tape(
    name="gpu01",
    recorded_at=1_767_225_600.0,
    files={
        "/etc/hosts": TapeFile(pieces=((0, b"127.0.0.1 localhost\n"),)),
        "/var/log/x.log": TapeFile(pieces=((900, LARGE), (90_000, LARGE + b"\xff\0")), size_bytes=200_000),
        "/proc/1/environ": TapeFile(unreadable=Refusal(kind="NotPermitted")),
    },
    commands={("dmesg",): Ran(argv=("dmesg",), code=0, stdout=LARGE, stderr=b"x")},
    exchanges=(Exchange(method="GET", url="http://127.0.0.1:1/api", answer=Reply(status=200, body=LARGE)),),
    spaces={"/": Space(total_bytes=10, free_bytes=5, inodes=10, inodes_free=5, read_only=False)},
    connections={("127.0.0.1", 22): None},
)
HERE = Path("x.kwb")


def _manifest(**more: Any) -> Manifest:
    rows: dict[str, Any] = {"node": "gpu01", "recorded_at": TAPE.recorded_at, "level": 2, "keepwell": "0.1.0"}
    return Manifest(**({"format": FORMAT, "version": VERSION} | rows | more))


def _bundle(**more: Any) -> bytes:
    return render_bundle(_manifest(**more), TAPE, {"findings.json": b"[]"})


def _tar(*members: tuple[str, bytes, bytes]) -> bytes:
    """A compressed tar of (name, kind, content) as an attacker may write it."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name, kind, content in members:
            about = tarfile.TarInfo(name)
            about.type = kind
            about.size = len(content)
            about.linkname = "/etc/passwd" * (kind in (tarfile.SYMTYPE, tarfile.LNKTYPE))
            tar.addfile(about, io.BytesIO(content))
    return gzip.compress(out.getvalue())


async def test_what_is_packed_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "gpu01.kwb"
    save_bundle(_bundle(masked={"email": 2}, used={"email": 1}), path)
    assert path.stat().st_mode & 0o777 == 0o600
    bundle = open_bundle(path)
    assert bundle.tape == TAPE
    assert bundle.transport.name == "gpu01"
    assert (bundle.clock.now(), bundle.clock.monotonic()) == (TAPE.recorded_at, 0.0)
    assert (bundle.manifest.level, bundle.manifest.masked) == (2, {"email": 2})
    assert await bundle.transport.read("/var/log/x.log", offset=90_000) == LARGE + b"\xff\0"
    assert (await bundle.transport.run(["dmesg"])).stdout == LARGE
    with pytest.raises(NotThere):
        await bundle.transport.read("/etc/shadow")
    assert next(name for name in bundle.members if name.startswith("texts/")) == "texts/0001-var-log-x-log"


def test_the_same_node_gives_the_same_bytes() -> None:
    assert _bundle() == _bundle()


def test_any_tar_can_list_it() -> None:
    with tarfile.open(fileobj=io.BytesIO(_bundle())) as tar:
        assert tar.getnames()[0] == MANIFEST


def test_saving_replaces_bundles_only(tmp_path: Path) -> None:
    target = tmp_path / "a.kwb"
    save_bundle(b"old", target)
    save_bundle(b"new", target)
    assert target.read_bytes() == b"new"
    assert [one.name for one in tmp_path.iterdir()] == ["a.kwb"]
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(RefusedError):
        save_bundle(b"x", tmp_path / "notes.txt")
    (tmp_path / "b.kwb").symlink_to(tmp_path / "notes.txt")
    with pytest.raises(RefusedError):
        save_bundle(b"x", tmp_path / "b.kwb")
    with pytest.raises(AccessError):
        save_bundle(b"x", tmp_path / "nowhere" / "c.kwb")
    assert (tmp_path / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("members", "error"),
    [
        ([("../../etc/cron.d/x", tarfile.REGTYPE, b"x")], RefusedError),
        ([("/etc/passwd", tarfile.REGTYPE, b"x")], RefusedError),
        ([("a/../b", tarfile.REGTYPE, b"x")], RefusedError),
        ([("a\x1b[31m", tarfile.REGTYPE, b"x")], RefusedError),
        ([("link", tarfile.SYMTYPE, b"")], RefusedError),
        ([("link", tarfile.LNKTYPE, b"")], RefusedError),
        ([("device", tarfile.CHRTYPE, b"")], RefusedError),
        ([("pipe", tarfile.FIFOTYPE, b"")], RefusedError),
        ([("folder", tarfile.DIRTYPE, b"")], RefusedError),
        ([("n" * 150, tarfile.REGTYPE, b"x")], RefusedError),
        ([("twice", tarfile.REGTYPE, b"x"), ("twice", tarfile.REGTYPE, b"y")], RefusedError),
        ([("bomb", tarfile.REGTYPE, bytes(40_000_000))], TooLarge),
        ([(f"m{n}", tarfile.REGTYPE, b"") for n in range(archive.MEMBERS + 2)], TooLarge),
        ([("node.json", tarfile.REGTYPE, b"{}")], DamagedError),
        ([], DamagedError),
    ],
)
def test_hostile_archives_are_refused(members: list[tuple[str, bytes, bytes]], error: type[KeepwellError]) -> None:
    with pytest.raises(error) as said:
        parse_bundle(_tar(*members), HERE)
    assert "\x1b" not in str(said.value)


@pytest.mark.parametrize(
    "archive_bytes",
    [b"", b"no gzip", gzip.compress(b""), gzip.compress(b"x" * 700)],
    ids=["nothing", "no gzip", "empty gzip", "no tar"],
)
def test_what_is_no_archive_is_damaged(archive_bytes: bytes) -> None:
    with pytest.raises(DamagedError):
        parse_bundle(archive_bytes, HERE)


def test_more_after_the_end_is_refused() -> None:
    with pytest.raises(DamagedError, match="follows the end"):
        parse_bundle(_bundle() + _bundle(), HERE)


def test_a_changed_member_is_found() -> None:
    members = unpack(_bundle(), "x")
    members["findings.json"] = b'[{"x": 1}]'
    with pytest.raises(DamagedError, match=r"findings\.json was changed"):
        parse_bundle(pack(members), HERE)
    del members["findings.json"]
    with pytest.raises(DamagedError, match="differ"):
        parse_bundle(pack(members), HERE)


def _packed(manifest: bytes, **members: bytes) -> bytes:
    return pack({MANIFEST: manifest, **members})


def test_a_newer_form_says_what_to_do() -> None:
    head = {"format": FORMAT, "version": VERSION + 1, "something": "new"}
    with pytest.raises(RefusedError, match="form 2, this keepwell reads up to 1") as said:
        parse_bundle(_packed(msgspec.json.encode(head)), HERE)
    assert "update keepwell" in said.value.hint


@pytest.mark.parametrize("head", [b"[]", b"{", b'{"format": "zip", "version": 1}', b"[" * 100_000, b"\xff"])
def test_a_manifest_that_is_none(head: bytes) -> None:
    with pytest.raises(DamagedError):
        parse_bundle(_packed(head), HERE)


@pytest.mark.parametrize(
    ("node", "texts"),
    [
        (b'{"format": "keepwell-node/1", "name": "n", "files": {"/a": {"mode": "99"}}}', b"[]"),
        (b'{"format": "keepwell-node/9", "name": "n"}', b"[]"),
        (b'{"format": "keepwell-node/1", "name": "n", "files": {"/a": ' + b'{"leads_to": ' * 50_000, b"[]"),
        (b'{"format": "keepwell-node/1", "name": "n"}', b'[{"member": "texts/1", "part": "file", "index": 0}]'),
        (b'{"format": "keepwell-node/1", "name": "n"}', b'[{"member": "node.json", "part": "body", "index": -1}]'),
    ],
)
def test_a_tape_that_is_none(node: bytes, texts: bytes) -> None:
    members = {"node.json": node, "texts.json": texts}
    rows = {name: {"bytes": len(one), "sha256": hashlib.sha256(one).hexdigest()} for name, one in members.items()}
    head = msgspec.json.encode({**msgspec.to_builtins(_manifest()), "members": rows})
    with pytest.raises(DamagedError):
        parse_bundle(pack({MANIFEST: head, **members}), HERE)


def test_files_that_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(NotThere, match="keepwell collect"):
        open_bundle(tmp_path / "none.kwb")
    with pytest.raises(KeepwellError):
        open_bundle(tmp_path)
    with pytest.raises(KeepwellError):
        open_bundle(Path("/dev/zero"))


members_of = st.dictionaries(
    st.from_regex(r"[a-z0-9][a-z0-9_-]{0,9}(\.[a-z]{1,4})?(/[a-z0-9]{1,9})?", fullmatch=True),
    st.binary(max_size=2000),
    max_size=5,
)


@given(members_of)
@settings(max_examples=60, deadline=None)
def test_packing_and_unpacking_are_inverse(members: dict[str, bytes]) -> None:
    assert unpack(pack(members), "x") == members
