"""Groups log lines by their shape, as they come, and tells which shapes are new or newly frequent. Pure.

`Miner` finds templates in a stream of lines with one configuration for every kind of log; `Baseline` is what is
ordinary in one log, `learn` adds to it, and `find_news` says what is new beside it.
"""

from keepwell.templates.baseline import Baseline, News, find_news, learn
from keepwell.templates.miner import Miner, Template
from keepwell.templates.shapes import Shape

__all__ = ["Baseline", "Miner", "News", "Shape", "Template", "find_news", "learn"]
