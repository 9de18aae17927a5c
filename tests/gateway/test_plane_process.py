"""The data plane's process when its disk is full, its record locked, itself killed; and keys that come and go."""

from __future__ import annotations

import asyncio
import resource
import signal
import sqlite3
import ssl
import time
from pathlib import Path

from cryptography import x509

from keepwell.store.keys import Key, add_key, digest_secret, remove_key, replace_key
from keepwell.testing.engine import FakeEngine
from tests.gateway.certificates import make_certificate
from tests.gateway.exposition import Family, read_exposition
from tests.gateway.made import chat, read_answer
from tests.gateway.planes import SECONDS, render, running_plane
from tests.support import eventually_async

ADA = Key(name="ada", digest=digest_secret("kw-ada"))


async def test_a_full_disk_stops_nothing_and_nothing_is_lost_when_there_is_room_again(tmp_path: Path) -> None:
    async with FakeEngine("vllm") as engine, running_plane(tmp_path, engine) as plane:
        assert (await plane.ask()).status == 200
        await plane.has_rows(1)
        largest = max(one.stat().st_size for one in plane.record.parent.iterdir())
        free = resource.prlimit(plane.process.pid, resource.RLIMIT_FSIZE, (largest, resource.RLIM_INFINITY))
        answers = [await plane.ask(chat(user="x")) for _ in range(60)]
        assert {one.status for one in answers} == {200}

        async def waits() -> bool:
            found = await _metrics(plane.port)
            return bool(found["keepwell_gateway_record_unwritten"].value())

        await eventually_async(waits, SECONDS, "rows that cannot be written")
        assert len(plane.rows()) < 61
        resource.prlimit(plane.process.pid, resource.RLIMIT_FSIZE, free)
        await plane.has_rows(61)
        assert (await _metrics(plane.port))["keepwell_gateway_record_lost_total"].value() == 0
    assert len({row.id for row in plane.rows()}) == 61


