"""The plan by which an engine serves from another folder: a link, a setting in its files, or its start command."""

from __future__ import annotations

import posixpath

from keepwell.app.stores.place import Scene
from keepwell.conform.look import prepare
from keepwell.conform.models.migrate import Move, plan_file, plan_link, plan_process
from keepwell.conform.plan import Repair
from keepwell.core.clock import Clock
from keepwell.core.errors import AccessError, ConfigurationError, RefusedError
from keepwell.core.finding import Finding, Status
from keepwell.core.observation import Missing
from keepwell.core.step import Plan, Serving
from keepwell.core.values import row_of, text_of
from keepwell.formats.mounts import parse_mountinfo
from keepwell.plugins.engine import ListsModels
from keepwell.plugins.running import find_running
from keepwell.plugins.stock import NamesStore
from keepwell.transport.base import Transport

#: The step that sets a value in a file of an engine's settings, and the check that asks for it.
VALUE_STEP, VALUE_CHECK = "environment_value", "settings.applied"
_BY_SETTING = "let its setting name the new folder: --setting"


async def make_switch(scene: Scene, title: str, target: str, run_id: str, clock: Clock, *, setting: bool) -> Plan:
    """Raises ConfigurationError, RefusedError where it cannot be done this way, AccessError."""
    move = Move(node=scene.hands.name, title=title, source=scene.source, target=target)
    if scene.site is not None and not isinstance(scene.site.process, Missing):
        proof = Serving(kind=scene.site.engine, url=scene.site.url, models=await _list_models(scene))
        move = Move(
            node=scene.hands.name,
            title=title,
            source=scene.source,
            target=target,
            engine=scene.site.ref,
            proof=(proof,),
        )
    if setting:
        return await _plan_setting(scene, move, run_id, clock)
    if scene.source in await find_mounts(scene.hands):
        raise RefusedError("a file system begins there, so no link can take its place", where=scene.source)
    there = await scene.hands.entry(scene.source, max_bytes=0)
    return plan_link(move, there, there.folder_ns, run_id)


async def find_mounts(hands: Transport) -> frozenset[str]:
    """Where file systems begin; none where that cannot be told, and a rename would say so."""
    try:
        mounts = parse_mountinfo((await hands.read("/proc/self/mountinfo")).decode("utf-8", "replace"))
    except AccessError:
        return frozenset()
    return frozenset(mount.path for mount in mounts)


async def _list_models(scene: Scene) -> tuple[str, ...]:
    """What it offers now, which it has to offer afterwards."""
    if scene.site is None or not isinstance(scene.plugin, ListsModels):
        return ()
    found = await scene.plugin.models(scene.site, scene.hands)
    if isinstance(found, Missing):
        return ()
    return tuple(one.name for one in found)


async def _plan_setting(scene: Scene, move: Move, run_id: str, clock: Clock) -> Plan:
    site, plugin = scene.site, scene.plugin
    if site is None or not isinstance(plugin, NamesStore):
        hint = "leave --setting out: a link takes the old folder's place"
        raise ConfigurationError("no setting names this folder that keepwell could change", hint=hint)
    name = plugin.store_setting
    supervisor = row_of(scene.seen.value(site.ref, "engine.supervisor"))
    told = row_of(row_of(scene.seen.value(site.ref, "engine.wished_settings")).get(name))
    if text_of(supervisor, "kind") == "process" and not text_of(told, "file"):
        try:
            return plan_process(move, find_running(scene.seen, site.ref), name, run_id)
        except ValueError as error:
            hint = "leave --setting out: a link takes the old folder's place"
            raise RefusedError(f"the engine cannot be started again: {error}", where=str(site.ref), hint=hint) from None
    facts = {
        "name": name,
        "wished": move.target,
        "value": text_of(told, "value"),
        "file": text_of(told, "file"),
        "unit": text_of(supervisor, "unit"),
        "supervisor": text_of(supervisor, "kind"),
    }
    message = f"{name} is to be {move.target}"
    finding = Finding(check=VALUE_CHECK, subject=site.ref, status=Status.WARNING, message=message, facts=facts)
    plan = await prepare(Repair(step=VALUE_STEP, finding=finding), scene.seen, scene.hands, clock)
    if plan is None or not plan.changes or not plan.activate:
        hint = f"set {name}={posixpath.normpath(move.target)} yourself, or leave --setting out"
        raise RefusedError(f"no file is known in which {name} could be set", where=str(site.ref), hint=hint)
    return plan_file(move, plan.changes, plan.activate)
