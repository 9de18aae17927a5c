"""Secrets that nobody has, made by a seed, inside of what machines write: the planted set that must all be found."""

from __future__ import annotations

import base64
import json
import random
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import quote

ALNUM = string.ascii_letters + string.digits
HEX = "0123456789abcdef"
BASE64 = ALNUM + "+/"
ORDINARY = (
    'time=2026-03-11T10:12:13.004Z level=INFO source=sched.go:112 msg="model is resident" slots=4 pid=4711',
    "INFO 03-11 10:12:13 [loggers.py:118] Engine 000: Avg prompt throughput: 12.1 tokens/s, Running: 1 reqs",
    "slot update_slots: id  0 | task 12 | prompt done, n_past = 44, n_tokens = 44, progress = 1.000000",
    "print_info: EOS token        = 151645 '<|im_end|>'",
)

Make = Callable[[random.Random], str]


@dataclass(frozen=True)
class Format:
    """One kind of secret, how one is made, and the texts that it stands in (`@` is its place)."""

    name: str
    make: Make
    contexts: tuple[str, ...]


@dataclass(frozen=True)
class Plant:
    """A secret and the text that holds it."""

    format: str
    value: str
    text: str


def _some(rng: random.Random, letters: str, count: int) -> str:
    return "".join(rng.choice(letters) for _ in range(count))


def _after(sign: str, letters: str, count: int) -> Make:
    return lambda rng: sign + _some(rng, letters, count)


def _pem(rng: random.Random) -> str:
    return "\n".join(_some(rng, BASE64, 64) for _ in range(12)) + "\n" + _some(rng, BASE64, 40) + "=="


def _jwt(rng: random.Random) -> str:
    head = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').decode().rstrip("=")
    body = base64.urlsafe_b64encode(json.dumps({"sub": _some(rng, HEX, 8), "iat": 1}).encode()).decode().rstrip("=")
    return f"{head}.{body}.{_some(rng, ALNUM, 43)}"


def _docker_config(rng: random.Random) -> str:
    login = base64.b64encode(f"ann:{_some(rng, ALNUM, 24)}".encode()).decode()
    return base64.b64encode(json.dumps({"auths": {"ghcr.io": {"auth": login}}}).encode()).decode()


def _password(rng: random.Random) -> str:
    return _some(rng, ALNUM, 9) + rng.choice("!%^+_-.~") + _some(rng, ALNUM, 5)


def _plain_password(rng: random.Random) -> str:
    return _some(rng, string.ascii_lowercase, 6) + _some(rng, string.digits, 4)


BARE = (
    "request failed: key @ is not valid",
    '{"log":"using @\\n","stream":"stderr","time":"2026-03-11T10:12:13.5Z"}',
    "curl -s http://127.0.0.1:8000/v1/models -H 'x-key: @'",
    "http://127.0.0.1:4000/callback?code=@&state=1",
    "/usr/bin/python\0serve.py\0@\0--port\x008000\0",
    "  - @",
)
NAMED = (
    "SERVICE_API_KEY=@",
    "HOME=/root\0SOME_SECRET=@\0PATH=/bin\0",
    '{"api_key": "@", "max_tokens": 512}',
    '{"log":"config {\\"api_key\\":\\"@\\",\\"n\\":1}\\n","stream":"stderr"}',
    "api_key: '@'",
    "  secret_key: @",
    'api_key = "@"',
    "vllm serve some-model --api-key @ --port 8000",
    "vllm\0serve\0--api-key\0@\0--port\x008000\0",
    '"Args": [\n  "serve",\n  "--api-key",\n  "@",\n  "--port"\n]',
    "args:\n  - --api-key\n  - @\n  - --port",
    "http://127.0.0.1:4000/v1/models?api_key=@&limit=5",
    "  X-API-Key: @",
    "Environment=OPENAI_API_KEY=@ DEBUG=1",
)
PASSWORD = (
    "POSTGRES_PASSWORD=@",
    "DB_HOST=db\0DB_PASSWORD=@\0PATH=/bin\0",
    '{"user": "app", "password": "@"}',
    '{"log":"login {\\"password\\":\\"@\\"}\\n","stream":"stdout"}',
    "password: @",
    'password = "@"',
    "tool --user app --password @ --verbose",
    "tool --password=@",
    "<password>@</password>",
    "Server=db;User Id=app;Password=@;Encrypt=true",
)
LOGIN = (
    "postgresql://app:@@@@db:5432/litellm",
    "HTTPS_PROXY=http://ann:@@@@proxy.lan:3128",
    "redis://:@@@@10.0.0.5:6379/0",
    "fatal: unable to access 'https://oauth2:@@@@git.example/x.git/'",
    "DATABASE_URL=mysql+pymysql://app:@@@@db/x?charset=utf8",
)
HEADER = (
    "Authorization: Bearer @",
    '"authorization": "Bearer @"',
    "curl -H 'Authorization: Bearer @' http://127.0.0.1:8000/v1/models",
    '> "Authorization: Bearer @\\r\\n"',
)
_SOME = _after("", ALNUM, 32)

