"""Device time for the items of a script: asked for before each, renewed beside it, given back after it."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from keepwell.config import load_config
from keepwell.config.home import find_home
from keepwell.config.window_schema import device_share, name_device
from keepwell.core.errors import ConfigurationError, KeepwellError
from keepwell.jobs.device_rules import make_plain_rules
from keepwell.jobs.device_turn import DEVICE_VARIABLE
from keepwell.jobs.living import MARK_VARIABLE, identify
from keepwell.plugins.registry import names
from keepwell.plugins.wish import find_keys
from keepwell.store.folder import find_state_folder
from keepwell.transport.local import local_name
from keepwell.turns.asking import RENEW_SECONDS, WAIT_SECONDS, Asker, load_plates, require_place
from keepwell.turns.book import load_rules, save_rules
from keepwell.turns.words import Wish, overlap

#: Seconds between two tellings of one that waits.
TELL_SECONDS = 30.0


class ItemTurn:
    """`tell` gets a line for a person. The holder is the job that runs the script, else what its file of results is
    called. A job that has the device itself keeps it for all items.
    """

    def __init__(self, device: str, name: str, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._asker: Asker | None = None
        self._ended = threading.Event()
        self._beside: threading.Thread | None = None
        wish = _make_wish(device, name)
        had = os.environ.get(DEVICE_VARIABLE, "")
        if not had or not overlap(had, wish.device):
            state = find_state_folder(os.environ, home=find_home(), root=os.geteuid() == 0)
            self._asker = Asker(state, wish)
            if not load_plates(state):
                _write_rules(state)

    def take(self) -> None:
        """Wait for it. Raises ConfigurationError for a device that cannot be had so, AccessError, DamagedError."""
        if self._asker is None:
            return
        own, told, said = identify(os.getpid()), float("-inf"), ""
        place = self._asker.ask(process=own)
        while not place.held:
            require_place(place, self._asker.wish)
            now = time.monotonic()
            if place.describe() != said and now - told >= TELL_SECONDS * (told > 0 and place.stage == "waiting"):
                told, said = now, place.describe()
                self._tell(said)
            time.sleep(WAIT_SECONDS)
            place = self._asker.ask(process=own)
        self._ended = threading.Event()
        self._beside = threading.Thread(target=self._renew, args=(self._asker, self._ended), daemon=True)
        self._beside.start()

    def leave(self) -> None:
        """Give it back; nothing where it is not had."""
        if self._asker is not None and self._beside is not None:
            self._ended.set()
            self._beside.join(RENEW_SECONDS)
            self._beside = None
            with suppress(KeepwellError):  # lost by time then
                self._asker.leave()

    def _renew(self, asker: Asker, ended: threading.Event) -> None:
        """In a thread of its own, since the item's work is the script's."""
        while not ended.wait(RENEW_SECONDS):
            with suppress(KeepwellError):
                asker.ask()


def _make_wish(device: str, name: str) -> Wish:
    """Raises ConfigurationError for what is no device, and no size."""
    try:
        where, share = device_share(device)
    except ValueError as error:
        raise ConfigurationError(f"device time cannot be asked for so: {error}") from error
    job = os.environ.get(MARK_VARIABLE, "").partition("@")[0]
    return Wish(
        id=f"{job or name}:{os.getpid()}:{time.monotonic_ns()}",
        holder=job or name,
        device=name_device(where, local_name()),
        memory_bytes=share,
    )


def _write_rules(state: Path) -> None:
    """Where no gateway runs, devices and windows are those that keepwell.toml declares; what was seen stays known."""
    config = load_config(None, known_engines=names("engines"), known_services=names("services"), wishes=find_keys)
    found = {one.name: one.memory_bytes for one in load_rules(state).devices if "/" in one.name}
    save_rules(state, make_plain_rules(config, local_name(), found))
