"""Healthy windows: machines on an ordinary day, with restarts, upgrades, load, reboots and warnings in them."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace

from keepwell.config.model import NetworkEntry
from keepwell.survey.expected import Expected
from keepwell.testing.fake_gpu.card import GIB
from keepwell.testing.gym.made.lines import start_lines, stop_lines, traffic_lines, warning_lines
from keepwell.testing.gym.made.profiles import PROFILES, WINDOW_SECONDS
from keepwell.testing.gym.made.state import Logged, MadeState
from keepwell.testing.gym.made.supervisors import stamp

#: What happens in one window, at least and at most.
LEAST, MOST = 1, 5
#: NVML's reasons for clocks that are no trouble: nothing to do, clocks as chosen, the limit of a card at full load.
IDLE, CHOSEN, AT_LIMIT = 0x1, 0x2, 0x4
DAY = 86_400.0

#: What kernels say of healthy machines.
_KERNEL = (
    "perf: interrupt took too long (2514 > 2500), lowering kernel.perf_event_max_sample_rate to 79500",
    "workqueue: drm_fb_helper_damage_work hogged CPU for >10000us 4 times, consider switching to WQ_UNBOUND",
    "ACPI BIOS Error (bug): Could not resolve symbol [\\_SB.PCI0.XHC.RHUB], AE_NOT_FOUND (20230628/psargs-330)",
    "usb 1-4: device descriptor read/64, error -110",
    "r8169 0000:05:00.0 enp5s0: Link is Up - 2.5Gbps/Full - flow control rx/tx",
    "nvidia-nvlink: Nvlink Core is being initialized, major device number 511",
    "nvidia: module license 'NVIDIA' taints kernel.",
    "nvidia: module verification failed: signature and/or required key missing - tainting kernel",
    "EXT4-fs (nvme0n1p2): mounted filesystem with ordered data mode. Quota mode: none.",
    "hid-generic 0003:046D:C52B.0003: input,hidraw2: USB HID v1.11 Device on usb-0000:00:14.0-4/input2",
    "TCP: request_sock_TCP: Possible SYN flooding on port 0.0.0.0:22. Sending cookies.",
    "Out of memory: Killed process 9051 (firefox) total-vm:24000000kB, anon-rss:9000000kB, file-rss:0kB",
    "kauditd_printk_skb: 22 callbacks suppressed",
    "systemd-journald[312]: File /var/log/journal/system.journal corrupted or uncleanly shut down, renaming.",
)
_JOURNAL = (
    "systemd[1]: Starting apt-daily.service - Daily apt download activities...",
    "systemd[1]: apt-daily.service: Deactivated successfully.",
    "systemd[1]: Finished logrotate.service - Rotate log files.",
    "systemd[1]: snapd.service: Watchdog timeout ignored",
    "systemd-timesyncd[400]: Contacted time server 192.0.2.8:123 (ntp.example).",
    "systemd[1]: Reloading requested from client PID 2201 ('systemctl')...",
    "systemd[1]: Reloading.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnWindow:
    """A healthy machine, what is expected of it, and what happened in its window."""

    number: int
    world: str
    state: MadeState
    expected: tuple[Expected | NetworkEntry, ...]
    held: tuple[str, ...]


def draw_window(seed: int, number: int) -> DrawnWindow:
    """The window of this number: the same for the same seed, whatever was drawn before."""
    rng = random.Random(f"{seed} window {number}")
    profile = PROFILES[rng.choice(sorted(PROFILES))]
    state = profile.make(rng)
    names = rng.sample(sorted(HAPPENINGS), rng.randint(LEAST, MOST))
    held = sorted(names, key=_ORDER.index)
    for name in held:
        HAPPENINGS[name](state, rng)
    return DrawnWindow(number=number, world=profile.name, state=state, expected=profile.expect(), held=tuple(held))


def _restart(state: MadeState, rng: random.Random) -> None:
    """An engine was restarted by its owner, minutes or hours ago: another process, the log of both runs."""
    for engine in state.engines:
        ago = rng.uniform(120.0, min(6 * 3600.0, state.booted_seconds - 60.0))
        before = [(moment, text) for moment, text in engine.log if moment > ago + 20]
        engine.age_seconds = ago
        after = start_lines(engine) + traffic_lines(engine, rng, 10, ago)
        engine.log = [*before, *stop_lines(engine, ago + 6), *after]
        if engine.unit is not None:
            words = f"{engine.unit.name} - Model server."
            state.journal += [
                (ago + 9, f"systemd[1]: Stopping {words}.."),
                (ago + 6, f"systemd[1]: Stopped {words}"),
                (ago, f"systemd[1]: Started {words}"),
            ]


def _upgrade(state: MadeState, rng: random.Random) -> None:
    """Packages were upgraded, the engine's own among them, and the engine was restarted right after."""
    ago = min(one.age_seconds for one in state.engines) + rng.uniform(5, 60)
    names = ["libc6:amd64 2.39-0ubuntu8.3 2.39-0ubuntu8.4", "curl:amd64 8.5.0-2ubuntu10.5 8.5.0-2ubuntu10.6"]
    names.append("vllm:amd64 0.31.0 0.32.0" if state.engines[0].flavour == "vllm" else "ollama:amd64 0.9.2 0.9.3")
    for name in names:
        state.packages.append((ago, f"{stamp(ago, '%Y-%m-%d %H:%M:%S')} upgrade {name}\n"))


