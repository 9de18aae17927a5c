"""Real servers that listen where nobody asks, refuse who asks, or are asked through something in between."""

from __future__ import annotations

from functools import partial

from keepwell.testing.gym.fault import Fault
from keepwell.testing.gym.real import LLAMA, OLLAMA, RealWorld, by_hand
from keepwell.testing.real_engines import START_SECONDS, Ollama
from keepwell.testing.waiting import eventually

#: The machine's address in a LAN of its own.
LAN = "192.168.77.2"
#: A page that asks an engine from a browser, and a name that a tunnel gives the engine.
ORIGIN, HOST = "http://chat.example", "llm.example"
#: A proxy that nobody is: connections to this port are refused at once.
PROXY = {"http_proxy": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9"}


def listen(world: RealWorld, host: str, port: str = "") -> None:
    """The server is started at another address than the one that keepwell.toml says it is asked at."""
    server = world.server
    asked = server.url
    server.kill("TERM")
    place = f"{host}:{port or asked.rpartition(':')[2]}"
    if isinstance(server, Ollama):
        server.environment["OLLAMA_HOST"] = place
    else:
        server.argv += ["--host", host, "--port", place.rpartition(":")[2]]
    server.launch()
    eventually(partial(_answers, world, place), START_SECONDS, f"an answer of {place}")
    declare(world, asked)


def only_loopback(world: RealWorld) -> None:
    """The server serves its own machine, and is declared at the machine's address in the LAN."""
    world.prepare("ip", "address", "add", f"{LAN}/24", "dev", "lo")
    port = world.server.url.rpartition(":")[2]
    world.server.url = f"http://{LAN}:{port}"
    declare(world, world.server.url)


def declare(world: RealWorld, url: str, more: str = "") -> None:
    """Say in keepwell.toml where the engine is asked."""
    kind = {True: "ollama", False: "llamacpp"}[isinstance(world.server, Ollama)]
    world.configure(f'[[engine]]\nkind = "{kind}"\nurl = "{url}"\n{more}')


def refuse_origin(world: RealWorld) -> None:
    """A page in a browser is refused, and the owner says that it should not be."""
    world.server.get("/api/tags", f"Origin: {ORIGIN}")
    world.configure(f'[diagnose]\nexpect_origin = ["{ORIGIN}"]\n')


def refuse_unknown_origin(world: RealWorld) -> None:
    """A page that nobody told keepwell of is refused: the log alone tells."""
    for _ in range(3):
        world.server.get("/api/tags", f"Origin: {ORIGIN}")


def refuse_host(world: RealWorld) -> None:
    """What comes through a tunnel bears the tunnel's host name, and is refused."""
    for _ in range(3):
        world.server.get("/api/tags", f"Host: {HOST}")


def set_shell_proxy(world: RealWorld) -> None:
    """The shell that clients are started from sends everything to a proxy, local addresses too."""
    world.shell |= PROXY


def set_server_proxy(world: RealWorld) -> None:
    """The server itself was started with a proxy that also catches its own runner."""
    world.restart(env=PROXY)


def lose_localhost(world: RealWorld, line: str) -> None:
    """The file of host names has only this line for localhost. /etc is a copy here, so that it can be written to."""
    copy = world.place.root / "etc"
    world.prepare("cp", "-a", "/etc", str(copy))
    (copy / "hosts").write_text(f"{line}\n")
    (copy / "nsswitch.conf").write_text("hosts: files\n")
    world.prepare("mount", "--bind", str(copy), "/etc")


def _answers(world: RealWorld, place: str) -> bool:
    return world.place.http(f"http://{place}/v1/models", seconds=1).status == 200


BOTH = (OLLAMA, LLAMA)
FAULTS: tuple[Fault[RealWorld], ...] = (
    Fault(
        name="listens-on-another-address",
        say="The server listens on another address of the machine than it is asked at.",
        worlds=BOTH,
        inject=by_hand(partial(listen, host="127.0.0.2")),
        causes=("bind-address-loopback-only",),
        check="address.reachable",
        way="commands",
        touches=("engine", "address"),
    ),
    Fault(
        name="listens-on-loopback-only",
        say="The server listens on 127.0.0.1, and is asked at the machine's address in the LAN.",
        worlds=BOTH,
        inject=by_hand(only_loopback),
        causes=("bind-address-loopback-only",),
        check="address.reachable",
        way="commands",
        touches=("engine", "address"),
    ),
    Fault(
        name="origin-refused",
        say="A page that the owner expects is refused for its Origin.",
        worlds=(OLLAMA,),
        inject=by_hand(refuse_origin),
        causes=("origin-or-host-rejected",),
        check="address.origin",
        way="commands",
        touches=("engine", "origin"),
    ),
    Fault(
        name="origin-refused-to-a-client",
        say="A browser was refused for its Origin; only the log tells.",
        worlds=(OLLAMA,),
        inject=by_hand(refuse_unknown_origin),
        causes=("origin-or-host-rejected",),
        check="address.origin",
        way="commands",
        touches=("engine", "origin"),
    ),
    Fault(
        name="host-refused",
        say="A tunnel's requests are refused for their Host; only the log tells.",
        worlds=(OLLAMA,),
        inject=by_hand(refuse_host),
        causes=("origin-or-host-rejected",),
        check="address.origin",
        way="commands",
        touches=("engine", "origin"),
    ),
    Fault(
        name="proxy-in-the-shell",
        say="A proxy variable of the shell catches requests to the engine next door.",
        worlds=BOTH,
        inject=by_hand(set_shell_proxy),
        causes=("proxy-env-intercepts-local",),
        check="address.proxy",
        way="commands",
        touches=("environment",),
    ),
    Fault(
        name="proxy-in-the-server",
        say="The server was started with a proxy variable that catches local addresses.",
        worlds=BOTH,
        inject=by_hand(set_server_proxy),
        causes=("proxy-env-intercepts-local",),
        check="address.proxy",
        way="commands",
        touches=("engine", "environment"),
    ),
    Fault(
        name="localhost-unknown",
        say="The file of host names lost its line for localhost.",
        worlds=BOTH,
        inject=by_hand(partial(lose_localhost, line="# empty")),
        causes=("localhost-address-wrong",),
        check="address.names",
        way="step",
        undo=True,
        touches=("names",),
    ),
    Fault(
        name="localhost-is-ipv6-only",
        say="localhost is only ::1, and the server listens on IPv4 alone.",
        worlds=BOTH,
        inject=by_hand(partial(lose_localhost, line="::1 localhost")),
        causes=("localhost-address-wrong",),
        check="address.names",
        way="commands",
        touches=("names",),
    ),
)
