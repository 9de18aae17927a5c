"""`keepwell undo` on a screen."""

from __future__ import annotations

from keepwell.cli.views.run import render_run

render = render_run
