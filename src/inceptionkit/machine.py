"""What the machine has: cores, the processor, memory, and what control groups leave of it."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import inf, nan
from pathlib import Path, PurePosixPath

ROOT = Path("/")  # where `proc` and `sys` are
BF16 = frozenset({"amx_bf16", "avx512_bf16", "bf16"})  # flags of processors that multiply in it
_TICK = 0.01  # seconds: the kernel's unit for the time of processes


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def launched(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether torchrun, or something like it, started several processes."""
    return int(environment.get("WORLD_SIZE", "1")) > 1 and "RANK" in environment


def facts() -> dict[str, str | int | None]:
    """The machine as a record keeps it."""
    system = f"{platform.system()} {platform.machine()}"
    return {"system": system, "processor": processor(), "cores": os.cpu_count()}


def processor(root: Path = ROOT) -> str:
    """Name of the processor, as far as the system says it."""
    return _line(root / "proc/cpuinfo", "model name") or platform.processor() or platform.machine()


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
    for group, files in _groups(root):
        limit = _text(group / files.limit).strip()
        if limit.isdigit():
            pairs = (line.split() for line in _text(group / "memory.stat").splitlines())
            cached = sum(int(count) for name, count in pairs if name in files.cached)
            left = int(limit) - int(_text(group / files.used) or 0) + cached
            free = min(free, max(0.0, float(left)))
    return free


@dataclass(frozen=True, slots=True)
class _Files:
    """Where a version of control groups keeps what it knows of memory."""

    controller: str  # how /proc/self/cgroup names it
    mount: str  # folder of the outermost group
    limit: str  # bytes, or "max"
    used: str  # bytes
    cached: tuple[str, str]  # lines of memory.stat: files in memory, which are given up for others


_V1 = _Files(
    controller="memory",
    mount="sys/fs/cgroup/memory",
    limit="memory.limit_in_bytes",
    used="memory.usage_in_bytes",
    cached=("total_active_file", "total_inactive_file"),
)
_V2 = _Files(
    controller="",
    mount="sys/fs/cgroup",
    limit="memory.max",
    used="memory.current",
    cached=("active_file", "inactive_file"),
)


def _groups(root: Path) -> Iterator[tuple[Path, _Files]]:
    """The groups that may limit this process; in a container some cannot be seen."""
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, controllers, own = line.split(":", 2)
        inner = PurePosixPath(own).relative_to("/")
        for files in (_V1, _V2):
            if files.controller in controllers.split(","):
                for group in (inner, *inner.parents):
                    yield root / files.mount / group, files


def _line(path: Path, key: str) -> str:
    """What the first line `key: ...` of a file of the kernel says; "" without one."""
    pairs = (line.partition(":") for line in _text(path).splitlines())
    return next((words.strip() for name, _, words in pairs if name.strip() == key), "")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
