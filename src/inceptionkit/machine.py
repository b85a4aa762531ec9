"""What the machine has: cores, the processor, memory, and what control groups leave of it."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import ceil, inf, nan
from pathlib import Path, PurePosixPath
from typing import TypeVar

ROOT = Path("/")  # where `proc` and `sys` are
BF16 = frozenset({"amx_bf16", "avx512_bf16", "bf16"})  # flags of processors that multiply in it
_TICK = 0.01  # seconds: the kernel's unit for the time of processes


def cores(root: Path = ROOT) -> int:
    """Processor cores that this process may use.

    A container often sees every core of its machine and may use each for a part of the time; its
    quota counts then, in whole cores, rounded up.
    """
    own = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    for group, kind in _groups(root, (_CPU_V1, _CPU_V2)):
        try:
            words = " ".join((group / name).read_text("ascii") for name in kind.quota).split()
        except (OSError, ValueError):  # another version's, or not to be seen in a container
            continue
        quota, period, *_ = [*words, "", ""]
        if quota.isdigit() and period.isdigit() and int(period):
            own = min(own, max(1, ceil(int(quota) / int(period))))
    return own


def launched(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether torchrun, or something like it, started several processes."""
    return int(environment.get("WORLD_SIZE", "1")) > 1 and "RANK" in environment


def facts(root: Path = ROOT) -> dict[str, str | int | None]:
    """The machine as a record keeps it; the processor's name as far as the system says it."""
    system = f"{platform.system()} {platform.machine()}"
    named = _line(root / "proc/cpuinfo", "model name") or platform.processor()
    return {"system": system, "processor": named or platform.machine(), "cores": os.cpu_count()}


def cpu_flags(root: Path = ROOT) -> frozenset[str]:
    """What the processor can do, in the kernel's words; empty where it does not say."""
    file = root / "proc/cpuinfo"
    return frozenset((_line(file, "flags") or _line(file, "Features")).split())


def peak_bytes(root: Path = ROOT) -> int | None:
    """Most memory this process has held; None where the system does not say.

    On Linux `getrusage` would not do: its peak includes that of the process which started this one.
    """
    if held := _line(root / "proc/self/status", "VmHWM"):
        return 1024 * int(held.split()[0])
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def busy_elsewhere(root: Path = ROOT) -> float:
    """Core-seconds that other processes have taken since the machine started; NaN if unknown."""
    name, *ticks = _text(root / "proc/stat").partition("\n")[0].split()[:8] or [""]
    if name != "cpu" or len(ticks) < 7:
        return nan
    user, nice, system, _, _, interrupts, soft = map(int, ticks[:7])
    own = os.times()
    return (user + nice + system + interrupts + soft) * _TICK - own.user - own.system


def free_bytes(root: Path = ROOT) -> float:
    """Memory that this process can still take without swapping; infinite where nothing says.

    A control group may leave less than the machine has; the tightest around the process counts.
    """
    available = _line(root / "proc/meminfo", "MemAvailable")
    free = 1024.0 * int(available.split()[0]) if available else inf
    for group, files in _groups(root, (_MEMORY_V1, _MEMORY_V2)):
        limit = _text(group / files.limit).strip()
        if limit.isdigit():
            pairs = (line.split() for line in _text(group / "memory.stat").splitlines())
            cached = sum(int(count) for name, count in pairs if name in files.cached)
            left = int(limit) - int(_text(group / files.used) or 0) + cached
            free = min(free, max(0.0, float(left)))
    return free


@dataclass(frozen=True, slots=True, kw_only=True)
class _Controller:
    """Where a version of control groups keeps what it knows of something."""

    name: str  # in /proc/self/cgroup
    mount: str  # folder of the outermost group


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cpu(_Controller):
    quota: tuple[str, ...]  # files with microseconds, or no number, and of how many


@dataclass(frozen=True, slots=True, kw_only=True)
class _Memory(_Controller):
    limit: str  # bytes, or "max"
    used: str  # bytes
    cached: tuple[str, str]  # lines of memory.stat: files in memory, which are given up for others


_CPU_V1 = _Cpu(
    name="cpu", mount="sys/fs/cgroup/cpu", quota=("cpu.cfs_quota_us", "cpu.cfs_period_us")
)
_CPU_V2 = _Cpu(name="", mount="sys/fs/cgroup", quota=("cpu.max",))
_MEMORY_V1 = _Memory(
    name="memory",
    mount="sys/fs/cgroup/memory",
    limit="memory.limit_in_bytes",
    used="memory.usage_in_bytes",
    cached=("total_active_file", "total_inactive_file"),
)
_MEMORY_V2 = _Memory(
    name="",
    mount="sys/fs/cgroup",
    limit="memory.max",
    used="memory.current",
    cached=("active_file", "inactive_file"),
)
_Kind = TypeVar("_Kind", bound=_Controller)


def _groups(root: Path, kinds: Iterable[_Kind]) -> Iterator[tuple[Path, _Kind]]:
    """The groups that may limit this process; in a container some cannot be seen."""
    own_groups = root / "proc/self/cgroup"
    lines = own_groups.read_text("utf-8", "replace").splitlines() if own_groups.exists() else []
    for line in lines:
        _, controllers, own = line.split(":", 2)
        inner = PurePosixPath(own).relative_to("/")
        for kind in kinds:
            if kind.name in controllers.split(","):
                for group in (inner, *inner.parents):
                    yield root / kind.mount / group, kind


def _line(path: Path, key: str) -> str:
    """What the first line `key: ...` of a file of the kernel says; "" without one."""
    pairs = (line.partition(":") for line in _text(path).splitlines())
    return next((words.strip() for name, _, words in pairs if name.strip() == key), "")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
