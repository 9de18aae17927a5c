"""A change from the terminal: what may be done, what it would do, a yes, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen

from keepwell.app.operation import Caller
from keepwell.app.overview.model import Overview
from keepwell.core.words import clean
from keepwell.tui.actions import Action, find_actions
from keepwell.tui.carrying import Carrier, Shown
from keepwell.tui.cells import Tone
from keepwell.tui.lines import Line, Lines, Words, wrap
from keepwell.tui.options import Options


class ActionScreen(Screen[None]):
    """Nothing is changed before `y` was pressed on a page that shows the exact command and what it does."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,n", "leave", "Back"),
        Binding("q", "leave", "Back"),
        Binding("y", "agree", "Yes"),
        *(Binding(str(number), f"choose({number})", "Choose", show=False) for number in range(1, 10)),
    ]

    def __init__(self, overview: Overview, subject: str, caller: Caller, options: Options) -> None:
        super().__init__()
        self._subject = subject
        self._actions: Sequence[Action] = find_actions(overview, subject)
        self._readonly = options.readonly
        self._carrier = Carrier(caller)
        self._title = Line("action-title", options.look)
        self._lines = Lines(options.look)
        self._action: Action | None = None
        self._shown: Shown | None = None
        self._busy = False

    def compose(self) -> ComposeResult:
        """A heading and lines."""
        yield self._title
        yield self._lines

    def on_mount(self) -> None:
        """What there is to choose from."""
        self._lines.focus()
        self.call_after_refresh(self._draw_choice)

    async def on_unmount(self) -> None:
        """What runs in a thread is asked to end."""
        await self._carrier.close()

    def _draw_choice(self) -> None:
        self._say("What may be done", f"about {self._subject}")
        if self._readonly:
            self._show([("top runs with --readonly: nothing can be changed from here.", "")])
            return
        lines: list[Words] = [()]
        for number, one in enumerate(self._actions, start=1):
            lines += [((f"  {number}  ", "bold"), (one.title, "")), ((f"     $ {clean(one.command)}", "dim"),)]
        if not self._actions:
            lines.append((("  Nothing is to be done about this.", ""),))
        self._lines.show(lines)

    def action_choose(self, number: int) -> None:
        """Show what it would do; nothing is changed by that."""
        if self._readonly or self._action is not None or number > len(self._actions):
            return
        self._action = self._actions[number - 1]
        self._say(self._action.title, "looking at what it would do ...")
        self._show([(self._action.says, "")])
        self.run_worker(self._foresee(self._action), name="foresee")

    async def _foresee(self, action: Action) -> None:
        self._shown = shown = await self._carrier.foresee(action)
        lines: list[tuple[str, Tone]] = [(action.says, ""), ("", "")]
        lines += [(one, "") for one in shown.lines]
        lines.append(("", ""))
        if shown.problem:
            lines.append((f"! {shown.problem}", "bad"))
            self._say(action.title, "cannot be done")
        else:
            lines.append((f"$ {shown.command}", "bold"))
            self._say(action.title, "y does it, Esc leaves everything as it is")
        self._show(lines)

    def action_agree(self) -> None:
        """Do it."""
        if self._shown is None or self._shown.problem or self._busy or self._action is None:
            return
        self._busy = True
        self._say(self._action.title, "at work; Esc asks it to stop")
        self.run_worker(self._do(self._shown), name="do")

    async def _do(self, shown: Shown) -> None:
        async for lines, over in self._carrier.carry_out(shown):
            told: list[tuple[str, Tone]] = [(f"$ {shown.command}", "bold"), ("", "")]
            self._show([*told, *((one, "") for one in lines)])
            if over:
                self._say(shown.title, over + "; Esc goes back")

    def action_leave(self) -> None:
        """Back; what is at work is asked to stop."""
        self.dismiss(None)

    def _say(self, what: str, how: str) -> None:
        self._title.show(((clean(what), "bold"), (f"   {clean(how)}", "dim")))

    def _show(self, lines: Sequence[tuple[str, Tone]]) -> None:
        width = max(20, self._lines.size.width) - 2
        shown: list[Words] = [()]
        for text, tone in lines:
            shown += [((f"  {one}", tone),) for one in wrap(clean(text, 2000), width) or [""]]
        self._lines.show(shown)
