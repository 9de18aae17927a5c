"""What a plug-in reads at a server, asked inside a world: python -m tests.long.look PLUG-IN URL LOG COMMAND..."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import cast

from keepwell.core.observation import Missing
from keepwell.plugins.engine import ExposesMetrics, KnowsSettings, ListsModels
from keepwell.transport.local import LocalTransport
from tests.engines.kit import plug_in, process_of, site_of


async def look(name: str, url: str, log: Path, command: list[str]) -> dict[str, object]:
    """Models, metrics and settings in force."""
    engine, site, transport = plug_in(name), site_of(name, url), LocalTransport()
    models = await cast(ListsModels, engine).models(site, transport)
    metrics = await cast(ExposesMetrics, engine).metrics(site, transport)
    lines = log.read_text(errors="replace").splitlines()
    process = process_of(*command, environment=os.environ)
    settings = cast(KnowsSettings, engine).effective(process, lines, "", {})
    assert not isinstance(models, Missing), models
    assert not isinstance(metrics, Missing), metrics
    return {
        "health": (await engine.health(site, transport)).state,
        "models": [asdict(one) for one in models],
        "metrics": dict(metrics),
        "settings": {one.name: one.value for one in settings},
        "problems": {one.name: one.problem for one in settings if one.problem},
    }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(look(sys.argv[1], sys.argv[2], Path(sys.argv[3]), sys.argv[4:]))))