def _reboot(state: MadeState, rng: random.Random) -> None:
    """The machine was started anew, and everything on it."""
    ago = rng.uniform(400.0, 5 * 3600.0)
    state.booted_seconds = ago
    state.kernel = [(ago - place * 0.5, text) for place, text in enumerate(rng.sample(_KERNEL[2:11], 5))]
    state.journal = []
    for place, engine in enumerate(state.engines):
        before = [(moment, text) for moment, text in engine.log if moment > ago + 60]
        engine.age_seconds = ago - 25.0 - place
        engine.log = [*before, *start_lines(engine), *traffic_lines(engine, rng, 8, ago - 30)]
        if engine.unit is not None:
            state.journal.append((engine.age_seconds, f"systemd[1]: Started {engine.unit.name} - Model server."))
    for one in state.processes:
        one.age_seconds = ago - 20.0


def _peak(state: MadeState, rng: random.Random) -> None:
    """Much is asked: hot cards at their power limit, full caches, requests that wait a little."""
    cards = []
    for card in state.machine.cards:
        total = card.memory_total_bytes or 24 * GIB
        used = int(total * rng.uniform(0.90, 0.955))
        mine = tuple(replace(one, used_bytes=used - GIB) for one in card.processes)
        heat, limit = rng.randint(68, 83), card.power_limit_milliwatts or 300_000
        cards.append(
            replace(
                card,
                utilisation_percent=rng.randint(93, 100),
                temperature_celsius=heat,
                power_milliwatts=int(limit * rng.uniform(0.93, 1.0)),
                throttle=rng.choice((0, AT_LIMIT)),
                memory_used_bytes=used,
                processes=mine,
            )
        )
    state.machine = replace(state.machine, cards=tuple(cards))
    for engine in state.engines:
        engine.log += traffic_lines(engine, rng, 120, WINDOW_SECONDS)
        engine.open_files_used += rng.randint(20, 400)
        engine.wire.running = rng.randint(1, 8)
    total = state.machine.memory_bytes
    state.memory_available_bytes = int(total * rng.uniform(0.12, 0.5))
    state.memory_pressure = (rng.uniform(0, 0.06), rng.uniform(0, 0.01))


def _idle(state: MadeState, rng: random.Random) -> None:
    """Nobody asks: cards at rest with low clocks and a narrow generation of their link, models let go."""
    cards = []
    for card in state.machine.cards:
        link = card.link and (1, card.link[1], card.link[2], card.link[3])
        cards.append(replace(card, utilisation_percent=0, throttle=rng.choice((IDLE, CHOSEN)), link=link))
    state.machine = replace(state.machine, cards=tuple(cards))
    for engine in state.engines:
        engine.log = [(moment, text) for moment, text in engine.log if moment > WINDOW_SECONDS / 2]
        if engine.runner:
            engine.runner = False
            engine.wire.models = tuple(replace(one, loaded=False) for one in engine.wire.models)


def _rotated(state: MadeState, rng: random.Random) -> None:
    """Logs were rotated: only the newest lines are left, without those of the start."""
    for engine in state.engines:
        engine.log = sorted(engine.log, key=_age)[: rng.randint(0, 25)]


def _warned(state: MadeState, rng: random.Random) -> None:
    """Engines complain of what is nobody's trouble."""
    for engine in state.engines:
        engine.log += warning_lines(engine, rng, rng.randint(2, 12), WINDOW_SECONDS)


def _kernel_talk(state: MadeState, rng: random.Random) -> None:
    """The kernel talks, and a program that is no engine was killed for memory hours ago."""
    for text in rng.sample(_KERNEL, rng.randint(1, 6)):
        state.kernel.append((rng.uniform(10, min(state.booted_seconds, DAY)), text))


def _manager_talk(state: MadeState, rng: random.Random) -> None:
    """Timers ran, units were read again."""
    for text in rng.sample(_JOURNAL, rng.randint(1, 5)):
        state.journal.append((rng.uniform(10, min(state.booted_seconds, DAY)), text))


def _filling(state: MadeState, rng: random.Random) -> None:
    """Disks are well used, and there is still room for models."""
    for disk in state.disks:
        disk.free_bytes = int(disk.total_bytes * rng.uniform(0.03, 0.3))
        disk.inodes_free = int(disk.inodes * rng.uniform(0.1, 0.9))


def _swapping(state: MadeState, rng: random.Random) -> None:
    """Old pages went to swap; nobody waits for them."""
    state.swap_used_bytes = int(state.swap_total_bytes * rng.uniform(0.05, 0.8))
    for engine in state.engines:
        engine.swapped_bytes = rng.randint(0, 60) * 1024**2


def _travelled(state: MadeState, rng: random.Random) -> None:
    """Months of traffic: some packets were dropped, as everywhere."""
    for link in state.links:
        link.packets = rng.randint(10**7, 10**9)
        link.drops = rng.randint(0, link.packets // 20_000)
        link.errors = rng.randint(0, 40)


def _neighbours(state: MadeState, rng: random.Random) -> None:
    """Other programs run beside, one with a little of a card's memory (a desktop)."""
    state.inotify_used = rng.randint(20, 600)
    if state.machine.cards and rng.random() < 0.5:
        first = state.machine.cards[0]
        used = (first.memory_used_bytes or 0) + 300_000_000
        state.machine = replace(state.machine, cards=(replace(first, memory_used_bytes=used), *state.machine.cards[1:]))


def _age(one: Logged) -> float:
    return one[0]


#: What may happen, by name; in the order in which it takes effect.
HAPPENINGS: dict[str, Callable[[MadeState, random.Random], None]] = {
    "reboot": _reboot,
    "restart": _restart,
    "upgrade": _upgrade,
    "load peak": _peak,
    "idle": _idle,
    "ordinary warnings": _warned,
    "rotated logs": _rotated,
    "kernel talk": _kernel_talk,
    "timers and reloads": _manager_talk,
    "disks well used": _filling,
    "old pages in swap": _swapping,
    "months of traffic": _travelled,
    "neighbours": _neighbours,
}
_ORDER = list(HAPPENINGS)
