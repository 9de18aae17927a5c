"""Uses in one file, judged: unchanged, one line, or no equivalent."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.audit.document import FILE_USES
from keepwell.audit.target import Target
from keepwell.audit.tongue import find_tongue
from tests.audit.read import changed, read, verdicts

LAN = Target(host="192.168.1.5", port=4000)

#: One line each: file, line, and the line that moves it to the gateway.
ONE_LINE = [
    ("a.py", 'URL = os.getenv("OLLAMA_URL", "http://localhost:11434")', "http://127.0.0.1:4000"),
    ("a.py", 'c = OpenAI(base_url="http://localhost:8000/v1", api_key="EMPTY")', "http://127.0.0.1:4000/v1"),
    ("a.py", 'requests.post("http://127.0.0.1:11434/api/chat")', "http://127.0.0.1:4000/api/chat"),
    ("a.py", 'x = "http://vllm:8080/v1/chat/completions"', "http://host.docker.internal:4000/v1/chat/completions"),
    (".env", "OLLAMA_HOST=localhost", "OLLAMA_HOST=http://127.0.0.1:4000"),
    (".env", "OPENAI_API_BASE=http://localhost:8000/v1", "OPENAI_API_BASE=http://127.0.0.1:4000/v1"),
    (".env", "ANTHROPIC_BASE_URL=http://localhost:8080", "ANTHROPIC_BASE_URL=http://127.0.0.1:4000"),
    ("run.sh", "curl http://localhost:11434/api/generate -d '{}'", "curl http://127.0.0.1:4000/api/generate"),
    ("run.sh", "export OLLAMA_HOST=gpu01:11434", "export OLLAMA_HOST=host.docker.internal:4000"),
    ("a.ts", "const u = `http://${host}:11434/api/tags`", "const u = `http://127.0.0.1:4000/api/tags`"),
    ("a.go", 'c := "http://localhost:11434"', "http://127.0.0.1:4000"),
    ("nginx.conf", "proxy_pass http://127.0.0.1:11434;", "proxy_pass http://127.0.0.1:4000;"),
    ("nginx.conf", "server 127.0.0.1:11434 max_fails=3;", "server 127.0.0.1:4000 max_fails=3;"),
    ("app.service", 'Environment="OLLAMA_BASE_URL=http://localhost:11434"', "OLLAMA_BASE_URL=http://127.0.0.1:4000"),
    ("application.properties", "spring.ai.ollama.base-url=http://localhost:11434", "=http://127.0.0.1:4000"),
    ("deploy.yaml", "value: http://ollama.llm.svc.cluster.local:11434", "value: http://127.0.0.1:4000"),
    ("config.json", '{"ollama": {"url": "http://localhost:11434"}}', '"http://127.0.0.1:4000"'),
    ("a.py", 'ollama.Client(host="x", port=11434)', "port=4000"),
]


@pytest.mark.parametrize(("name", "line", "wanted"), ONE_LINE)
def test_an_address_needs_one_line(name: str, line: str, wanted: str) -> None:
    new = changed(name, f"{line}\n")
    assert list(new) == [1]
    assert wanted in new[1]
    assert "11434" not in new[1]


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("a.jsx", "<p>talks to Ollama (port 11434) itself</p>"),
        ("run.sh", 'echo "ollama listens at http://localhost:11434"'),
        ("a.py", 'raise ValueError("run `ollama serve` first")'),
        ("a.ts", "`${OPENROUTER_API}/v1/models/${id}`"),
        ("package.json", '"keywords": ["ollama"],'),
        ("a.py", "# http://localhost:11434"),
        ("a.py", '"""Ask http://localhost:11434."""'),
        ("a.ts", "// http://localhost:11434"),
        ("a.go", "/* http://localhost:11434 */"),
        (".env.example", "# OLLAMA_HOST=http://localhost:11434"),
        ("README.md", "http://localhost:11434"),
        ("a.py", 'x = "https://api.openai.com/v1/chat/completions"'),
        ("a.py", 'x = "http://localhost:8000/users"'),
        ("a.ts", "await fetch('/api/chat', { body })  // ollama"),
        ("a.py", '@app.post("/v1/chat/completions")'),
        ("a.py", "import json"),
    ],
)
def test_what_is_no_use_is_none(name: str, line: str) -> None:
    assert read(name, f"{line}\n").uses == ()