FORMATS: tuple[Format, ...] = (
    Format("openai", _after("sk-proj-", ALNUM + "_-", 60), BARE + HEADER),
    Format("openai-old", _after("sk-", ALNUM, 48), BARE + HEADER),
    Format("anthropic", _after("sk-ant-api03-", ALNUM + "_-", 90), BARE),
    Format("openrouter", _after("sk-or-v1-", HEX, 64), BARE),
    Format("huggingface", _after("hf_", ALNUM, 34), (*BARE, "HF_TOKEN=@", "https://user:@@@@huggingface.co/x")),
    Format("github", _after("ghp_", ALNUM, 36), BARE),
    Format("github-fine", lambda rng: f"github_pat_{_some(rng, ALNUM, 22)}_{_some(rng, ALNUM, 59)}", BARE),
    Format("gitlab", _after("glpat-", ALNUM, 20), BARE),
    Format("aws-id", _after("AKIA", "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16), BARE),
    Format("aws-secret", _after("", BASE64, 40), ("AWS_SECRET_ACCESS_KEY=@", "aws_secret_access_key = @")),
    Format("gcp-file", _pem, ('{"private_key": "-----BEGIN PRIVATE KEY-----\n@\n-----END PRIVATE KEY-----\n"}',)),
    Format("google", _after("AIza", ALNUM + "_-", 35), BARE),
    Format("azure-storage", lambda rng: _some(rng, BASE64, 86) + "==", ("AccountKey=@;EndpointSuffix=x",)),
    Format("azure-client", lambda rng: f"{_some(rng, ALNUM, 3)}8Q~{_some(rng, ALNUM + '._-~', 34)}", BARE),
    Format("slack", lambda rng: f"xoxb-{_some(rng, string.digits, 12)}-{_some(rng, ALNUM, 24)}", BARE),
    Format("stripe", _after("sk_live_", ALNUM, 24), BARE),
    Format("telegram", lambda rng: f"{_some(rng, '123456789', 10)}:AA{_some(rng, ALNUM + '_-', 33)}", BARE),
    Format(
        "discord",
        lambda rng: f"M{_some(rng, ALNUM, 23)}.{_some(rng, ALNUM, 6)}.{_some(rng, ALNUM + '_-', 38)}",
        BARE,
    ),
    Format("npm", _after("npm_", ALNUM, 36), (*BARE, "//registry.example/:_authToken=@")),
    Format("pypi", _after("pypi-AgEIcHlwaS5vcmc", ALNUM + "_-", 100), BARE),
    Format(
        "docker-auth",
        lambda rng: base64.b64encode(f"ann:{_some(rng, ALNUM, 20)}".encode()).decode(),
        ('{"auths": {"ghcr.io": {"auth": "@"}}}', '{\n "auths": {\n  "x": {\n   "auth": "@"\n  }\n }\n}'),
    ),
    Format("docker-config-base64", _docker_config, ("  .dockerconfigjson: @", "config: @")),
    Format("nvidia", _after("nvapi-", ALNUM + "_-", 64), BARE),
    Format("wandb", _after("", HEX, 40), ("WANDB_API_KEY=@", "machine api.wandb.ai\n  login user\n  password @")),
    Format("replicate", _after("r8_", ALNUM, 37), BARE),
    Format("groq", _after("gsk_", ALNUM, 52), BARE),
    Format("jwt", _jwt, BARE + HEADER),
    Format(
        "pem",
        _pem,
        (
            "-----BEGIN RSA PRIVATE KEY-----\n@\n-----END RSA PRIVATE KEY-----",
            "-----BEGIN EC PRIVATE KEY-----\n@\n-----END EC PRIVATE KEY-----",
        ),
    ),
    Format("openssh", _pem, ("-----BEGIN OPENSSH PRIVATE KEY-----\n@\n-----END OPENSSH PRIVATE KEY-----",)),
    Format("wireguard", lambda rng: _some(rng, BASE64, 43) + "=", ("PrivateKey = @", "PresharedKey = @")),
    Format("apr1", lambda rng: f"$apr1${_some(rng, ALNUM, 8)}${_some(rng, ALNUM + './', 22)}", ("ann:@",)),
    Format("bcrypt", lambda rng: f"$2y$05${_some(rng, ALNUM + './', 53)}", ("ann:@", "BASIC_AUTH=ann:@")),
    Format("shadow", lambda rng: f"$6${_some(rng, ALNUM, 16)}${_some(rng, ALNUM + './', 86)}", ("ann:@:19:0:9:7:::",)),
    Format("bearer", _SOME, HEADER),
    Format(
        "basic",
        lambda rng: base64.b64encode(f"ann:{_some(rng, ALNUM, 14)}".encode()).decode(),
        ("Authorization: Basic @", '{"headers": {"Authorization": "Basic @"}}'),
    ),
    Format("cookie", _SOME, ("Cookie: theme=dark; session=@", "set-cookie: sid=@; HttpOnly; Path=/")),
    Format("assigned", _SOME, NAMED),
    Format("password", _password, PASSWORD),
    Format("plain-password", _plain_password, PASSWORD),
    Format("kubeconfig", _after("LS0tLS1CRUdJTi", ALNUM, 400), ("    client-key-data: @", '"client-key-data":"@"')),
    Format("kube-token", _SOME, ("    token: @",)),
    Format("netrc", _password, ("machine h.example login ann password @", "machine h\n  login ann\n  password @")),
    Format("pgpass", _password, ("db.lan:5432:litellm:app:@", "*:5432:*:app:@")),
    Format("login", _plain_password, LOGIN),
    Format("go-dsn", _plain_password, ("dsn: app:@@@@tcp(10.0.0.4:3306)/x",)),
    Format("curl-user", _plain_password, ("curl -u ann:@ http://10.0.0.2/", "curl\0-u\0ann:@\0http://10.0.0.2/\0")),
    Format("sshpass", _plain_password, ("sshpass -p @ ssh 10.0.0.3",)),
    Format("sas", lambda rng: quote(_some(rng, BASE64, 43) + "=", safe=""), ("https://a.example/b?sv=1&sig=@&se=2",)),
)


def plants(count: int = 300, seed: int = 7) -> Iterator[Plant]:
    """So many secrets, every format in turn, each in its next context."""
    rng = random.Random(seed)
    for number in range(count):
        one = FORMATS[number % len(FORMATS)]
        context = one.contexts[number // len(FORMATS) % len(one.contexts)]
        value = one.make(rng)
        text = context.replace("@@@@", f"{value}\x01").replace("@", value).replace("\x01", "@")
        yield Plant(one.name, value, text)


def build_log(made: list[Plant], seed: int = 7) -> bytes:
    """The texts among ordinary lines."""
    rng = random.Random(seed)
    lines: list[str] = []
    for one in made:
        lines += rng.choices(ORDINARY, k=rng.randrange(1, 4))
        lines.append(one.text)
    return ("\n".join(lines) + "\n").encode()


def forms(value: str) -> set[bytes]:
    """The value as it may stand somewhere: plain, in JSON, in a URL; of several lines, each line."""
    found: set[bytes] = set()
    for line in value.split("\n"):
        found |= {line.encode(), json.dumps(line)[1:-1].encode(), quote(line, safe="").encode()}
    return found
