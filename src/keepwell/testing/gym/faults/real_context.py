"""Prompts beyond the context, models that leave memory, and more threads than cores."""

from __future__ import annotations

from keepwell.testing.gym.fault import Fault
from keepwell.testing.gym.real import LLAMA, OLLAMA, RealWorld, by_hand

#: 700 numbers of four digits: some 3,500 tokens for this model.
LONG_PROMPT = "0001 " * 700
#: Tokens of the small context.
SMALL = 256
#: A level at which engines are asked to answer.
ASKING = ["--level=3", "--yes"]
#: A level at which engines are measured.
MEASURING = ["--level=4", "--yes"]


def cut_prompt(world: RealWorld) -> None:
    """A client sends a prompt that is longer than the context it asks for; the front is cut in silence."""
    world.ollama.chat(LONG_PROMPT, num_ctx=SMALL)


def refuse_prompt(world: RealWorld) -> None:
    """The server's context is small, and a client's prompt is refused."""
    world.restart(more=["-c", str(SMALL)])
    world.llama.chat(LONG_PROMPT)


def divide_context(world: RealWorld) -> None:
    """The context is divided by eight slots, so that a prompt does not fit that fits the whole."""
    world.restart(more=["-c", str(8 * SMALL), "-np", "8", "--set", "kv_unified=false"])
    world.llama.chat("0001 " * 100)


def drop_model(world: RealWorld) -> None:
    """The server lets go of a model right after each answer."""
    world.restart(env={"OLLAMA_KEEP_ALIVE": "0"})
    world.ollama.create(world.model, num_thread=1)
    world.options += ASKING


def change_context(world: RealWorld) -> None:
    """Two clients ask for the same model with other contexts, so that it is loaded anew each time."""
    for number in range(6):
        world.ollama.chat(num_ctx=512 + 512 * (number % 2))


def take_too_many_threads(world: RealWorld) -> None:
    """The server computes with eight threads on one core."""
    world.server.prefix = ("taskset", "-c", "0")
    world.restart(more=["-t", "8"])
    world.options += MEASURING


FAULTS: tuple[Fault[RealWorld], ...] = (
    Fault(
        name="prompt-cut",
        say="A prompt is longer than the context, and its front is cut in silence.",
        worlds=(OLLAMA,),
        inject=by_hand(cut_prompt),
        causes=("prompt-exceeds-context",),
        check="context.fits",
        way="commands",
        touches=("engine", "context"),
    ),
    Fault(
        name="prompt-refused",
        say="A prompt is longer than the context, and is refused.",
        worlds=(LLAMA,),
        inject=by_hand(refuse_prompt),
        causes=("prompt-exceeds-context",),
        check="context.fits",
        way="commands",
        touches=("engine", "context"),
    ),
    Fault(
        name="context-divided",
        say="The context is divided by the slots: a prompt does not fit that fits the whole.",
        worlds=(LLAMA,),
        inject=by_hand(divide_context),
        causes=("context-divided-by-slots", "prompt-exceeds-context"),
        check="context.fits",
        way="commands",
        touches=("engine", "context"),
    ),
    Fault(
        name="model-dropped",
        say="The model leaves memory right after each answer.",
        worlds=(OLLAMA,),
        inject=by_hand(drop_model),
        causes=("model-unloaded-between-requests",),
        check="answer.stays",
        way="commands",
        touches=("engine", "load"),
    ),
    Fault(
        name="model-reloaded",
        say="Clients ask for the same model with other contexts, and it is loaded anew each time.",
        worlds=(OLLAMA,),
        inject=by_hand(change_context),
        causes=("reload-on-parameter-change",),
        check="reload.context",
        way="commands",
        touches=("engine", "load"),
    ),
    Fault(
        name="threads-above-cores",
        say="The server computes with more threads than it has cores.",
        worlds=(LLAMA,),
        inject=by_hand(take_too_many_threads),
        causes=("threads-exceed-cpu-quota",),
        check="speed.threads",
        way="commands",
        touches=("engine", "threads"),
    ),
)