def test_a_client_without_an_address_gets_one_as_its_first_argument() -> None:
    text = 'from langchain_ollama import ChatOllama\nllm = ChatOllama(\n    model="llama3",\n)\nb = ChatOllama()\n'
    assert changed("a.py", text) == {
        2: 'llm = ChatOllama(base_url="http://127.0.0.1:4000",',
        5: 'b = ChatOllama(base_url="http://127.0.0.1:4000")',
    }
    script = "import { ChatOllama } from '@langchain/ollama';\nconst a = new ChatOllama({ model });\nnew ChatOllama()\n"
    assert changed("a.ts", script) == {
        2: 'const a = new ChatOllama({ baseUrl: "http://127.0.0.1:4000", model });',
        3: 'new ChatOllama({ baseUrl: "http://127.0.0.1:4000" })',
    }


def test_a_client_whose_address_comes_from_elsewhere_stays() -> None:
    made = "llm = ChatOllama(model=m, base_url=URL)\nx = ChatOllama(**options)\n"
    text = f"from langchain_ollama import ChatOllama\n{made}"
    assert {one[2] for one in verdicts("a.py", text)} == {"unchanged"}


def test_another_librarys_client_of_the_same_name_is_none() -> None:
    text = "import ollama\nimport httpx\nwith httpx.Client() as c:\n    pass\n"
    assert all(one[1] != "Client(" for one in verdicts("a.py", text))


def test_functions_of_the_library_itself_ask_where_a_variable_says() -> None:
    found = read("a.py", 'import ollama\nollama.chat(model="a")\nollama.pull("a")\n').uses
    assert [(one.what, one.verdict) for one in found] == [
        ("ollama", "line"),
        ("ollama.chat(", "unchanged"),
        ("ollama.pull(", "none"),
    ]
    assert [one.new for one in found if one.place == "environment"] == ["OLLAMA_HOST=http://127.0.0.1:4000"]


def test_an_import_that_makes_a_client_is_written_anew() -> None:
    text = "import ollama from 'ollama';\nawait ollama.chat({});\n"
    wanted = "import { Ollama } from 'ollama'; const ollama = new Ollama({ host: 'http://127.0.0.1:4000' });"
    assert changed("a.mjs", text) == {1: wanted}


def test_a_model_in_the_programs_own_process_has_no_equivalent() -> None:
    found = read("a.py", 'from vllm import LLM\nllm = LLM(model="facebook/opt-125m")\n').uses
    assert [one.verdict for one in found if one.kind == "client"] == ["none"]
    assert "start a server" in next(one.say for one in found if one.verdict == "none")


@pytest.mark.parametrize(
    ("name", "line", "said"),
    [
        ("a.py", 'requests.post(f"{OLLAMA}/api/pull", json=x)', "x-keepwell-node"),
        ("a.py", 'requests.get(f"{LLAMA_CPP}/slots")', "is not shown"),
        ("a.py", 'requests.post(f"{VLLM_URL}/sleep?level=1")', "puts one engine to sleep"),
        ("a.py", 'requests.get(f"{VLLM_URL}/metrics")', "scrape the engine itself"),
        ("a.ts", 'new WebSocket("ws://localhost:11434/x")', "websockets"),
        ("run.sh", "ollama pull llama3", "sends no key"),
        ("a.py", 'subprocess.run(["ollama", "pull", name])', "sends no key"),
    ],
)
def test_what_has_no_equivalent_is_told_with_what_instead(name: str, line: str, said: str) -> None:
    document = read(name, f"{line}\n")
    assert [one.verdict for one in document.uses if said in one.say] == ["none"]
    assert document.changed == {}


def test_a_line_that_changes_an_engine_goes_on_asking_it() -> None:
    document = read("a.py", 'requests.post("http://localhost:11434/api/pull")\n')
    assert document.changed == {}
    assert document.uses[0].verdict == "none"


COMPOSE = """services:
  llm:
    image: ollama/ollama
    environment:
      - OLLAMA_HOST=0.0.0.0
    ports: ["11434:11434"]
    healthcheck:
      test: curl http://localhost:11434/api/tags
  web:
    environment:
      OLLAMA_BASE_URL: http://llm:11434
"""


