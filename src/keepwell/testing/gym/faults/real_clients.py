"""What stands between a client and a real engine: a proxy that collects or gives up, and a key that is stale."""

from __future__ import annotations

from keepwell.testing.gym.fault import CannotOpen, Fault
from keepwell.testing.gym.real import LLAMA, OLLAMA, RealWorld, by_hand
from keepwell.testing.real_proxy import start_nginx
from keepwell.testing.world import NoWorld

#: A level at which engines are asked to answer.
ASKING = ["--level=3", "--yes"]
#: The key that the server wants, and the one that the owner's file holds.
KEY, STALE = "right", "stale"
#: A location before an engine where only buffering is right.
STREAMING = """location / {
    proxy_pass http://127.0.0.1:11434;
    proxy_buffering off;
}
"""


def put_proxy_before(world: RealWorld) -> None:
    """nginx stands before the engine as it comes: it collects what the engine streams."""
    _start(world)
    world.options += ASKING


def put_impatient_proxy_before(world: RealWorld) -> None:
    """nginx gives up after ten seconds of silence, which a model that must be loaded first does not make."""
    _start(world, location=STREAMING, more="proxy_read_timeout 10s;")
    world.options += ASKING


def change_key(world: RealWorld) -> None:
    """The server wants another key than the one in the file that keepwell.toml names."""
    world.restart(more=["--api-key", KEY], until="/health")
    file = _key_file(world)
    world.place.run(["sh", "-c", f"echo {STALE} > {file}"])
    world.configure(
        f'[[engine]]\nkind = "llamacpp"\nurl = "{world.server.url}"\napi_key = {{ file = "{file}" }}\n',
    )
    world.answers = "/health"
    world.options += ASKING


def right_key(world: RealWorld) -> None:
    """The owner writes the key that is valid into the file: nobody else knows it."""
    world.place.run(["sh", "-c", f"echo {KEY} > {_key_file(world)}"])


def _key_file(world: RealWorld) -> str:
    return f"{world.place.root}/key"


def _start(world: RealWorld, **settings: str) -> None:
    try:
        start_nginx(world.place, "/api/version", **settings)
    except NoWorld as error:
        raise CannotOpen(str(error)) from error


FAULTS: tuple[Fault[RealWorld], ...] = (
    Fault(
        name="proxy-collects",
        say="A reverse proxy collects what the engine streams, and passes it on at the end.",
        worlds=(OLLAMA,),
        inject=by_hand(put_proxy_before),
        causes=("reverse-proxy-breaks-stream",),
        check="stream.hops",
        way="commands",
        blanks={"nginx location file": "{root}/engine-location.conf"},
        touches=("engine", "proxy"),
    ),
    Fault(
        name="proxy-gives-up",
        say="A reverse proxy gives up before a model that must be loaded can answer.",
        worlds=(OLLAMA,),
        inject=by_hand(put_impatient_proxy_before),
        causes=("request-timeout-too-short",),
        check="chain.patience",
        way="commands",
        blanks={"nginx location file": "{root}/engine-location.conf"},
        touches=("engine", "proxy"),
    ),
    Fault(
        name="key-stale",
        say="The key that the owner declares is refused by the server.",
        worlds=(LLAMA,),
        inject=by_hand(change_key),
        causes=("auth-config-wrong",),
        check="api.key",
        way="hand",
        by_hand=by_hand(right_key),
        touches=("engine", "key"),
    ),
)
