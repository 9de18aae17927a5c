"""Parsers of what people paste: transcripts, commands, lists, refusals, lengths of time. None raises on any text."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.formats.container_run import Asked, count_set, parse_cores, parse_port, parse_run, parse_size
from keepwell.formats.durations import find_gaps, find_lengths, parse_go_duration
from keepwell.formats.filesystems import parse_df_line, parse_mount_line
from keepwell.formats.indented import Node, parse_indented, parse_rows, texts, walk
from keepwell.formats.listening import find_socket, find_started
from keepwell.formats.listing import find_denied, parse_entry
from keepwell.formats.refusals import find_attempts
from keepwell.formats.requirements import find_raised, find_wanted
from keepwell.formats.transcript import parse_transcript, split_command, strip_prefix
from tests.survey.pasted_texts import FRAGMENTS

LINES = st.one_of(st.sampled_from(FRAGMENTS), st.text(max_size=200))


def tree(text: str) -> Node:
    """The value of an indented text."""
    return parse_indented(parse_rows(list(enumerate(text.splitlines(), 1))))


def test_a_transcript_is_cut_at_prompts_fences_and_places() -> None:
    text = (
        "before\n$ uname -r\n6.8.0\nuser@box:~/x$ docker exec -it web \\\n  nvidia-smi\nout\n"
        "root@0123456789ab:/# ls\nin it\n```\ninside the container:\nlast\n"
    )
    found = [
        (one.program, one.place, [line.number for line in one.lines])
        for one in parse_transcript(text).sections
        if one.lines
    ]
    assert found == [
        ("", "", [1]),
        ("uname", "", [3]),
        ("docker", "container", [6]),
        ("ls", "container", [8]),
        ("", "container", [10, 11, 12]),
    ]


@pytest.mark.parametrize(
    ("line", "plain"),
    [
        ("Jan 02 10:00:00 box ollama[812]: time=x level=INFO", "time=x level=INFO"),
        ("2026-01-02T10:00:00+0100 box systemd[1]: Started.", "Started."),
        ("open-webui  | ERROR here", "ERROR here"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("no prefix: at all", "no prefix: at all"),
        ("| NVIDIA-SMI 1 |", "| NVIDIA-SMI 1 |"),
    ],
)
def test_prefixes_are_taken_off(line: str, plain: str) -> None:
    assert strip_prefix(line) == plain


@given(st.lists(LINES, max_size=20))
@settings(max_examples=100, deadline=None)
def test_no_line_of_a_transcript_is_lost(lines: list[str]) -> None:
    text = "\n".join(lines)
    transcript = parse_transcript(text)
    numbers = [line.number for line in transcript.lines]
    assert numbers == sorted(set(numbers))
    assert {line.number for line in transcript.everything} <= set(range(1, text.count("\n") + 2))


def test_what_a_container_is_asked_to_be() -> None:
    words = split_command(
        "sudo docker run -d --rm --gpus all -p 127.0.0.1:8080:80/tcp -p8081:81 -e A=b -e 'C=d e' -v x:/y "
        "--shm-size=8g --cpus 2.5 --ipc=host --name web --add-host=host.docker.internal:host-gateway img:tag serve -p 1"
    )
    asked = parse_run(words)
    assert asked == Asked(
        image="img:tag",
        name="web",
        gpus="all",
        ports=[("127.0.0.1", 8080, 80), ("0.0.0.0", 8081, 81)],
        environment={"A": "b", "C": "d e"},
        volumes=["x:/y"],
        shared_memory_bytes=8 * 1024**3,
        cores=2.5,
        host_ipc=True,
        hosts=["host.docker.internal:host-gateway"],
        command=("serve", "-p", "1"),
    )
    assert parse_run(["docker", "ps"]) is None
    assert parse_run(["podman", "run", "--runtime=runc", "img"]) == Asked(image="img")
    assert (parse_run(["docker", "run", "--device", "/dev/dri:/dev/dri", "img"]) or Asked()).gpus == "/dev/dri"


@given(
    st.lists(st.one_of(st.sampled_from(["docker", "run", "-e", "-p", "--gpus", "-it", "img"]), st.text(max_size=12)))
)
@settings(max_examples=100, deadline=None)
def test_no_command_line_breaks_it(words: list[str]) -> None:
    parse_run(words)
    for word in words:
        parse_port(word), parse_size(word), parse_cores(word), count_set(word), split_command(word)


def test_counts_of_processors() -> None:
    assert (count_set("0-3,8"), count_set("2"), count_set("a"), count_set("3-1")) == (5, 1, 0, 0)
    assert (parse_cores("1.5"), parse_cores("x"), parse_size("64m"), parse_size("x")) == (1.5, 0.0, 64 * 1024**2, 0)


def test_indented_settings() -> None:
    found = tree(
        "services:\n  llm:\n    image: \"a/b:1\"  # tag\n    ports:\n    - '1:2'\n    - 3:4\n    deploy:\n"
        "      resources:\n        reservations:\n          devices:\n            - driver: nvidia\n"
        "              capabilities: [gpu, compute]\n    environment:\n      A: b\n  other:\n    image: c\n"
    )
    assert walk(found, "services", "llm", "image") == "a/b:1"
    assert texts(walk(found, "services", "llm", "ports")) == ["1:2", "3:4"]
    assert texts(walk(found, "services", "llm", "environment")) == ["A=b"]
    assert walk(found, "services", "llm", "deploy", "resources", "reservations", "devices") == [
        {"driver": "nvidia", "capabilities": ["gpu", "compute"]}
    ]
    assert walk(found, "services", "other", "image") == "c"
    assert walk(found, "services", "none", "image") == ""


@given(st.text(alphabet="ab:- \n\t'\"[]{},#|", max_size=300))
@settings(max_examples=150, deadline=None)
def test_no_indented_text_breaks_it(text: str) -> None:
    tree(text)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("dial tcp 10.0.0.7:11434: connect: connection refused", ("10.0.0.7", 11434, "refused")),
        ("dial tcp [::1]:80: i/o timeout", ("::1", 80, "silent")),
        ("dial tcp: lookup registry.example on 10.0.0.1:53: no such host", ("registry.example", 0, "no-name")),
        ("curl: (7) Failed to connect to h port 443 after 5 ms: Couldn't connect to server", ("h", 443, "refused")),
        ("curl: (28) Failed to connect to h port 80 after 130000 ms: Couldn't connect", ("h", 80, "silent")),
        ("Cannot connect to host a.b:80 ssl:default [Name or service not known]", ("a.b", 80, "no-name")),
        ("[Connect call failed ('172.17.0.1', 11434)]", ("172.17.0.1", 11434, "refused")),
        ("Error: connect ECONNREFUSED ::1:11434", ("::1", 11434, "refused")),
        ("Error: connect EHOSTUNREACH 10.1.1.1:80", ("10.1.1.1", 80, "no-route")),
        ("getaddrinfo ENOTFOUND ollama", ("ollama", 0, "no-name")),
        ("curl: (6) Could not resolve host: llm", ("llm", 0, "no-name")),
    ],
)
def test_attempts_that_failed(line: str, told: tuple[str, int, str]) -> None:
    assert [(one.host, one.port, one.result) for one in find_attempts(line)] == [told]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('LISTEN 0 4096 127.0.0.1:80 0.0.0.0:* users:(("nginx",pid=1,fd=3))', ("127.0.0.1", 80, "nginx")),
        ("LISTEN 0 4096 *:8080 *:*", ("0.0.0.0", 8080, "")),
        ("tcp        0      0 0.0.0.0:22   0.0.0.0:*   LISTEN      12/sshd", ("0.0.0.0", 22, "sshd")),
        ("tcp6       0      0 :::11434     :::*        LISTEN", ("::", 11434, "")),
        ("  TCP    127.0.0.1:11434        0.0.0.0:0              LISTENING       4", ("127.0.0.1", 11434, "")),
        ("tcp4       0      0  127.0.0.1.11434        *.*                    LISTEN", ("127.0.0.1", 11434, "")),
        ("ollama  812 me 3u IPv4 0x1 0t0 TCP 127.0.0.1:11434 (LISTEN)", ("127.0.0.1", 11434, "ollama")),
    ],
)
def test_sockets_that_listen(line: str, told: tuple[str, int, str]) -> None:
    found = find_socket(line)
    assert found is not None
    assert (found.address, found.port, found.program) == told


def test_servers_that_tell_where_they_are() -> None:
    told = [
        (one.address, one.port)
        for line in ("Uvicorn running on http://0.0.0.0:8000 (Press", "server is listening on http://127.0.0.1:8080 -")
        for one in find_started(line)
    ]
    assert told == [("0.0.0.0", 8000), ("127.0.0.1", 8080)]


def test_file_systems() -> None:
    disk = parse_df_line("/dev/sda1  98G  90G  4,5G  96% /var/lib docker")
    assert disk is not None
    assert (disk.path, disk.total_bytes, disk.free_bytes) == ("/var/lib docker", 98 * 1024**3, int(4.5 * 1024**3))
    assert parse_df_line("a b c") is None
    shown = parse_mount_line("tmpfs /tmp tmpfs defaults,noexec 0 0")
    assert shown is not None
    assert shown.options == ("defaults", "noexec")


def test_lists_of_files_and_refusals() -> None:
    one = parse_entry("crw-rw---- 1 root render 226, 128 Jan  2 10:00 renderD128", "/dev/dri")
    assert one is not None
    assert (one.path, one.kind, one.owner, one.group) == ("/dev/dri/renderD128", "device", "root", "render")
    link = parse_entry("lrwxrwxrwx 1 a b 7 2026-01-02 10:00 /models -> /mnt/m")
    assert link is not None
    assert link.path == "/models"
    assert list(find_denied("Error: mkdir /a/b: permission denied")) == ["/a/b"]
    assert list(find_denied("PermissionError: [Errno 13] Permission denied: '/data/x'")) == ["/data/x"]
    assert list(find_denied("permission denied")) == []


@pytest.mark.parametrize(
    ("line", "kind", "seconds", "status"),
    [
        ('[GIN] 2026/01/02 - 10:05:01 | 500 |          5m1s |  127.0.0.1 | POST "/api/chat"', "latency", 301.0, 500),
        ('"POST /v1 HTTP/1.1" 504 160 "-" rt=60.004', "latency", 60.004, 504),
        ("Request timed out after 600.0 seconds", "stated", 600.0, 0),
        ("timeout of 60000ms exceeded", "stated", 60.0, 0),
        ("the connection is closed after five minutes", "stated", 300.0, 0),
        ("Read timed out. (read timeout=60)", "stated", 60.0, 0),
        ("it is always cut off after exactly 1 minute", "stated", 60.0, 0),
    ],
)
def test_lengths_of_time(line: str, kind: str, seconds: float, status: int) -> None:
    assert (kind, seconds, status) in [(one.kind, one.seconds, one.status) for one in find_lengths(line) if one.failed]


def test_lengths_between_lines() -> None:
    lines = ["10:00:00 asked", "10:00:01 working", "10:02:00.5 connection closed"]
    assert [(index, one.seconds) for index, one in find_gaps(lines)] == [(2, 119.5), (2, 120.5)]
    assert parse_go_duration("1h2m3.5s") == 3723.5
    assert parse_go_duration("soon") is None


@pytest.mark.parametrize(
    ("line", "told", "kept"),
    [
        ("aa 1.0 requires bb<2,>=1.5, but you have bb 2.1 which is incompatible.", ("aa", "bb", "2.1"), False),
        ("aa 1.0 requires bb>=1.5, but you have bb 2.1 which is incompatible.", ("aa", "bb", "2.1"), True),
        ("aa 1.0 requires bb==2.8.0, but you have bb 2.8.0+cu128.", ("aa", "bb", "2.8.0+cu128"), True),
        ("aa 0.1 depends on bb~=1.4, but you have bb 2.0", ("aa", "bb", "2.0"), False),
    ],
)
def test_what_packages_want(line: str, told: tuple[str, str, str], kept: bool) -> None:
    one = find_wanted(line)
    assert one is not None
    assert ((one.by, one.package, one.has), one.kept) == (told, kept)


def test_the_last_exception_of_a_traceback() -> None:
    text = (
        'Traceback (most recent call last):\n  File "/x/site-packages/httpx/_client.py", line 9, in send\n'
        "    raise exc\nhttpx.ConnectError: [Errno 111] Connection refused\nValueError: not in a trace\n"
    )
    found = [(index, one.type, one.package) for index, one in find_raised(text.splitlines())]
    assert found == [(3, "httpx.ConnectError", "httpx")]


@given(LINES)
@settings(max_examples=200, deadline=None)
def test_no_line_breaks_any_of_them(line: str) -> None:
    find_wanted(line), list(find_raised([line, line]))
    list(find_attempts(line)), list(find_started(line)), list(find_denied(line)), list(find_lengths(line))
    find_socket(line), parse_df_line(line), parse_mount_line(line), parse_entry(line), parse_go_duration(line)
    list(find_gaps([line, line]))