def test_an_engines_own_part_of_a_file_stays() -> None:
    assert changed("compose.yaml", COMPOSE) == {11: "      OLLAMA_BASE_URL: http://host.docker.internal:4000"}
    assert changed("compose.yaml", COMPOSE, LAN) == {11: "      OLLAMA_BASE_URL: http://192.168.1.5:4000"}
    own = "[Service]\nExecStart=/usr/local/bin/ollama serve\nEnvironment=OLLAMA_HOST=0.0.0.0:11434\n"
    assert changed("ollama.service", own) == {}
    assert changed("etc/ollama.service.d/override.conf", "[Service]\nEnvironment=OLLAMA_HOST=127.0.0.1:11434\n") == {}
    assert changed("Dockerfile", "FROM ollama/ollama\nENV OLLAMA_HOST=localhost:11434\n") == {}
    assert changed("prometheus.yml", "scrape_configs:\n  - static_configs:\n    - targets: ['gpu01:11434']\n") == {}


def test_a_value_in_the_next_line_belongs_to_its_name() -> None:
    text = "env:\n- name: OLLAMA_HOST\n  value: gpu01.lan\n"
    assert changed("deploy.yaml", text, LAN) == {3: "  value: http://192.168.1.5:4000"}


NOTEBOOK = """{
 "cells": [
  {
   "cell_type": "markdown",
   "source": [
    "ask http://localhost:11434\\n"
   ]
  },
  {
   "cell_type": "code",
   "outputs": [],
   "source": [
    "from langchain_ollama import ChatOllama\\n",
    "url = \\"http://localhost:11434\\"\\n",
    "llm = ChatOllama(model=\\"a\\")"
   ]
  }
 ]
}
"""


def test_the_code_of_a_notebook_is_read_and_stays_json() -> None:
    import json

    new = changed("a.ipynb", NOTEBOOK)
    assert sorted(new) == [14, 15]
    lines = NOTEBOOK.split("\n")
    for number, text in new.items():
        lines[number - 1] = text
    cell = json.loads("\n".join(lines))["cells"][1]["source"]
    assert cell[1:] == [
        'url = "http://127.0.0.1:4000"\n',
        'llm = ChatOllama(base_url="http://127.0.0.1:4000", model="a")',
    ]


def test_names_of_models_are_told_where_an_engine_is_asked() -> None:
    text = 'u = "http://localhost:11434"\nx = {"model": "llama3.2:3b"}\ny = {"model": "gpt-4o"}\n'
    found = {one.what: one for one in read("a.py", text).uses if one.kind == "model"}
    assert found["llama3.2:3b"].verdict == "unchanged"
    assert found["gpt-4o"].new == 'aliases = ["gpt-4o"]'
    assert read("b.py", 'x = {"model": "llama3.2:3b"}\n').uses == ()
    lite = read("c.py", 'litellm.completion(model="ollama/llama3", messages=m)\n').uses
    assert [one.new for one in lite if one.place == "environment"] == ["OLLAMA_API_BASE=http://127.0.0.1:4000"]


def test_calls_on_a_client_are_calls_of_its_library() -> None:
    text = "import ollama\nc = ollama.Client(host=H)\nc.pull(m)\nc.chat(model=m)\n"
    found = {one.what: one.verdict for one in read("a.py", text).uses if one.kind == "path"}
    assert found == {"c.pull(": "none", "c.chat(": "unchanged"}
    loose = read("a.ts", "const ollama = await getOllama(event)\nawait ollama.delete({ model })\n").uses
    assert [(one.what, one.verdict) for one in loose] == [("ollama.delete(", "none")]


def test_lists_of_dependencies_name_libraries() -> None:
    assert verdicts("package.json", '"ollama": "^0.5.9",\n') == [(1, "ollama", "unchanged")]
    assert verdicts("requirements.txt", "langchain-ollama>=0.2\n") == [(1, "langchain-ollama", "unchanged")]


def test_a_path_without_its_slash_is_one_where_nothing_else_has_it() -> None:
    assert [one[1] for one in verdicts("a.ts", "join(base, 'v1/chat/completions')\n")] == ["/v1/chat/completions"]
    text = "// vllm\nconst vllm = 1; fetch(buildEndpoint(url, 'metrics'))\n"
    assert [one[1:] for one in verdicts("a.ts", text)] == [("/metrics", "none")]


