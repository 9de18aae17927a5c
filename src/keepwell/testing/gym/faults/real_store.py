"""Real engines whose model files are cut, swapped, gone, or closed to the user that serves."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

from keepwell.testing.gym.fault import Fault
from keepwell.testing.gym.real import LLAMA, NOBODYS_OLLAMA, OLLAMA, RealWorld, by_hand
from keepwell.testing.real_engines import Ollama

#: Bytes that a cut model keeps: the header is whole, the weights are not.
CUT_BYTES = 3_000_000
#: What a download brings when the server answers with a page instead of the file.
PAGE = b"<html><head><title>Sign in</title></head><body>You need to sign in.</body></html>\n" * 40


def model_file(world: RealWorld) -> Path:
    """The file that holds the model, as the server opens it."""
    if isinstance(world.server, Ollama):
        return world.server.blob()
    return world.server.folder / world.model.name


def spoil(world: RealWorld, content: bytes | None) -> None:
    """The model's file is cut (None), or something else lies in its place; then the model is asked for."""
    path = model_file(world)
    if isinstance(world.server, Ollama):
        _write(path, content)
        world.server.chat()
        return
    world.diagnose()
    world.server.kill("TERM")
    _write(path, content)
    world.server.start()
    world.server.ended()


def lose_blob(world: RealWorld) -> None:
    """The file of the model's weights is gone from the store."""
    model_file(world).unlink()
    world.ollama.chat()


def lose_file(world: RealWorld) -> None:
    """The model's file is gone, and the server cannot start again."""
    world.diagnose()
    world.server.kill("TERM")
    model_file(world).unlink()
    world.server.start()
    world.server.ended()


def cut_manifest(world: RealWorld) -> None:
    """A manifest was cut by a crash: its model is not listed any more, and the store is never tidied."""
    path = world.ollama.models / "manifests/registry.ollama.ai/library/tiny-alpha/latest"
    os.truncate(path, path.stat().st_size // 2)
    world.server.get("/api/tags")


def close(world: RealWorld, name: str) -> None:
    """A folder or file of the store belongs to root and nobody else may enter (a restore with sudo)."""
    path = {"blob": world.ollama.blob()}.get(name, world.server.folder / name)
    os.chown(path, 0, 0)
    path.chmod({True: 0o700, False: 0o600}[path.is_dir()])
    world.ollama.chat()


def close_to_writing(world: RealWorld) -> None:
    """The folder of blobs belongs to root: models answer, and none can be added."""
    path = world.ollama.models / "blobs"
    os.chown(path, 0, 0)
    path.chmod(0o755)


def _write(path: Path, content: bytes | None) -> None:
    if content is None:
        os.truncate(path, CUT_BYTES)
    else:
        path.write_bytes(content)


BOTH = (OLLAMA, LLAMA)
#: Where a whole copy lies is for the owner to say.
SOURCE = {"source": "{model}"}
FAULTS: tuple[Fault[RealWorld], ...] = (
    Fault(
        name="model-file-cut",
        say="The model's file is cut short, as a download that was broken off leaves it.",
        worlds=BOTH,
        inject=by_hand(partial(spoil, content=None)),
        causes=("model-file-invalid",),
        check="store.files",
        way="commands",
        blanks=SOURCE,
        touches=("engine", "store"),
    ),
    Fault(
        name="model-file-empty",
        say="The model's file has no byte in it.",
        worlds=BOTH,
        inject=by_hand(partial(spoil, content=b"")),
        causes=("model-file-invalid",),
        check="store.files",
        way="commands",
        blanks=SOURCE,
        touches=("engine", "store"),
    ),
    Fault(
        name="model-file-is-a-page",
        say="A sign-in page was saved in place of the model's file.",
        worlds=BOTH,
        inject=by_hand(partial(spoil, content=PAGE)),
        causes=("model-file-invalid",),
        check="store.files",
        way="commands",
        blanks=SOURCE,
        touches=("engine", "store"),
    ),
    Fault(
        name="model-blob-gone",
        say="The weights of a model are gone from the store; the model is still listed.",
        worlds=(OLLAMA,),
        inject=by_hand(lose_blob),
        causes=("model-store-corrupt",),
        check="store.files",
        way="commands",
        blanks=SOURCE,
        touches=("engine", "store"),
    ),
    Fault(
        name="model-file-gone",
        say="The model's file is gone, and the server does not start without it.",
        worlds=(LLAMA,),
        inject=by_hand(lose_file),
        causes=("model-store-corrupt",),
        check="store.files",
        way="commands",
        blanks=SOURCE,
        touches=("engine", "store"),
    ),
    Fault(
        name="manifest-cut",
        say="A manifest in the store is cut: its model is not listed, and the store is never tidied again.",
        worlds=(OLLAMA,),
        inject=by_hand(cut_manifest),
        causes=("model-store-corrupt",),
        check="store.files",
        way="commands",
        touches=("engine", "store"),
    ),
    Fault(
        name="models-folder-closed",
        say="The models folder belongs to root, and the server runs as somebody else.",
        worlds=(NOBODYS_OLLAMA,),
        inject=by_hand(partial(close, name="models")),
        causes=("data-dir-not-writable",),
        check="store.readable",
        way="step",
        undo=True,
        touches=("store",),
    ),
    Fault(
        name="folder-above-closed",
        say="A folder above the models folder lets nobody through.",
        worlds=(NOBODYS_OLLAMA,),
        inject=by_hand(partial(close, name=".")),
        causes=("data-dir-not-writable",),
        check="store.readable",
        way="commands",
        touches=("store",),
    ),
    Fault(
        name="one-blob-closed",
        say="The weights of one model belong to root: the model is listed and cannot be loaded.",
        worlds=(NOBODYS_OLLAMA,),
        inject=by_hand(partial(close, name="blob")),
        causes=("data-dir-not-writable",),
        check="store.readable",
        way="step",
        undo=True,
        touches=("store",),
    ),
    Fault(
        name="store-closed-to-writing",
        say="The folder of weights belongs to root: models answer, and none can be added.",
        worlds=(NOBODYS_OLLAMA,),
        inject=by_hand(close_to_writing),
        causes=("data-dir-not-writable",),
        check="store.readable",
        way="step",
        undo=True,
        touches=("store",),
    ),
)
