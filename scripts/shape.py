#!/usr/bin/env python3
"""Measure the shape of the code against its bars; exit 1 and name the worst places when one falls short.

    python scripts/shape.py [ROOT]

The bars are those of docs/decisions/0001-shape-of-the-code.md. Standard library only.
"""

from __future__ import annotations

import ast
import re
import statistics
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

ENGINES = ("ollama", "vllm", "llamacpp", "llama_cpp", "llama.cpp", "sglang", "localai")
#: Rooms in which an engine's name may stand: its own, the causes', and the fakes'.
NAMING_ROOMS = ("engines", "dialects", "issues", "testing")
DUMPING = "util utils common helper helpers misc manager managers handler handlers processor processors service globals"
DUMPING_WORDS = frozenset(DUMPING.split())
DUMPING_ENDS = ("Util", "Utils", "Helper", "Manager", "Handler", "Processor", "Service")
MOCKING = re.compile(r"\b(MagicMock|AsyncMock|Mock\(|mocker\.|mock\.|unittest\.mock|monkeypatch\.setattr|@patch)")
#: measure -> (bar, the bar is a maximum)
BARS: dict[str, tuple[float, bool]] = {
    "files over 500 lines": (0, True),
    "median lines of a file": (120, True),
    "lines of a file, 90th percentile": (300, True),
    "functions over 60 lines": (0, True),
    "lines of a function, 90th percentile": (25, True),
    "functions with over 8 parameters": (0, True),
    "import cycles": (0, True),
    "modules and classes named for nothing": (0, True),
    "files that name an engine outside its room": (0, True),
    "functions without full annotations": (0, True),
    "public names without a docstring": (0, True),
    "type: ignore in 1000 lines": (0.5, True),
    "broad except clauses": (5, True),
    "conditional expressions and lambdas": (0, True),
    "mocking lines a test": (0.03, True),
}


@dataclass
class Shape:
    """What was measured: lengths of files and functions, lines read, and the places that fall short."""

    files: list[int] = field(default_factory=list)
    functions: list[int] = field(default_factory=list)
    lines: int = 0
    ignores: int = 0
    places: dict[str, list[str]] = field(default_factory=dict)

    def note(self, measure: str, place: str) -> None:
        """Remember one place."""
        self.places.setdefault(measure, []).append(place)


def main() -> int:
    """Measure, print a line a measure, and say where it falls short."""
    root = Path((sys.argv[1:] or ["."])[0]).resolve()
    shape = Shape()
    paths = sorted((root / "src" / "keepwell").rglob("*.py"))
    for path in paths:
        measure_file(shape, path, path.relative_to(root / "src" / "keepwell"))
    measure_cycles(shape, {module_name(path, root / "src"): path for path in paths})
    values = summarise(shape, root / "tests")
    short = 0
    for measure, (bar, _) in BARS.items():
        good = values[measure] <= bar
        short += not good
        print(f"{'ok   ' if good else 'SHORT'} {measure}: {values[measure]:g} (at most {bar:g})")
        if not good:
            print("".join(f"        {place}\n" for place in shape.places.get(measure, [])[:8]), end="")
    return int(short > 0)


def summarise(shape: Shape, tests: Path) -> dict[str, float]:
    """The figure of each measure."""
    values: dict[str, float] = {measure: len(shape.places.get(measure, ())) for measure in BARS}
    values["median lines of a file"] = statistics.median(shape.files or [0])
    values["lines of a file, 90th percentile"] = percentile(shape.files)
    values["lines of a function, 90th percentile"] = percentile(shape.functions)
    values["type: ignore in 1000 lines"] = round(1000 * shape.ignores / max(1, shape.lines), 2)
    texts = [path.read_text(encoding="utf-8") for path in tests.rglob("*.py")]
    count = sum(len(re.findall(r"^\s*(?:async )?def test_", text, re.M)) for text in texts)
    mocking = sum(bool(MOCKING.search(line)) for text in texts for line in text.splitlines())
    values["mocking lines a test"] = round(mocking / max(1, count), 3)
    return values


