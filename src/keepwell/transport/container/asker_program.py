"""One HTTP request or one TCP connection from wherever this file is run; standard library only, Python 3.7 or newer.

keepwell sends this text to an interpreter that it has put into another network (a container's, say). The wish is a
JSON mapping (its argument, in the variable KEEPWELL_ASKED or on standard input), the answer one on standard output:
`{"status", "headers", "body" (base64), "seconds"}`, `{"connected": true}`, or `{"error": kind, "what": words}` with
kind refused, timeout, large or unusable. With `hosts` and `resolv` in the wish, names are looked up by those texts
(of /etc/hosts and /etc/resolv.conf) and not by this machine's own.
"""

from __future__ import annotations

import base64
import http.client
import ipaddress
import json
import os
import socket
import ssl
import struct
import sys
import time
import urllib.parse
from typing import Any

#: Seconds for one name server; the system's resolver waits five.
NAME_SECONDS = 2.0
#: Bytes of one answer over UDP.
DATAGRAM_BYTES = 4096


class Failed(Exception):
    """What could not be done, in a kind and words."""


def main() -> None:
    """Do what is wished and print how it went."""
    asked = json.loads("".join(sys.argv[1:]) or os.environ.get("KEEPWELL_ASKED") or sys.stdin.read())
    try:
        answer = {"http": request, "connect": knock}[asked["op"]](asked)
    except Failed as error:
        answer = {"error": error.args[0], "what": error.args[1]}
    except ssl.SSLError as error:
        answer = {"error": "refused", "what": str(error)}
    except OSError as error:
        answer = tell(error, asked["seconds"])
    except (http.client.HTTPException, ValueError, UnicodeError) as error:
        answer = {"error": "refused", "what": str(error) or type(error).__name__}
    print(json.dumps(answer))


def tell(error: OSError, seconds: float) -> dict[str, object]:
    """The system's words for an error; a time limit is one of its own kind, under two names in old Pythons."""
    if isinstance(error, TimeoutError) or str(error) == "timed out":
        return {"error": "timeout", "what": f"no answer within {seconds:g} s"}
    return {"error": "refused", "what": error.strerror or str(error) or type(error).__name__}


def knock(asked: dict[str, Any]) -> dict[str, object]:
    """Open a TCP connection and close it."""
    open_socket(asked, asked["host"], asked["port"]).close()
    return {"connected": True}


def request(asked: dict[str, Any]) -> dict[str, object]:
    """One request, past any proxy, redirects not followed."""
    began = time.monotonic()
    url = urllib.parse.urlsplit(asked["url"])
    if url.scheme not in ("http", "https") or not url.hostname:
        raise Failed("unusable", "not a usable URL")
    port = url.port or {"http": 80, "https": 443}[url.scheme]
    line = socket_for(asked, url, port)
    connection = http.client.HTTPConnection(url.hostname, port)
    connection.sock = line
    target = urllib.parse.urlunsplit(("", "", url.path or "/", url.query, ""))
    headers = {"Host": url.netloc.rpartition("@")[2], "Accept": "*/*", "Accept-Encoding": "identity"}
    headers.update(asked["headers"])
    connection.request(asked["method"], target, body=base64.b64decode(asked["body"]) or None, headers=headers)
    reply = connection.getresponse()
    body = reply.read(asked["max_bytes"] + 1)
    if len(body) > asked["max_bytes"]:
        raise Failed("large", f"a body of more than {asked['max_bytes']} bytes")
    return {
        "status": reply.status,
        "headers": {name.lower(): value for name, value in reply.getheaders()},
        "body": base64.b64encode(body).decode("ascii"),
        "seconds": time.monotonic() - began,
    }


def socket_for(asked: dict[str, Any], url: urllib.parse.SplitResult, port: int) -> socket.socket:
    """An open connection, in TLS where the URL wants it."""
    line = open_socket(asked, url.hostname or "", port)
    if url.scheme == "https":
        return ssl.create_default_context().wrap_socket(line, server_hostname=url.hostname)
    return line


