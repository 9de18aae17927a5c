"""The models that an engine offers: what is missing is fetched or told, what is too much is the owner's choice or set
aside.

Nothing is deleted: what the wish does not name stays, unless the list is `exact`; then its manifest is renamed into a
folder beside the store, and its weights are what `keepwell models clean` sets aside.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from keepwell.config.sections import Key
from keepwell.config.shapes import flag, path, text, texts, url
from keepwell.config.wish_shapes import values
from keepwell.core.entry import ABSENT, Entry
from keepwell.core.observation import Missing, Seen, absent, unknown
from keepwell.core.ref import Ref
from keepwell.core.step import Change, Put, Rename, RunCommand, reverse
from keepwell.core.values import row_of, rows_of, text_of
from keepwell.core.words import command_line
from keepwell.plugins.catalogue import KeepsCatalogue
from keepwell.plugins.recognise import load_engines
from keepwell.plugins.stock import SET_ASIDE
from keepwell.plugins.wish import Drift, Keeps, Looked, Needs, Wish

#: Seconds for one model: hundreds of gigabytes over a line of 100 Mbit/s take most of a day.
FETCH_SECONDS = 86400.0
#: Digits of a digest that have to be written, as engines show them.
DIGITS = 12
#: The folder for manifests beside the store, so that only its owner looks in.
ASIDE = "catalogue"
_PRIVATE = 0o700


def _digests(value: object) -> Mapping[str, str]:
    found = {name: digest.removeprefix("sha256:").lower() for name, digest in values(value).items()}
    for digest in found.values():
        if len(digest) < DIGITS or not all(one in "0123456789abcdef" for one in digest):
            raise ValueError(f'names with digests of at least {DIGITS} digits, like {{"llama3.2:3b" = "a80c4f17acd5"}}')
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """An engine of the wish: its kind, what it is called on its node, the address it is asked at, its plug-in."""

    kind: str
    name: str
    url: str
    plugin: KeepsCatalogue


class _Models:
    """The step; it holds no state."""

    title = "Models that an engine offers"
    table = "models"
    keys: tuple[Key, ...] = (
        Key(name="engine", shape=text, help="the engine's kind", required=True),
        Key(name="url", shape=url, help="where it answers on its node; its usual port on loopback if left out"),
        Key(name="models", shape=texts, help="what it has to offer"),
        Key(name="digests", shape=_digests, help="digests of some of them, by name; the first 12 digits are enough"),
        Key(name="pull", shape=flag, help="true: fetch what is missing; false: only tell"),
        Key(
            name="exact", shape=flag, help="true: offer nothing else; false: what else it offers is the owner's choice"
        ),
        Key(name="folder", shape=path, help="the folder of its store; needed for `exact`"),
    )

    def needs(self, wish: Wish, looked: Looked) -> Needs:
        """Its list of models; then the manifests of those that are too many, and where they would be set aside."""
        asked = _find_asked(wish)
        if isinstance(asked, Missing):
            return Needs()
        address = asked.plugin.catalogue_url(asked.url)
        offered = _find_offered(asked, looked)
        paths: list[str] = []
        if not isinstance(offered, Missing) and wish.get("exact") and wish.get("folder"):
            for model in _extra(wish, asked, offered):
                manifest = asked.plugin.manifest_of(model, wish["folder"])
                paths += [manifest, posixpath.dirname(manifest), *_folders(wish["folder"], manifest)]
                paths.append(_aside(wish["folder"], manifest))
        return Needs(urls=(address,), paths=tuple(dict.fromkeys(paths)))

    def compare(self, wish: Wish, looked: Looked) -> Drift | Missing:
        """What is missing, has another digest, or is too much."""
        asked = _find_asked(wish)
        if isinstance(asked, Missing):
            return asked
        offered = _find_offered(asked, looked)
        if isinstance(offered, Missing):
            return offered
        problems = list(_wrong(wish, asked, offered))
        changes: list[Change] = []
        subject = Ref("engine", (looked.node, asked.name))
        missing = [one for one in _wished(wish, asked) if one not in offered]
        for model in missing:
            if wish.get("pull"):
                changes.append(_fetch(model, asked, subject))
            else:
                problems.append(f"{model} is missing: {command_line(asked.plugin.fetch_at(model, asked.url))}")
        extra, kept = _extra(wish, asked, offered), []
        if wish.get("exact") and extra and not wish.get("folder"):
            problems.append(f"{', '.join(extra)} too much: `folder` has to say where its store lies")
        elif wish.get("exact"):
            for model in extra:
                problems += _set_aside(model, asked, wish["folder"], looked, changes)
        elif extra:
            kept.append(f"the owner's catalogue: {', '.join(extra)}")
        if changes:
            kept, problems = [*kept, *problems], []
        return Drift(
            subject=subject,
            before=", ".join(sorted(offered)) or "nothing",
            after=", ".join(_wished(wish, asked)) or "nothing",
            changes=tuple(changes),
            kept=tuple(kept),
            problem="; ".join(problems),
        )

    def copy(self, wish: Wish, looked: Looked) -> Wish | Missing:
        """All that the engine offers, with digests."""
        asked = _find_asked(wish)
        if isinstance(asked, Missing):
            return asked
        offered = _find_offered(asked, looked)
        if isinstance(offered, Missing):
            return offered
        digests = {name: digest for name, digest in sorted(offered.items()) if digest}
        if "models" in wish:
            named = set(_wished(wish, asked))
            digests = {name: digest for name, digest in digests.items() if name in named}
        found = {"models": tuple(sorted(offered)), "digests": digests}
        return {**{name: value for name, value in found.items() if value}, **wish}

    def propose(self, seen: Seen, node: str) -> tuple[Wish, ...]:
        """One table for each engine here that fetches models and told which it offers."""
        found: list[Wish] = []
        for ref in seen.subjects("engine"):
            row = row_of(seen.value(ref, "engine.site"))
            kind, where = ref.name.partition(":")[0], text_of(row, "url")
            offers = rows_of(seen.value(ref, "engine.models"))
            if ref.node == node and where and offers and isinstance(load_engines().get(kind), KeepsCatalogue):
                found.append({"engine": kind, "url": where})
        return tuple(found)


def _find_asked(wish: Wish) -> _Asked | Missing:
    engine = load_engines().get(wish["engine"])
    plugin: object = engine
    if engine is None or not isinstance(plugin, KeepsCatalogue):
        return absent(f"{wish['engine']} is no engine that fetches models by name")
    where, name = wish.get("url") or f"http://127.0.0.1:{engine.ports[0]}", wish["engine"]
    port = urlsplit(where).port or engine.ports[0]
    if port != engine.ports[0]:
        name = f"{name}:{port}"
    return _Asked(kind=wish["engine"], name=name, url=where, plugin=plugin)


def _find_offered(asked: _Asked, looked: Looked) -> Mapping[str, str] | Missing:
    """The digests by name."""
    reply = looked.replies.get(asked.plugin.catalogue_url(asked.url), unknown("not asked yet"))
    if isinstance(reply, Missing):
        return reply
    if reply.status != 200:
        return unknown(f"{asked.plugin.catalogue_url(asked.url)} answered {reply.status}")
    return asked.plugin.parse_catalogue(reply.body)


def _wished(wish: Wish, asked: _Asked) -> tuple[str, ...]:
    named = (*wish.get("models", ()), *wish.get("digests", {}))
    return tuple(dict.fromkeys(asked.plugin.name_whole(one) for one in named))


def _extra(wish: Wish, asked: _Asked, offered: Mapping[str, str]) -> list[str]:
    wished = set(_wished(wish, asked))
    return [one for one in sorted(offered) if one not in wished]


def _wrong(wish: Wish, asked: _Asked, offered: Mapping[str, str]) -> Iterator[str]:
    """Models with another digest: what the registry has by now may be a third one, so they are only told."""
    for name, digest in wish.get("digests", {}).items():
        whole = asked.plugin.name_whole(name)
        there = offered.get(whole, "").removeprefix("sha256:")
        if there and not there.startswith(digest):
            command = command_line(asked.plugin.fetch_at(whole, asked.url))
            yield f"{whole} is {there[:DIGITS]}, not {digest[:DIGITS]}: {command} fetches what there is now"


def _fetch(model: str, asked: _Asked, subject: Ref) -> Change:
    return Change(
        subject=subject,
        what=f"model {model}",
        before="not there",
        after="fetched",
        do=RunCommand(argv=asked.plugin.fetch_at(model, asked.url), timeout_seconds=FETCH_SECONDS),
        undo=None,
        irreversible="what was fetched stays in the store until somebody removes the model",
    )


def _aside(folder: str, manifest: str) -> str:
    """Where a manifest is set aside."""
    return posixpath.join(f"{folder}{SET_ASIDE}", ASIDE, posixpath.relpath(manifest, folder))


def _folders(folder: str, manifest: str) -> list[str]:
    """The folders that it is set aside in, the outermost first."""
    found, here = [], posixpath.dirname(_aside(folder, manifest))
    while here.startswith(f"{folder}{SET_ASIDE}"):
        found.append(here)
        here = posixpath.dirname(here)
    return found[::-1]


def _set_aside(model: str, asked: _Asked, folder: str, looked: Looked, changes: list[Change]) -> Iterable[str]:
    """Its changes, added to the others; why there are none."""
    manifest = asked.plugin.manifest_of(model, folder)
    target, there = _aside(folder, manifest), looked.entries.get(manifest)
    if not isinstance(there, Entry) or there.kind != "file":
        return [f"{model} is too much, and its manifest was not found at {manifest}"]
    if looked.entries.get(target, ABSENT) != ABSENT and getattr(looked.entries[target], "kind", "") != "absent":
        return [f"{model} is too much, and another was set aside at {target}"]
    made = {change.do.path for change in changes if isinstance(change.do, Put)}
    for one in _folders(folder, manifest):
        entry = looked.entries.get(one)
        if isinstance(entry, Entry) and entry.kind == "absent" and one not in made:
            put = Put(path=one, before=entry, after=Entry(kind="folder", mode=_PRIVATE))
            subject = Ref("path", (looked.node, one))
            changes.append(
                Change(
                    subject=subject, what=f"folder {one}", before="nothing", after="a folder", do=put, undo=reverse(put)
                )
            )
    rename = Rename(path=manifest, target=target)
    parent = looked.entries.get(posixpath.dirname(manifest))
    modified = -1
    if isinstance(parent, Entry):
        modified = parent.modified_ns
    changes.append(
        Change(
            subject=Ref("model", (looked.node, asked.name, model)),
            what=f"model {model}, which is not wished",
            before="offered",
            after=f"set aside: {target}",
            do=rename,
            undo=reverse(rename, (modified, -1)),
            interrupts=f"{model} is not offered any more",
        )
    )
    return []


STEP: Keeps = _Models()