async def test_a_locked_record_stops_nothing(tmp_path: Path) -> None:
    async with FakeEngine("vllm") as engine, running_plane(tmp_path, engine) as plane:
        assert (await plane.ask()).status == 200
        await plane.has_rows(1)
        other = sqlite3.connect(plane.record, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        while time.monotonic() - began < 2.4:  # longer than SQLite itself waits
            asked = time.monotonic()
            assert (await plane.ask()).status == 200
            assert time.monotonic() - asked < 1.0
            await asyncio.sleep(0.1)
        assert len(plane.rows()) == 1
        number = int((await plane.ask()).headers["x-keepwell-request"])
        other.execute("ROLLBACK")
        other.close()

        async def there() -> bool:
            return plane.rows()[-1].id == number

        await eventually_async(there, SECONDS, "the last row")
        ids = [row.id for row in plane.rows()]
        assert ids == list(range(ids[0], ids[0] + len(ids)))


async def test_no_committed_row_is_lost_by_kill_9_and_numbers_go_on(tmp_path: Path) -> None:
    async with FakeEngine("vllm") as engine:
        async with running_plane(tmp_path, engine) as plane:
            for _ in range(20):
                await plane.ask()
            await plane.has_rows(20)
            asked = [asyncio.create_task(plane.ask(chat(stream=True))) for _ in range(20)]
            await asyncio.sleep(0)
            plane.process.send_signal(signal.SIGKILL)
            await plane.process.wait()
            await asyncio.gather(*asked, return_exceptions=True)
        before = plane.rows()
        assert [row.id for row in before[:20]] == list(range(before[0].id, before[0].id + 20))
        async with running_plane(tmp_path, engine) as plane:
            answer = await plane.ask()
            assert int(answer.headers["x-keepwell-request"]) > before[-1].id
            await plane.has_rows(len(before) + 1)


async def test_a_revoked_key_is_refused_within_a_second_on_a_kept_connection_too(tmp_path: Path) -> None:
    add_key(tmp_path, ADA)
    add_key(tmp_path, Key(name="bob", digest=digest_secret("kw-bob")))
    async with FakeEngine("vllm") as engine, running_plane(tmp_path, engine, key_required=True) as plane:
        reader, writer = await asyncio.open_connection("127.0.0.1", plane.port)
        request = render("/v1/chat/completions", chat(), secret="kw-ada")

        async def status() -> int:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
            await reader.readexactly(length)
            return int(head.split(b" ")[1])

        assert [await status() for _ in range(3)] == [200] * 3
        remove_key(tmp_path, "ada")
        revoked = time.monotonic()

        async def refused() -> bool:
            return await status() == 401

        await eventually_async(refused, 1.0, "a refusal")
        assert time.monotonic() - revoked < 1.0
        assert (await plane.ask(secret="kw-bob")).status == 200
        add_key(tmp_path, ADA)

        async def admitted() -> bool:
            return await status() == 200

        await eventually_async(admitted, 1.0, "the key again")
        writer.close()


async def test_what_a_key_used_today_survives_the_gateway(tmp_path: Path) -> None:
    add_key(tmp_path, Key(name="ada", digest=digest_secret("kw-ada"), tokens_per_day=50))
    async with FakeEngine("vllm") as engine:
        async with running_plane(tmp_path, engine, key_required=True) as plane:
            first = await plane.ask(secret="kw-ada")
            assert first.status == 200
            used = sum(first.data["usage"][one] for one in ("prompt_tokens", "completion_tokens"))
            assert 0 < used < 50
            await plane.has_rows(1)
        replace_key(tmp_path, Key(name="ada", digest=digest_secret("kw-ada"), tokens_per_day=used))
        async with running_plane(tmp_path, engine, key_required=True) as plane:
            refused = await plane.ask(secret="kw-ada")
            assert refused.status == 429
            assert "of this day" in refused.data["error"]["message"]
            now = time.localtime()
            left = 86400 - (now.tm_hour * 3600 + now.tm_min * 60 + now.tm_sec)
            assert abs(int(refused.headers["retry-after"]) - left) < 3700, "an hour for a day whose clocks change"
            replace_key(tmp_path, Key(name="ada", digest=digest_secret("kw-ada"), tokens_per_day=used + 1))

            async def admitted() -> bool:
                return (await plane.ask(secret="kw-ada")).status == 200

            await eventually_async(admitted, 2.0, "more tokens")


async def test_https_from_its_files(tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path, "first")
    more = {"certificate": str(certificate), "private_key": str(key)}
    async with FakeEngine("vllm") as engine, running_plane(tmp_path, engine, **more) as plane:
        streams = [await _connect(plane.port, certificate)]
        names = []
        for name in ("second", "third"):
            reader, writer = streams[-1]
            found = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
            names.append(x509.load_der_x509_certificate(found).subject.rfc4514_string())
            make_certificate(tmp_path, name)

            async def changed(wanted: str = name) -> bool:
                try:
                    streams.append(await _connect(plane.port, certificate))
                except ssl.SSLError:  # the old certificate is not the one that is in the file
                    return False
                return True

            await eventually_async(changed, 5.0, name)
        for reader, writer in streams:
            writer.write(render("/v1/chat/completions", chat(stream=True), close=True))
            answer = read_answer(await reader.read())
            assert answer.whole
            assert answer.body.rstrip().endswith(b"data: [DONE]")
            writer.close()
        assert names == ["CN=first", "CN=second"]
        plain = await plane.ask()
        assert plain.status == 400
        assert "https://" in plain.data["error"]["message"]


async def _connect(port: int, authority: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", port, ssl=ssl.create_default_context(cafile=str(authority)))


async def _metrics(port: int) -> dict[str, Family]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
    answer = read_answer(await reader.read())
    writer.close()
    return read_exposition(answer.body)