def open_socket(asked: dict[str, Any], host: str, port: int) -> socket.socket:
    """A connection to the first address of a host that takes one."""
    addresses = find_addresses(asked, host, port)
    last = OSError(0, f"the name {host} has no address")
    for address in addresses:
        try:
            return socket.create_connection((address, port), timeout=asked["seconds"])
        except OSError as error:
            last = error
    raise last


def find_addresses(asked: dict[str, Any], host: str, port: int) -> list[str]:
    """The addresses of a host, by the texts of the wish or, without them, by the system."""
    try:
        return [str(ipaddress.ip_address(host))]
    except ValueError:
        pass
    if "hosts" not in asked:
        try:
            rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except socket.gaierror as error:
            raise Failed("refused", f"the name {host} is not known ({error.strerror})") from error
        return [str(row[4][0]) for row in rows]
    found = find_in_hosts(asked["hosts"], host) or ask_servers(asked["resolv"], host)
    if not found:
        raise Failed("refused", f"the name {host} is not known there")
    return found


def find_in_hosts(text: str, host: str) -> list[str]:
    """The addresses that a hosts file gives a name."""
    rows = (line.partition("#")[0].split() for line in text.splitlines())
    return [row[0] for row in rows if host.lower() in [name.lower() for name in row[1:]]]


def ask_servers(text: str, host: str) -> list[str]:
    """The addresses that the name servers of a resolv.conf tell, of the name and of it with each search domain."""
    rows = [line.split() for line in text.splitlines()]
    servers = [row[1] for row in rows if len(row) > 1 and row[0] == "nameserver"][:3]
    domains = [name for row in rows if row and row[0] in ("search", "domain") for name in row[1:]][:6]
    names = [f"{host}.{domain.strip('.')}" for domain in domains if domain != "."]
    names.insert({True: 0, False: len(names)}["." in host], host)
    for server in servers:
        for name in names:
            found = ask_server(server, name, 1) or ask_server(server, name, 28)
            if found:
                return found
    return []


def ask_server(server: str, name: str, kind: int) -> list[str]:
    """The A (1) or AAAA (28) addresses that one name server tells; none where it is silent."""
    labels = [label.encode("idna") for label in name.strip(".").split(".")]
    number = os.urandom(2)
    wanted = b"".join(bytes([len(label)]) + label for label in labels) + b"\0" + struct.pack(">HH", kind, 1)
    family = {True: socket.AF_INET6, False: socket.AF_INET}[":" in server]
    with socket.socket(family, socket.SOCK_DGRAM) as line:
        line.settimeout(NAME_SECONDS)
        try:
            line.connect((server, 53))
            line.send(number + struct.pack(">HHHHH", 0x0100, 1, 0, 0, 0) + wanted)
            answer = line.recv(DATAGRAM_BYTES)
        except OSError:
            return []
    if answer[:2] != number:
        return []
    try:
        return read_answer(answer, kind)
    except (IndexError, struct.error, ValueError):
        return []


def read_answer(answer: bytes, kind: int) -> list[str]:
    """The addresses in an answer (RFC 1035, 4.1); whatever else is in it is passed over."""
    questions, records = struct.unpack(">HH", answer[4:8])
    place = 12
    for _ in range(questions):
        place = after_name(answer, place) + 4
    found = []
    for _ in range(records):
        place = after_name(answer, place)
        what, _, _, size = struct.unpack(">HHIH", answer[place : place + 10])
        data = answer[place + 10 : place + 10 + size]
        place += 10 + size
        if what == kind and len(data) in (4, 16):
            found.append(str(ipaddress.ip_address(data)))
    return found


def after_name(answer: bytes, place: int) -> int:
    """The place behind a name, which ends with an empty label or a pointer."""
    while answer[place]:
        if answer[place] >= 0xC0:
            return place + 2
        place += answer[place] + 1
    return place + 1


if __name__ == "__main__":
    main()