def test_what_asks_the_gateway_already_stays() -> None:
    assert changed("a.py", 'x = "http://127.0.0.1:4000/v1/chat/completions"\n') == {}


def test_a_gateway_with_tls_needs_a_scheme() -> None:
    tls = Target(scheme="https", host="llm.example.org", port=443)
    assert changed("a.py", 'x = "http://localhost:11434"\n', tls) == {1: 'x = "https://llm.example.org"'}
    assert [one[2] for one in verdicts("nginx.conf", "server 127.0.0.1:11434;\n", tls)] == ["none"]


def test_lines_and_uses_have_limits() -> None:
    long = read("a.py", f'x = "{"a" * 3000} http://localhost:11434"\n')
    assert (long.uses, long.long_lines) == ((), 1)
    many = read("a.py", 'x = "http://localhost:11434"\n' * (FILE_USES + 5))
    assert (len(many.uses), many.cut) == (FILE_USES, True)


NAMES = st.sampled_from(
    ["a.py", "a.ts", "a.go", "a.rs", ".env", "compose.yaml", "a.sh", "a.ipynb", "nginx.conf", "a.json"]
)
#: Parts of files, one after another without blanks between them; | stands between two.
_PARTS = (
    "http://localhost:11434|11434|ollama|OLLAMA_HOST=|/api/chat|/api/pull|ChatOllama(|(|)|{|}|'|`|\\|\n| |#|//|/*|*/|"
    '"|"""|import ollama|from langchain_ollama import x|image: ollama/ollama|é|\r|\x00|$|model=|ws://a:8000/v1|'
    '[::1]:11434|name: OLLAMA_HOST\nvalue: a|"cell_type": "code"|"source": [|vllm|\u2028|\x0c'
)
PIECES = st.sampled_from(_PARTS.split("|"))


@settings(max_examples=150, deadline=None)
@given(NAMES, st.lists(PIECES, max_size=40).map("".join))
def test_any_text_is_read_and_only_lines_that_are_told_change(name: str, text: str) -> None:
    document = read(name, text)
    if document.uses:
        assert "\n".join(document.lines) == text
    told = {one.line for one in document.uses if one.edit is not None}
    assert set(document.changed) == told
    assert all("\n" not in new for new in document.changed.values())
    assert all(1 <= one.line <= text.count("\n") + 1 for one in document.uses)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(ONE_LINE), st.sampled_from(["", "x = 1\n", "\n\n"]))
def test_a_moved_file_needs_no_line_any_more(case: tuple[str, str, str], before: str) -> None:
    name, line, _ = case
    first = read(name, f"{before}{line}\n", LAN)
    lines = list(first.lines)
    for number, new in first.changed.items():
        lines[number - 1] = new
    assert changed(name, "\n".join(lines), LAN) == {}


def test_a_hostile_file_costs_no_more_than_its_length() -> None:
    texts = ['ollama = "' + '\\"' * 900 + "\n", "ollama " + "'" * 1900 + "\n", "ChatOllama(" * 180 + "\n"]
    begun = time.process_time()
    for text in texts:
        read("a.py", "from langchain_ollama import ChatOllama\n" + text * 10)
    assert time.process_time() - begun < 8.0


TONGUES = {
    "a/Dockerfile.gpu": "script",
    ".env.local": "data",
    "x.env": "data",
    "requirements-dev.txt": "data",
    "package-lock.json": "prose",
    "package.json": "plain",
    "a.test.tsx": "javascript",
    "config.py.example": "python",
    "docker-compose.yml.j2": "data",
    "ollama.service": "data",
    "notes.txt": "prose",
}


@pytest.mark.parametrize(("name", "tongue"), TONGUES.items())
def test_the_tongue_is_told_by_the_name(name: str, tongue: str) -> None:
    assert find_tongue(name) == tongue


def test_a_script_without_an_ending_is_told_by_its_first_line() -> None:
    assert find_tongue("bin/run", "#!/usr/bin/env python3") == "python"
    assert find_tongue("bin/run", "#!/bin/sh") == "script"
