"""Engines and the models in their memory."""

from __future__ import annotations

from keepwell.app.overview.model import EngineRow, ModelRow, NodeRow, Overview
from keepwell.core.observation import Missing
from keepwell.tui.cells import BLANK, Cell, Column, Row, Table, Tone
from keepwell.tui.figures import Figures
from keepwell.tui.tables.signs import count, sign, text

COLUMNS = (
    Column(title="", width=1),
    Column(title="engine / model", width=18, grows=True),
    Column(title="at work", width=7, right=True),
    Column(title="wait", width=4, right=True, rank=1),
    Column(title="memory", width=7, right=True),
    Column(title="on GPU", width=8, right=True),
    Column(title="unloads", width=7, right=True),
)
EMPTY = "No engine was found on any node: start one, or name one that keepwell does not see in keepwell.toml."


def make_engines(overview: Overview, figures: Figures, *, tree: bool) -> Table:
    """Each engine with its models below it; `tree` False: models alone, and engines that hold none."""
    rows: list[Row] = []
    engines = 0
    for node in overview.nodes:
        for engine in node.engines:
            engines += 1
            if tree or not engine.models:
                rows.append(_engine(node, engine, figures))
            rows += [_model(node, engine, one, figures, tree=tree) for one in engine.models]
    held = sum(len(engine.models) for node in overview.nodes for engine in node.engines)
    return Table(
        name="engines",
        title=f"{count(engines, 'engine')}, {count(held, 'model')} in memory",
        columns=COLUMNS,
        rows=tuple(rows),
        empty=EMPTY,
    )


def _engine(node: NodeRow, one: EngineRow, figures: Figures) -> Row:
    title = f"{node.name}/{one.ref.rpartition('/')[2]}"
    if one.state not in ("well", ""):
        title = f"{title}  {one.state}"
    return Row(
        key=one.ref,
        subject=one.ref,
        words=f"{one.title} {one.url}",
        cells=(
            sign(one.status, plain=figures.plain),
            text(title, "bold"),
            figures.count(one.running),
            figures.count(one.waiting),
            figures.size(one.ref, one.memory_bytes),
            BLANK,
            BLANK,
        ),
    )


def _model(node: NodeRow, engine: EngineRow, one: ModelRow, figures: Figures, *, tree: bool) -> Row:
    key = f"model:{engine.ref.removeprefix('engine:')}/{one.name}"
    title = f"{'  ' * tree}{one.name}"
    if not tree:
        title = f"{title}  {node.name}/{engine.ref.rpartition('/')[2]}"
    return Row(
        key=key,
        subject=engine.ref,
        depth=int(tree),
        words=f"{node.name} {engine.title}",
        cells=(
            BLANK,
            text(title),
            BLANK,
            BLANK,
            figures.size(key, one.size_bytes),
            _placed(one, figures),
            _leaves(one, figures),
        ),
    )


def _placed(one: ModelRow, figures: Figures) -> Cell:
    """How much of it lies on a GPU; a model that lies on both is slow for a reason."""
    if isinstance(one.gpu_ratio, Missing):
        return figures.none()
    words: Tone = "warn"
    if one.gpu_ratio >= 1:
        words = "good"
    said = {0.0: "CPU", 1.0: "all"}.get(one.gpu_ratio, f"{one.gpu_ratio * 100:.0f}% !")
    return Cell(said, words, (one.gpu_ratio, ""))


def _leaves(one: ModelRow, figures: Figures) -> Cell:
    if isinstance(one.unload_seconds, Missing):
        return Cell("stays" * ("ever" in one.unload_seconds.reason) or figures.none().text, "dim", (1e12, ""))
    # In steps of ten seconds: a countdown would change a cell of every model each second.
    return figures.seconds(max(0.0, one.unload_seconds // 10 * 10))
