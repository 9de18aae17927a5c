"""The questions of a smoke test: each with a yes, a no, or why it could not be asked."""

from __future__ import annotations

from keepwell.checks.smoke.answers import judge_answers, judge_api, judge_model, judge_service
from keepwell.checks.smoke.catalogue import judge_catalogue, judge_permissions, judge_restart
from keepwell.checks.smoke.deep import judge_concurrency, judge_context, judge_embeds, judge_streams, judge_tools
from keepwell.checks.smoke.gpu import judge_gpu
from keepwell.core.finding import Check, Judge

#: Such checks are judged by `keepwell smoke` alone.
PURPOSE = "smoke"
_NEEDS = ("smoke.asked",)


def _check(name: str, title: str, judge: Judge) -> Check:
    return Check(id=f"smoke.{name}", title=title, needs=_NEEDS, judge=judge, level=3, purpose=PURPOSE)


CHECKS = (
    _check("service", "The service runs", judge_service),
    _check("api", "The API lists its models", judge_api),
    _check("answers", "A model that is asked for a few words gives them", judge_answers),
    _check("model", "The model that answers is the one that was asked", judge_model),
    _check("catalogue", "The models that are offered are those that are wished", judge_catalogue),
    _check("streams", "A stream comes part by part and has an end", judge_streams),
    _check("embeds", "An embedding can be used", judge_embeds),
    _check("tools", "A model that can call tools calls one", judge_tools),
    _check("context", "A prompt beyond the context is refused or cut, and which", judge_context),
    _check("concurrency", "Several requests at once are all answered", judge_concurrency),
    _check("gpu", "The model works on the GPU", judge_gpu),
    _check("permissions", "Its files are closed to others", judge_permissions),
    _check("restart", "It comes back from a restart as it was", judge_restart),
)
