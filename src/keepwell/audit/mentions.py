"""What else in a line speaks of an engine: variables, paths of its API, commands, images and names of models."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache

from keepwell.plugins.uses import ApiPath, Command, Knowledge, Library, Role, Variable

_VARIABLE = re.compile(r"(?<![\w$])\$?\{?(?P<name>[A-Z][A-Z0-9]*_[A-Z0-9_]{2,60})(?![A-Za-z0-9_])")
#: What follows a variable's name where it is given a value, and the value itself.
_VALUE = re.compile(r"[\"']?[ \t]*(?:\?=|:=|\|\||\?\?|[=:,])(?![=])[ \t]*(?P<quote>[\"']?)(?P<value>[^\s\"'#,;]*)")
_READ = re.compile(
    r"(?:environ|getenv|process\.env|import\.meta\.env|Getenv|LookupEnv|env::var|env!|ENV\b|Deno\.env|Bun\.env|"
    r"GetEnvironmentVariable|System\.getenv|\benv)[\w.]*\s*[.\[(]*\s*(?:[^\s\"'`]{0,20})[\"'`]?$",
)
_KEEPS = re.compile(r"^\s*(?:-\s+)?name:\s*[\"']?(?P<name>[A-Z][A-Z0-9_]+)[\"']?\s*$")
_KEPT = re.compile(r"^\s*value:\s*(?P<quote>[\"']?)(?P<value>[^\s\"'#]*)")
#: Words before a path that say that this program answers it, so it is its own.
_ROUTE = re.compile(
    r"@\w+(?:\.\w+)*\s*\(|\b(?:app|router|server|mux|srv|blueprint|bp|fastify|group|grp|engine|http)\.\s*(?:get|post|put|"
    r"patch|delete|route|all|use|head|options|handle\w*|Handle\w*|GET|POST|DELETE|PUT|add_\w+)\s*\(|\bHandleFunc\s*\(|"
    r"\blocation\s|\b(?:path|re_path|Route|include_router)\s*\(|\bpathname\b|\.startswith\(|\.startsWith\(|\bprefix\s*=",
)
#: What a web page asks without an address is its own server.
_RELATIVE = re.compile(r"\b(?:fetch|axios(?:\.\w+)?|ky(?:\.\w+)?|EventSource|useSWR)\s*\(\s*[\"'`]$|\bapi:\s*[\"'`]$")
#: Files that list what a program is made of.
_DEPENDENCIES = re.compile(
    r"(?:^|/)(?:package\.json|requirements[^/]*\.(?:txt|in)|pyproject\.toml|setup\.(?:cfg|py)|Pipfile|go\.mod|Cargo\.toml|"
    r"pom\.xml|build\.gradle(?:\.kts)?|environment\.ya?ml)$"
)
#: A path without its slash that a function puts behind an address.
_JOINED = re.compile(
    r"\w*(?:endpoint|url|uri|join)\w*\s*\([^\"'`]*(?:''[^\"'`]*)?,\s*[\"'`](?P<path>[a-z][\w/-]*)[\"'`?]", re.IGNORECASE
)
#: How a package stands in such a file, by whether that is JSON.
_PACKAGE = {True: r"\"NAME\"\s*:\s*\"[\d^~*<>=vlw]", False: r"(?:^|[\"'\s:])NAME(?:[\"'\s=<>~!;,\[:@]|$)"}
#: Words before a command that say that it is only told.
_TOLD = re.compile(
    r"(?:\b(?:echo|printf|print\w*|log\w*|info|warn\w*|error|die|say|fail|raise|throw|msg|message|help|hint|debug)\b)[^|;&]*$",
    re.IGNORECASE,
)
#: Words before a whole path in quotes that say that it is asked.
_ASKS = re.compile(
    r"(?:\b(?:post|get|put|delete|request|stream|send|fetch|build_request|urljoin|Post|Get|call|api)\s*\([^()]*|"
    r"(?:path|url|uri)s?[\"']?\s*(?::\s*\w+\s*)?[:=]\s*)f?[\"'`]$",
    re.IGNORECASE,
)
_MODEL = re.compile(
    r"(?<![\w-])[\"']?(?:(?:[a-z]+_)?(?:model|modelName|model_name|model_id|modelId|modelfile_name|llm_model)|MODEL|"
    r"[A-Z_]*MODEL(?:_NAME|_ID)?)[\"']?\s*(?:=|:(?!:))\s*(?:\w+\s*\(\s*)?[\"'](?P<name>[A-Za-z0-9][\w.:/@-]{1,100})[\"']"
)
_WORD = re.compile(r"[A-Za-z0-9]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A variable of the environment: its role, and where its value stands, `value_start` -1 where it is only read.

    `constant`: it is the program's own name, not one of its environment.
    """

    start: int
    name: str
    variable: Variable
    value: str = ""
    value_start: int = -1
    constant: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A path of an API. `based`: what stands before it is filled in or added, so it is asked of some address."""

    start: int
    end: int
    path: ApiPath
    based: bool
    quoted: bool


def find_variables(line: str, known: Knowledge, *, code: bool) -> Iterator[Named]:
    """Variables that are known, and the values that they are given in this line.

    In `code` a name in capitals is a constant unless something says that it is read from the environment; it still
    tells what its value is.
    """
    for found in _VARIABLE.finditer(line):
        variable = _find_variable(found["name"], known)
        if variable is None or found["name"].startswith("YOUR_"):
            continue
        value = _VALUE.match(line, found.end())
        constant = code and _READ.search(line[: found.start()]) is None
        if constant or value is None or found[0].startswith("$"):
            yield Named(start=found.start("name"), name=found["name"], variable=variable, constant=constant)
        else:
            yield Named(
                start=found.start("name"),
                name=found["name"],
                variable=variable,
                value=value["value"],
                value_start=value.start("value"),
            )


def find_kept(line: str, next_line: str, known: Knowledge) -> Named | None:
    """A variable whose value stands in the line after it, as Kubernetes writes it; places are those of that line."""
    name, value = _KEEPS.match(line), _KEPT.match(next_line)
    if name is None or value is None:
        return None
    variable = _find_variable(name["name"], known)
    if variable is None:
        return None
    return Named(start=0, name=name["name"], variable=variable, value=value["value"], value_start=value.start("value"))


def find_paths(line: str, known: Knowledge) -> Iterator[Asked]:
    """Paths of an engine's API, the longest that fits; none that this program answers itself."""
    for found in known.path_pattern.finditer(line):
        before = line[: found.start()]
        filled = re.search(r"\$\w+$", before) is not None
        last = before[-1:]
        if (not filled and re.match(r"[\w.-]", last)) or _ROUTE.search(before) or _RELATIVE.search(before):
            continue
        added = re.search(r"[+.]\s*f?[\"'`]$|(?:join|format)\([^\"'`]*[\"'`]$", before) is not None
        bare = not found["path"].startswith("/")
        if bare and last not in ("'", '"', "`"):
            continue
        path = known.by_path["/" * bare + found["path"]]
        quoted = last in ("'", '"', "`") and (path.sure or _ASKS.search(before) is not None)
        based = filled or added or (bool(last) and last in "})")
        yield Asked(start=found.start(), end=found.end(), path=path, based=based, quoted=quoted)
    for found in _JOINED.finditer(line):
        joined = known.by_path.get("/" + found["path"])
        if joined is not None and not joined.sure:
            yield Asked(start=found.start("path"), end=found.end("path"), path=joined, based=True, quoted=True)


