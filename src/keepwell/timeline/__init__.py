"""What changed on a node, in one ordered list: from what was seen now and what was remembered of earlier looks.

`take_sight` and `compare` are about two looks, `build_timeline` merges everything, `find_first_error` and
`shortly_before` relate it to a fault. All pure.
"""

from keepwell.timeline.merge import Timeline, build_timeline
from keepwell.timeline.relate import find_first_error, shortly_before
from keepwell.timeline.sight import compare, take_sight

__all__ = ["Timeline", "build_timeline", "compare", "find_first_error", "shortly_before", "take_sight"]
