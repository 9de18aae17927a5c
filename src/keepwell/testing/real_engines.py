"""Real engines in a world: an Ollama and a llama-server with a model whose answers are known."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from keepwell.testing.tiny_model import OLLAMA_TEMPLATE
from keepwell.testing.waiting import ASK_SECONDS, eventually
from keepwell.testing.world import NOBODY, PATH, Answer, NoWorld, Process, World

#: Names an Ollama program; else the one that scripts/setup_engines.py set up beside the sources, else the one in PATH.
OLLAMA_VARIABLE = "KEEPWELL_OLLAMA"
SET_UP = Path(__file__).parents[3] / ".cache" / "engines" / "ollama" / "ollama"
#: Seconds until a server on a busy machine answers.
START_SECONDS = 20.0
AS_NOBODY = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")


@dataclass(slots=True)
class Server:
    """A server in a world. `argv` and `environment` start it; `url` is where it should be asked."""

    world: World
    folder: Path
    url: str
    argv: list[str]
    environment: dict[str, str] = field(default_factory=dict)
    prefix: tuple[str, ...] = ()
    process: Process | None = None

    @property
    def log(self) -> Path:
        """The file that it writes to and holds open."""
        return self.folder / "server.log"

    @property
    def pid(self) -> int:
        """Its number in the world."""
        assert self.process is not None
        return self.process.pid

    def start(self, *, until: str = "/health") -> None:
        """Start it and wait until it answers, or has ended."""
        self.launch()
        eventually(self._answers_or_ended(until), START_SECONDS, f"an answer of {self.url}", pause=ASK_SECONDS)

    def launch(self) -> None:
        """Start it and wait for nothing."""
        self.process = self.world.start(self.argv, log=self.log, env=self.environment, prefix=self.prefix)

    def ended(self) -> int:
        """The exit code, once it has ended."""
        assert self.process is not None
        return self.process.wait()

    def kill(self, name: str = "KILL") -> None:
        """End it and wait for that."""
        self.world.signal(self.pid, name)
        self.ended()

    def get(self, path: str, *headers: str) -> Answer:
        """One GET."""
        return self.world.http(self.url + path, headers=headers)

    def said(self, words: str) -> bool:
        """True if its log holds these words."""
        return words in self.log.read_text(errors="replace")

    def _answers_or_ended(self, path: str) -> Asking:
        return Asking(self, path)


@dataclass(slots=True)
class Asking:
    """Whether a server answers, or has ended."""

    server: Server
    path: str

    def __call__(self) -> bool:
        process = self.server.process
        assert process is not None
        return not process.running or self.server.world.http(self.server.url + self.path, seconds=1).status == 200


class LlamaServer(Server):
    """The llama.cpp server out of the xllamacpp wheel."""

    def chat(self, content: str = "hello", model: str = "tiny-alpha") -> Answer:
        """One short answer."""
        body = {"model": model, "messages": [{"role": "user", "content": content}], "max_tokens": 5}
        return self.world.http(f"{self.url}/v1/chat/completions", body)


class Ollama(Server):
    """A real Ollama server."""

    @property
    def models(self) -> Path:
        """Its store."""
        return Path(self.environment["OLLAMA_MODELS"])

    def start(self, *, until: str = "/api/version") -> None:
        """Start it and wait until it answers, or has ended."""
        Server.start(self, until=until)

    def create(self, model: Path, name: str = "tiny-alpha", **parameters: object) -> Answer:
        """Give it a model file, through its own interface, with parameters of its own."""
        digest = "sha256:" + hashlib.sha256(model.read_bytes()).hexdigest()
        upload = ["curl", "-sS", "--noproxy", "*", "-T", str(model), "-X", "POST", f"{self.url}/api/blobs/{digest}"]
        self.world.run(upload)
        files = {model.name: digest}
        body = {"model": name, "files": files, "template": OLLAMA_TEMPLATE, "parameters": parameters, "stream": False}
        return self.world.http(f"{self.url}/api/create", body)

    def chat(self, content: str = "hello", model: str = "tiny-alpha", **options: object) -> Answer:
        """One short answer; one thread, because two spin against other work."""
        body = {
            "model": model,
            "messages": [{"role": "user", "content": content}],
            "stream": False,
            "options": {"num_thread": 1, "num_predict": 5, **options},
        }
        return self.world.http(f"{self.url}/api/chat", body)

    def blob(self, role: str = "model", name: str = "tiny-alpha") -> Path:
        """The file of one layer, as the manifest names it."""
        manifest = json.loads((self.models / "manifests/registry.ollama.ai/library" / name / "latest").read_text())
        layer = next(one for one in manifest["layers"] if one["mediaType"].endswith(f".{role}"))
        return self.models / "blobs" / str(layer["digest"]).replace(":", "-")


def make_llama_server(
    world: World, model: Path, *, port: int = 8080, host: str = "127.0.0.1", more: Sequence[str] = ()
) -> LlamaServer:
    """A llama-server for this model, not yet started."""
    folder = _folder(world, "llama")
    copied = folder / model.name
    if not copied.exists():
        shutil.copy(model, copied)
    argv = [*find_llama_server(), "-m", str(copied)]
    argv += ["--host", host, "--port", str(port), "-a", "tiny-alpha", "--metrics", "--props", "--slots", *more]
    return LlamaServer(world, folder, f"http://127.0.0.1:{port}", argv)


def find_llama_server() -> list[str]:
    """The command of a llama.cpp server: out of the xllamacpp wheel, or the program in PATH. NoWorld if none."""
    if importlib.util.find_spec("xllamacpp") is not None:
        return [sys.executable, "-m", "keepwell.testing.llama_server"]
    program = shutil.which("llama-server", path=PATH)
    if program is None:
        raise NoWorld("there is no llama-server: install keepwell with its demo extra, or llama.cpp")
    return [program]


def find_ollama() -> Path:
    """An Ollama program. NoWorld if there is none."""
    named = os.environ.get(OLLAMA_VARIABLE) or str(SET_UP)
    program = shutil.which(named) or shutil.which("ollama", path=PATH)
    if program is None:
        raise NoWorld("there is no Ollama: install it, or run scripts/setup_engines.py")
    return Path(program).resolve()


def make_ollama(
    world: World, *, host: str = "127.0.0.1:11434", env: Mapping[str, str] | None = None, prefix: Sequence[str] = ()
) -> Ollama:
    """An Ollama with an empty store of its own, not yet started."""
    program = find_ollama()
    folder = _folder(world, "ollama")
    environment = {
        "HOME": str(folder),
        "OLLAMA_HOST": host,
        "OLLAMA_MODELS": str(folder / "models"),
        "LD_LIBRARY_PATH": str(program.parent),
        # This build uses a graph operation of Intel GPUs otherwise, and its runner dies.
        "OLLAMA_NUM_GPU": "0",
        **(env or {}),
    }
    return Ollama(world, folder, f"http://{host}", [str(program), "serve"], environment, tuple(prefix))


def configure(world: World, text: str) -> None:
    """Write keepwell.toml."""
    (world.root / "keepwell.toml").write_text(text)


def start_by_script(world: World, value: str, more: str = "") -> Path:
    """An Ollama that a script starts with an environment file; the script has run, and Ollama has ended
    or serves. The file. `value` is its OLLAMA_HOST, `more` another line.
    """
    server = make_ollama(world)
    file, script = world.root / "ollama.env", world.root / "start.sh"
    rest = "".join(f"{name}={text}\n" for name, text in server.environment.items() if name != "OLLAMA_HOST")
    file.write_text(f"# how it is started here\n{rest}{more}\nOLLAMA_HOST={value}\n")
    script.write_text(f"#!/bin/sh\nset -a\n. {file}\nexec {server.argv[0]} serve >> {server.log} 2>&1\n")
    script.chmod(0o755)
    started = world.start([str(script)], log=server.log)
    eventually(lambda: not started.running or server.get("/api/version").status == 200, START_SECONDS)
    configure(
        world,
        f'[[engine]]\nkind = "ollama"\nurl = "http://127.0.0.1:11434"\nstart = ["{script}"]\n'
        f'environment_file = "{file}"\nlog = "{server.log}"\n',
    )
    return file


def give_to_nobody(server: Server) -> None:
    """Let it run as an ordinary user who owns its folder."""
    if os.geteuid() != 0:
        raise NoWorld("only root can start a server as another user")
    for path in (server.folder, *server.folder.rglob("*")):
        os.chown(path, NOBODY, NOBODY)
    server.log.touch()
    os.chown(server.log, NOBODY, NOBODY)
    server.prefix = (*server.prefix, *AS_NOBODY)


def _folder(world: World, name: str) -> Path:
    folder = world.root / name
    folder.mkdir(exist_ok=True)
    return folder
