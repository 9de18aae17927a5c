"""The data plane's side door for commands of its owner: an address on loopback that only those who may read the state
folder can use. It is there whatever the gateway listens on, with keys, TLS, and while it finishes its last streams.

Each plane tells its door in a file of its own, `STATE/gateway/planes/PID.json`.
"""

from __future__ import annotations

import hmac
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from keepwell.core.errors import AccessError
from keepwell.gateway.surface import Answer
from keepwell.gateway.wire.inbound import Inbound
from keepwell.gateway.wire.request import Request
from keepwell.store.folder import read_private, replace_private

#: The folder of the files in the state folder.
DOORS_FOLDER = "gateway/planes"
#: Bytes of one file, and of a secret.
DOOR_BYTES, SECRET_BYTES = 4096, 32
NOT_FOUND = Answer(status=404, body=b'{"error":"no such path"}')
FORBIDDEN = Answer(status=403, body=b'{"error":"this door is for the owner of the state folder"}')


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorPlate:
    """Where one plane can be asked: its process, the port on 127.0.0.1, and the secret to be sent as a bearer token.

    `inside` is the port on 127.0.0.1 where it serves as it does for its clients, by plain HTTP; 0 if not.
    """

    pid: int
    port: int
    secret: str
    inside: int = 0


class Door:
    """Takes requests that hold the secret and gives them to `answer`; see `keepwell.gateway.wire.inbound.Owner`."""

    max_body_bytes = 0
    finishing = False

    def __init__(self, secret: str, answer: Callable[[Request], Answer | None]) -> None:
        self._expected = f"Bearer {secret}".encode()
        self._answer = answer

    def opened(self, client: Inbound) -> None:
        """Somebody connected."""

    def closed(self, client: Inbound) -> None:
        """And left."""

    def take(self, client: Inbound, request: Request) -> None:
        """Answer at once, and close: a command asks once."""
        answer: Answer | None = FORBIDDEN
        if hmac.compare_digest(request.named.get(b"authorization", b""), self._expected):
            answer = self._answer(request)
        self._write(client, answer or NOT_FOUND)

    def pass_on(self, client: Inbound, request: Request) -> None:
        """Nothing is handed on here."""

    def refuse_malformed(self, client: Inbound, status: int, message: str) -> None:
        """What came is no request."""
        self._write(client, Answer(status=status, body=msgspec.json.encode({"error": message})))

    def _write(self, client: Inbound, answer: Answer) -> None:
        head = b"HTTP/1.1 %d \r\nconnection: close\r\ncontent-type: %b\r\ncontent-length: %d\r\n\r\n"
        client.transport.write(head % (answer.status, answer.content_type, len(answer.body)) + answer.body)
        client.done(close=True)


def make_secret() -> str:
    """A new one for each process."""
    return secrets.token_hex(SECRET_BYTES)


def save_plate(state: Path, plate: DoorPlate) -> Path:
    """Tell where the door of this process is; the file. Raises AccessError."""
    path = state / DOORS_FOLDER / f"{plate.pid}.json"
    replace_private(path, msgspec.json.encode(plate))
    return path


def load_plates(state: Path) -> list[DoorPlate]:
    """Those of all processes that live, the newest process last; files that others left behind are passed over."""
    found = []
    for path in sorted((state / DOORS_FOLDER).glob("*.json")):
        try:
            plate = msgspec.json.decode(read_private(path, DOOR_BYTES), type=DoorPlate)
            os.kill(plate.pid, 0)
            found.append((path.stat().st_mtime_ns, plate))
        except ValueError:  # also what msgspec raises
            continue
        except OSError:  # gone meanwhile, of a process that is gone, or of somebody else's
            continue
    return [plate for _, plate in sorted(found, key=_made_at)]


def sweep_plates(state: Path) -> None:
    """Take away what processes that were killed left behind. Raises AccessError."""
    living = {one.pid for one in load_plates(state)}
    for path in (state / DOORS_FOLDER).glob("*.json"):
        if path.stem.isdigit() and int(path.stem) not in living:
            remove_plate(state, int(path.stem))


def remove_plate(state: Path, pid: int) -> None:
    """The process is gone, or going."""
    try:
        (state / DOORS_FOLDER / f"{pid}.json").unlink(missing_ok=True)
    except OSError as error:
        raise AccessError(f"cannot be removed: {error.strerror}", where=str(state / DOORS_FOLDER)) from error


def _made_at(one: tuple[int, DoorPlate]) -> int:
    return one[0]
