"""Run long programs that outlive the terminal, watched and bounded."""

from typing import TYPE_CHECKING, Annotated

from keepwell.app.operation import Caller, ForModels, Operation, Param

if TYPE_CHECKING:
    from keepwell.app.jobs.report import JobLogReport, JobsReport

_NAME = Param(help="The job's name, as `keepwell jobs list` shows it.", position=True)


async def run(
    caller: Caller,
    *,
    command: Annotated[list[str], Param(help="The program and its arguments, after --.", position=True)],
    name: Annotated[str, Param(help="What to call it; made from the command if left out.")] = "",
    restart: Annotated[str, Param(help="no, on-failure, or on-failure:5 for so many times.")] = "no",
    limit: Annotated[str, Param(help="End it after this time, of all its runs together (8h).")] = "",
    memory: Annotated[str, Param(help='End it when its processes use more memory ("20 GiB").')] = "",
    stop_signal: Annotated[str, Param(help="By which signal it is told to end.")] = "TERM",
    device: Annotated[str, Param(help='Wait for time on a device: gpu01/0, or "gpu01/0:8 GiB" of it.')] = "",
) -> "JobsReport":
    """Run a program that goes on when the terminal is closed.

    As in `keepwell jobs run --restart on-failure -- python transcribe.py /srv/audio`: no shell reads the command, its
    folder and environment are those of this shell. What it says is kept with the time of each line, what it uses is
    watched. After a failure it starts again where that is asked for, after 1 s, 2 s, 4 s, up to 5 minutes. With
    --device each run waits for its time there, in the gateway's line, and has it until it ends.
    """
    from keepwell.app.jobs import asking
    from keepwell.app.jobs.wishes import Wish

    bounds = {"restart": restart, "limit": limit, "memory": memory, "stop_signal": stop_signal}
    wish = Wish(command=command, name=name, device=device, **bounds)
    return await asking.run_job(caller, wish)


async def list_them(caller: Caller) -> "JobsReport":
    """List jobs: how each stands, what it uses, how it ended."""
    from keepwell.app.jobs import asking

    return asking.list_jobs(caller)


async def logs(
    caller: Caller,
    *,
    job: Annotated[str, _NAME],
    follow: Annotated[
        bool, Param(help="Go on with what comes, until it ends or Ctrl-C.", short="-f", hidden_from=("mcp", "api"))
    ] = False,
    lines: Annotated[int, Param(help="So many of the last lines.", short="-n", minimum=0, maximum=100_000)] = 200,
) -> "JobLogReport | None":
    """Show what a job said, each line with its time.

    Lines behind | are the program's, lines behind * tell of its runs. A job's log takes 64 MiB at most: the oldest
    lines go first.
    """
    from keepwell.app.jobs import reading

    if follow:
        await reading.follow_log(caller, job, lines)
        return None
    return reading.read_log(caller, job, lines)


async def stop(caller: Caller, *, job: Annotated[str, _NAME]) -> "JobsReport":
    """End a job with all of its processes, and wait for that.

    Told to end by its stop signal, killed if it has not after 30 s. Processes that left its session are named.
    """
    from keepwell.app.jobs import ending

    return await ending.stop_job(caller, job)


async def resume(caller: Caller, *, job: Annotated[str, _NAME]) -> "JobsReport":
    """Run a job again that is over, or watch one again.

    Where a supervisor was killed and its program runs on, the program is adopted as it is; it has lost nothing it said.
    """
    from keepwell.app.jobs import asking

    return await asking.resume_job(caller, job)


OPERATIONS = (
    Operation(name="jobs run", effect="change", function=run, faces=("cli",), view="jobs"),
    Operation(
        name="jobs list",
        effect="read",
        function=list_them,
        watchable=True,
        view="jobs",
        for_models=ForModels(words="job night overnight running ended"),
    ),
    Operation(name="jobs logs", effect="read", function=logs, faces=("cli", "api"), view="jobs"),
    Operation(
        name="jobs stop",
        effect="change",
        function=stop,
        faces=("cli", "api"),
        view="jobs",
        proposable=True,
    ),
    Operation(
        name="jobs resume",
        effect="change",
        function=resume,
        faces=("cli", "api"),
        view="jobs",
        proposable=True,
    ),
)
