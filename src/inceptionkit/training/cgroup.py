"""What the control groups of this process leave it of memory: a container may take no more."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath


@dataclass(frozen=True, slots=True)
class Files:
    """Where a version of control groups keeps what it knows of memory."""

    controller: str  # how /proc/self/cgroup names it
    mount: str  # folder of the outermost group
    limit: str  # bytes, or "max"
    used: str  # bytes
    cached: tuple[str, str]  # lines of memory.stat: files in memory, which are given up for others


V1 = Files(
    controller="memory",
    mount="sys/fs/cgroup/memory",
    limit="memory.limit_in_bytes",
    used="memory.usage_in_bytes",
    cached=("total_active_file", "total_inactive_file"),
)
V2 = Files(
    controller="",
    mount="sys/fs/cgroup",
    limit="memory.max",
    used="memory.current",
    cached=("active_file", "inactive_file"),
)


def bytes_left(root: Path = Path("/")) -> float:
    """Memory that the process's own group and those around it leave; infinite without a limit.

    Args:
        root: where `proc` and `sys` are.
    """
    return min((left_in(group, files) for group, files in groups(root)), default=float("inf"))


def groups(root: Path) -> Iterator[tuple[Path, Files]]:
    """The groups that may limit this process; in a container some cannot be seen."""
    for line in text(root / "proc/self/cgroup").splitlines():
        _, controllers, own = line.split(":", 2)
        inner = PurePosixPath(own).relative_to("/")
        for files in (V1, V2):
            if files.controller in controllers.split(","):
                for group in (inner, *inner.parents):
                    yield root / files.mount / group, files


def left_in(group: Path, files: Files) -> float:
    """Memory that one group leaves; infinite where it has no limit, or is not there."""
    limit = text(group / files.limit).strip()
    if not limit.isdigit():
        return float("inf")
    pairs = (line.split() for line in text(group / "memory.stat").splitlines())
    cached = sum(int(count) for name, count in pairs if name in files.cached)
    return max(0.0, float(int(limit) - int(text(group / files.used) or 0) + cached))


def text(path: Path) -> str:
    """What a file says; nothing if it is not there."""
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
