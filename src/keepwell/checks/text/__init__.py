"""Two facts of a pasted text that disagree. Nothing here fires on what a text does not show.

In a survey, whose probes make no such observations, none of these says anything.
"""

from keepwell.checks.text.addresses import judge_address, judge_path
from keepwell.checks.text.gpu import judge_gpu
from keepwell.checks.text.machine import (
    judge_cores,
    judge_cuda,
    judge_kernel,
    judge_package,
    judge_permission,
    judge_release,
    judge_setting,
)
from keepwell.checks.text.memory import judge_context, judge_layers, judge_memory, judge_ranks
from keepwell.checks.text.models import judge_model
from keepwell.checks.text.numbers import judge_duration, judge_limit, judge_proxy
from keepwell.checks.text.rows import NEEDS
from keepwell.core.finding import Check, Judge

_JUDGES: tuple[tuple[str, str, Judge], ...] = (
    ("text.address", "The address that was asked is listened on", judge_address),
    ("text.path", "The path that was asked for is the API's", judge_path),
    ("text.model", "The model that was asked for is offered, and answers", judge_model),
    ("text.context", "The context holds what is asked of it", judge_context),
    ("text.layers", "The model's layers lie on the GPU", judge_layers),
    ("text.gpu", "The engine gets the GPUs that the machine has", judge_gpu),
    ("text.ranks", "There are as many GPUs as ranks", judge_ranks),
    ("text.cores", "There are as many processors as threads", judge_cores),
    ("text.cuda", "The driver is new enough for what is to run", judge_cuda),
    ("text.kernel", "The driver is built for the running kernel", judge_kernel),
    ("text.release", "Client and server are of one release", judge_release),
    ("text.setting", "Settings are in force as they are set", judge_setting),
    ("text.permission", "The user that serves may use the folder", judge_permission),
    ("text.duration", "Nothing ends at a default limit of time", judge_duration),
    ("text.memory", "The memory that is allowed holds what is needed", judge_memory),
    ("text.package", "Packages have the releases that they want", judge_package),
    ("text.proxy", "A proxy hands streams on and waits long enough", judge_proxy),
    ("text.limit", "No limit is met at its default", judge_limit),
)
CHECKS: tuple[Check, ...] = tuple(
    Check(id=name, title=title, needs=NEEDS[name], judge=judge) for name, title, judge in _JUDGES
)
