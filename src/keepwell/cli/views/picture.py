"""The picture of a node: devices and engines as a small tree, what is not well in colour and in words."""

from __future__ import annotations

from rich.text import Text
from rich.tree import Tree

from keepwell.app.report import (
    DevicePicture,
    EnginePicture,
    LoadedPicture,
    Looked,
    NodePicture,
    ServicePicture,
    SpeedPicture,
)
from keepwell.cli.words import STYLES, amount, clean, figure, share, sign, size
from keepwell.core.finding import Status
from keepwell.core.observation import Missing


def render_node(node: NodePicture) -> Tree:
    """The node, its devices, its engines and their loaded models."""
    tree = Tree(_heading(node), guide_style="dim")
    for device in node.devices:
        tree.add(_device(device))
    if not node.devices:
        tree.add(Text("no GPU seen", style="dim"))
    for engine in node.engines:
        branch = tree.add(_engine(engine))
        if not isinstance(engine.loaded, Missing):
            for model in engine.loaded:
                branch.add(_model(model))
        if not isinstance(engine.speed, Missing):
            branch.add(_speed(engine.speed))
    if not node.engines:
        tree.add(Text("no engine found", style="yellow"))
    if node.services:
        branch = tree.add(Text("services", style="dim"))
        for service in node.services:
            branch.add(_service(service))
    return tree


def render_looked(looked: tuple[Looked, ...]) -> list[Text]:
    """What was looked for and what came of it, one line each."""
    width = max((len(one.what) for one in looked), default=0)
    return [
        Text.assemble((f"  {one.what:<{width}}  ", "bold"), clean(one.result), ("  " + clean(one.where), "dim"))
        for one in looked
    ]


def _heading(node: NodePicture) -> Text:
    words = [Text(clean(node.ref.name), style="bold")]
    if node.system:
        words.append(Text(clean(node.system)))
    if not isinstance(node.cores, Missing):
        words.append(Text(f"{node.cores} cores"))
    if not isinstance(node.memory_total_bytes, Missing):
        words.append(Text(size(node.memory_total_bytes)))
    return Text(" · ").join(words)


def _engine(engine: EnginePicture) -> Text:
    line = Text.assemble(sign(engine.status), " ", (engine.title, "bold"))
    if not isinstance(engine.version, Missing) and engine.version:
        line.append(f" {clean(engine.version, 40)}")
    line.append(f"  {clean(engine.url)}  ")
    line.append(clean(engine.state), style=STYLES[engine.status][0])
    if not isinstance(engine.models, Missing):
        line.append(f"  {engine.models} model{'s' * (engine.models != 1)}")
    if not isinstance(engine.requests_running, Missing):
        line.append(f"  {engine.requests_running:g} running, {amount(engine.requests_waiting)} waiting", style="dim")
    return line


def _service(service: ServicePicture) -> Text:
    line = Text.assemble(sign(service.status), " ", (clean(service.title, 80), "bold"))
    if not isinstance(service.version, Missing) and service.version:
        line.append(f" {clean(service.version, 40)}")
    for word in (service.url, service.place):
        if word:
            line.append(f"  {clean(word, 80)}")
    line.append(f"  {clean(service.state)}", style=STYLES[service.status][0])
    targets = [one.target.partition("/")[2] or one.url or one.setting for one in service.needs]
    if targets:
        line.append(f"  → {', '.join(clean(one, 60) for one in targets)}", style="dim")
    return line


def _model(model: LoadedPicture) -> Text:
    line = Text.assemble((clean(model.name), "bold"), " in memory")
    if model.size_bytes:
        line.append(f", {size(model.size_bytes)}")
    if isinstance(model.gpu_ratio, Missing):
        line.append(", split between CPU and GPU not told", style="dim")
    else:
        line.append(f", {share(model.gpu_ratio)} on the GPU, {share(1 - model.gpu_ratio)} on the CPU")
    if model.context_tokens:
        line.append(f", context {model.context_tokens} tokens")
    return line


def _speed(speed: SpeedPicture) -> Text:
    words = []
    if not isinstance(speed.output_tokens_per_second, Missing):
        words.append(f"{figure(speed.output_tokens_per_second)} tokens/s")
    if not isinstance(speed.input_tokens_per_second, Missing):
        words.append(f"reads {figure(speed.input_tokens_per_second)} prompt tokens/s")
    if not isinstance(speed.first_token_seconds, Missing):
        words.append(f"first token after {figure(speed.first_token_seconds)} s")
    line = Text(", ".join(words) or "no speed could be measured")
    line.append(f"  measured with {clean(speed.model)}", style="dim")
    return line


def _device(device: DevicePicture) -> Text:
    line = Text.assemble(sign(Status.OK), " ", (clean(device.name), "bold"))
    if not isinstance(device.memory_total_bytes, Missing) and not isinstance(device.memory_used_bytes, Missing):
        line.append(f"  {size(device.memory_used_bytes)} of {size(device.memory_total_bytes)} used")
    if not isinstance(device.utilisation_ratio, Missing):
        line.append(f"  busy {share(device.utilisation_ratio)}")
    if not isinstance(device.temperature_celsius, Missing):
        line.append(f"  {device.temperature_celsius:g} °C")
    if not isinstance(device.power_watts, Missing):
        line.append(f"  {device.power_watts:.0f} W")
    return line