def find_commands(line: str, commands: Iterable[Command]) -> Iterator[tuple[int, Command, str]]:
    """Commands that ask or start an engine: where, which, and its words as they are written."""
    for one in commands:
        if one.program not in line:
            continue
        found = _command_pattern(one.program, one.words).search(line)
        if found is not None:
            yield found.start("program"), one, f"{one.program} {found['word']}"


def find_packages(line: str, path: str, libraries: Iterable[Library]) -> Iterator[tuple[str, Library]]:
    """Libraries that a list of dependencies names; nothing in other files."""
    if _DEPENDENCIES.search(path) is None:
        return
    script = path.endswith(".json")
    for library in libraries:
        for name in library.packages * (script == (library.language == "javascript")):
            if re.search(_PACKAGE[script].replace("NAME", re.escape(name)), line):
                yield name, library


def is_run(before: str, *, code: bool) -> bool:
    """Whether a command is run where it stands, and not only told to somebody; `before` is what stands before it."""
    if _TOLD.search(before):
        return False
    return not code or before[-1:] in ("'", '"')


def is_told(before: str) -> bool:
    """Whether what follows is only told to somebody."""
    return _TOLD.search(before) is not None


def find_images(line: str, images: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Container images of engines."""
    for one in images:
        place = line.find(one)
        if place >= 0 and not _WORD.match(line[place + len(one) : place + len(one) + 1]):
            yield place, one


def find_models(line: str) -> Iterator[tuple[int, str]]:
    """Names of models that are given as such."""
    for found in _MODEL.finditer(line):
        yield found.start("name"), found["name"]


def _find_variable(name: str, known: Knowledge) -> Variable | None:
    """What is known of a variable: by its whole name, as a setting of an engine, then by a pattern."""
    exact = next((one for one in known.all.variable if one.name == name), None)
    if exact is not None:
        return exact
    if name in known.settings and any(word.upper() in name for word in known.all.words if word.isalpha()):
        return Variable(name=name, role="setting", say="a setting of the engine's own, which stays")
    return next((one for pattern, one in known.variables if pattern.fullmatch(name)), None)


def is_role(named: Named, role: Role) -> bool:
    """Whether a variable is of this kind."""
    return named.variable.role == role


@cache
def _command_pattern(program: str, words: tuple[str, ...]) -> re.Pattern[str]:
    """The program and one of its words, apart by blanks, or as items of a list."""
    written = "|".join(re.escape(one) for one in words)
    return re.compile(
        rf"(?<![\w./-])(?P<program>{re.escape(program)})[\"']?(?:\s*,\s*|\s+)[\"']?(?P<word>{written})(?![\w-])"
    )
