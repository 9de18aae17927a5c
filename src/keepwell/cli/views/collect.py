"""`keepwell collect` on a screen: as `keepwell bundle show`, with what to do next."""

from keepwell.cli.views.bundle import render

__all__ = ["render"]
