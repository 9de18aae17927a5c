"""In which tongue a file is written: by its name, and by its first line where the name tells nothing."""

from __future__ import annotations

from pathlib import PurePath
from typing import Literal, TypeAlias

#: How comments, strings and arguments look. "plain" is data without comments (JSON), "prose" is for people only.
Tongue: TypeAlias = Literal[
    "python", "script", "javascript", "go", "rust", "jvm", "c", "data", "plain", "notebook", "prose"
]

_ENDINGS: dict[Tongue, str] = {
    "python": ".py .pyi .pyw",
    "script": ".sh .bash .zsh .fish .ps1 .rb .pl .mk .dockerfile .containerfile .ex .exs .r .jl .nix .tf .hcl",
    "javascript": ".js .mjs .cjs .ts .mts .cts .jsx .tsx .vue .svelte .astro",
    "go": ".go .mod",
    "rust": ".rs",
    "jvm": ".java .kt .kts .scala .groovy .gradle",
    "c": ".c .h .cc .cpp .hpp .cs .swift .php .dart .zig .m .fs",
    "data": (
        ".yaml .yml .toml .env .ini .cfg .conf .properties .service .socket .timer .container .pod .network .kube "
        ".envrc .nginx .vhost .caddy .plist .j2 .tpl .tmpl .editorconfig .sample .example .template .dist .local"
    ),
    "plain": ".json .jsonc .json5 .xml .html .htm .csproj .http .rest",
    "notebook": ".ipynb",
    "prose": ".md .mdx .mdc .rst .adoc .txt .tex .org .log .csv .tsv .po .pot .svg .lock .sum .map .snap .patch .diff",
}
_BY_ENDING: dict[str, Tongue] = {one: tongue for tongue, written in _ENDINGS.items() for one in written.split()}
_NAMES: dict[str, Tongue] = {
    "dockerfile": "script",
    "containerfile": "script",
    "makefile": "script",
    "gnumakefile": "script",
    "justfile": "script",
    "procfile": "script",
    "vagrantfile": "script",
    "jenkinsfile": "jvm",
    "caddyfile": "data",
    "modelfile": "data",
    "pipfile": "data",
    "nginx": "data",
    ".env": "data",
    "environment": "data",
    "package-lock.json": "prose",
    "npm-shrinkwrap.json": "prose",
    "pnpm-lock.yaml": "prose",
    "license": "prose",
    "changelog": "prose",
    "readme": "prose",
    "authors": "prose",
}
_SHEBANGS: dict[str, Tongue] = {"python": "python", "node": "javascript", "deno": "javascript", "bun": "javascript"}


def find_tongue(name: str, first_line: str = "") -> Tongue:
    """The tongue of a file; "prose" for lock files, texts for people and what nobody would run."""
    path = PurePath(name.lower())
    if path.name.startswith("requirements") and path.suffix == ".txt":
        return "data"
    if path.name.startswith(".env") or path.name.endswith((".env", "-env", "_env")):
        return "data"
    for part in (path.name, path.name.split(".")[0]):
        if part in _NAMES and (part == path.name or path.suffix not in _BY_ENDING):
            return _NAMES[part]
    found = _BY_ENDING.get(path.suffix)
    if found in ("data", None) and len(path.suffixes) > 1 and path.suffixes[-2] in _BY_ENDING:
        return _BY_ENDING[path.suffixes[-2]]
    if found is not None:
        return found
    if first_line.startswith("#!"):
        return next((tongue for word, tongue in _SHEBANGS.items() if word in first_line), "script")
    return "data"