def percentile(values: list[int], share: float = 0.9) -> int:
    """The value below which this share lies."""
    ordered = sorted(values) or [0]
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def measure_file(shape: Shape, path: Path, inside: Path) -> None:
    """Add one file to the figures."""
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    length = text.count("\n") + 1
    shape.lines += length
    shape.ignores += text.count("type: ignore")
    if length > 3:
        shape.files.append(length)
    if length > 500:
        shape.note("files over 500 lines", f"{inside}: {length}")
    if any(DUMPING_WORDS & set(part.split("_")) for part in inside.with_suffix("").parts):
        shape.note("modules and classes named for nothing", str(inside))
    for place in undocumented(tree):
        shape.note("public names without a docstring", f"{inside}{place}")
    if inside.parts[0] not in NAMING_ROOMS:
        measure_strict(shape, tree, inside)
    for node in ast.walk(tree):
        measure_node(shape, node, inside)


def measure_cycles(shape: Shape, modules: dict[str, Path]) -> None:
    """The first import cycle, if there is one."""
    graph = {name: imported(path, name, set(modules)) for name, path in modules.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        shape.note("import cycles", " <- ".join(error.args[1]))


def module_name(path: Path, root: Path) -> str:
    """The dotted name of a file, a package's own name for its `__init__.py`."""
    return ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")


def imported(path: Path, name: str, known: set[str]) -> set[str]:
    """The modules of the package that a file imports; a package only where no module of it is meant."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            inner = {f"{node.module}.{alias.name}" for alias in node.names} & known
            found |= inner or {str(node.module)}
    return (found & known) - {name}


def measure_strict(shape: Shape, tree: ast.Module, inside: Path) -> None:
    """What holds everywhere but in the rooms of engines, causes and fakes."""
    for word in engine_words(tree):
        shape.note("files that name an engine outside its room", f"{inside}: {word!r}")
    for node in ast.walk(tree):
        if isinstance(node, ast.IfExp | ast.Lambda):
            shape.note("conditional expressions and lambdas", f"{inside}:{node.lineno}")


def measure_node(shape: Shape, node: ast.AST, inside: Path) -> None:
    """One node of the tree: a function, a class or an except clause."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        measure_function(shape, node, f"{inside}:{node.lineno} {node.name}")
    elif isinstance(node, ast.ClassDef) and node.name.endswith(DUMPING_ENDS):
        shape.note("modules and classes named for nothing", f"{inside}:{node.lineno} {node.name}")
    elif isinstance(node, ast.ExceptHandler) and is_broad(node):
        shape.note("broad except clauses", f"{inside}:{node.lineno}")


def measure_function(shape: Shape, node: ast.FunctionDef | ast.AsyncFunctionDef, place: str) -> None:
    """Length, parameters and annotations of one function."""
    length = (node.end_lineno or node.lineno) - node.lineno + 1
    shape.functions.append(length)
    if length > 60:
        shape.note("functions over 60 lines", f"{place} {length}")
    own = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    own = [one for one in own if one.arg not in ("self", "cls")]
    if len(own) > 8:
        shape.note("functions with over 8 parameters", place)
    if node.returns is None or any(one.annotation is None for one in own):
        shape.note("functions without full annotations", place)


def is_broad(node: ast.ExceptHandler) -> bool:
    """Whether a clause catches everything."""
    kinds = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
    return any(
        kind is None or (isinstance(kind, ast.Name) and kind.id in ("Exception", "BaseException")) for kind in kinds
    )


def undocumented(tree: ast.Module) -> Iterator[str]:
    """Public names of a module that have no docstring, the module itself included."""
    if tree.body and not ast.get_docstring(tree):
        yield ""
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) or node.name.startswith("_"):
            continue
        inner = [one for one in getattr(node, "body", ()) if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)]
        inner = [one for one in inner if isinstance(node, ast.ClassDef) and not one.name.startswith("_")]
        for one in (node, *inner):
            if not ast.get_docstring(one):
                yield f":{one.lineno} {one.name}"


def engine_words(tree: ast.Module) -> Iterator[str]:
    """Short strings, docstrings left out, that begin with an engine's name."""
    bodies = [body for node in ast.walk(tree) if isinstance(body := getattr(node, "body", None), list)]
    docs = {id(body[0].value) for body in bodies if body and isinstance(body[0], ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            first = re.split(r"[-_ /:]", node.value.lower())[0]
            if len(node.value) < 40 and first in ENGINES:
                yield node.value


if __name__ == "__main__":
    raise SystemExit(main())
