"""One end of a link that is measured: takes or sends bytes for some seconds, and tells how it went as one line of JSON.

Sent as text to both nodes, which need no keepwell: standard library only, Python 3.7 or newer, nothing written,
nothing left behind. Arguments: serve|send HOST PORT SECONDS BYTES; the token that both ends share comes on
standard input. The taking end takes one connection with the token and ends by itself when nobody comes.
"""

from __future__ import annotations

import hmac
import json
import socket
import struct
import sys
import time

#: Seconds that the taking end waits for the sender, and the sender for it: logging in takes most of it.
MEET_SECONDS = 10.0
#: Seconds between two tries to meet; a refused one comes back at once and would only burn the processor.
LOOK_SECONDS = 0.05
#: Bytes sent at once, and of the token.
BLOCK_BYTES, TOKEN_BYTES = 256 * 1024, 32
#: Single bytes sent there and back to find the shortest way's time.
PINGS = 20
#: Linux's TCP_INFO: where total_retrans, segs_out and the segment size stand in it (linux/tcp.h).
TCP_INFO, INFO_BYTES = 11, 192
_RETRANSMITTED, _SEGMENTS = 100, 136


def serve(host: str, port: int, token: bytes, seconds: float) -> dict[str, float]:
    """Take what one sender sends, tell it how much that was, and give the same; OSError when nobody came."""
    family = {True: socket.AF_INET6}.get(":" in host, socket.AF_INET)
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(4)
        deadline = time.monotonic() + MEET_SECONDS
        while True:
            listener.settimeout(max(0.01, deadline - time.monotonic()))
            peer, _ = listener.accept()
            with peer:
                peer.settimeout(seconds + MEET_SECONDS)
                if hmac.compare_digest(_exactly(peer, TOKEN_BYTES), token):
                    return {"received": _take(peer)}


def send(host: str, port: int, token: bytes, seconds: float, limit: int) -> dict[str, float]:
    """Send for so many seconds or bytes, whichever comes first; the other end's count, and what was lost on the way."""
    with _meet(host, port) as peer:
        peer.settimeout(seconds + MEET_SECONDS)
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        peer.sendall(token)
        told = {"rtt_seconds": min(_ping(peer) for _ in range(PINGS))}
        block, sent, began = bytes(BLOCK_BYTES), 0, time.monotonic()
        while sent < limit and time.monotonic() - began < seconds:
            peer.sendall(block)
            sent += len(block)
        peer.shutdown(socket.SHUT_WR)
        told["received"] = struct.unpack(">Q", _exactly(peer, 8))[0]
        told["seconds"] = time.monotonic() - began
        told.update(_losses(peer))
        return told


def _meet(host: str, port: int) -> socket.socket:
    """A connection to the other end, which may not listen yet."""
    deadline = time.monotonic() + MEET_SECONDS
    while True:
        try:
            return socket.create_connection((host, port), timeout=max(0.1, deadline - time.monotonic()))
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(LOOK_SECONDS)


def _ping(peer: socket.socket) -> float:
    began = time.monotonic()
    peer.sendall(b"p")
    _exactly(peer, 1)
    return time.monotonic() - began


def _take(peer: socket.socket) -> int:
    """Answer the pings, count the rest until the sender is done, and tell it the count."""
    for _ in range(PINGS):
        peer.sendall(_exactly(peer, 1))
    count = 0
    buffer = bytearray(BLOCK_BYTES)
    while True:
        taken = peer.recv_into(buffer)
        if not taken:
            break
        count += taken
    peer.sendall(struct.pack(">Q", count))
    return count


def _exactly(peer: socket.socket, count: int) -> bytes:
    """So many bytes; fewer where the other end went away."""
    content = b""
    while len(content) < count:
        part = peer.recv(count - len(content))
        if not part:
            break
        content += part
    return content


def _losses(peer: socket.socket) -> dict[str, float]:
    """Segments sent, and sent again since they were lost; nothing on a system that does not tell."""
    try:
        info = peer.getsockopt(socket.IPPROTO_TCP, TCP_INFO, INFO_BYTES)
        (again,) = struct.unpack_from("=I", info, _RETRANSMITTED)
        (segments,) = struct.unpack_from("=I", info, _SEGMENTS)
    except (OSError, struct.error):
        return {}
    return {"retransmitted": again, "segments": segments}


def main(words: list[str]) -> int:
    """Be the end that the words say; exit code 1 with the reason on standard error when it could not be done."""
    kind, host, port, seconds, limit = words
    token = bytes.fromhex(sys.stdin.readline().strip())
    try:
        if kind == "serve":
            told = serve(host, int(port), token, float(seconds))
        else:
            told = send(host, int(port), token, float(seconds), int(limit))
    except (OSError, struct.error) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(json.dumps(told) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
