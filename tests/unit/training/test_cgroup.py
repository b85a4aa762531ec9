"""What control groups leave: their files as the kernel writes them, of both versions."""

from pathlib import Path

import pytest

from inceptionkit.training.cgroup import bytes_left

INFINITE = float("inf")
NONE_V1 = "9223372036854771712"  # no limit, rounded down to pages
POD = "kubepods.slice/pod7"


def put(root: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content + "\n")
    return root


def v2(group: str, limit: str, used: int, cached: int = 0) -> dict[str, str]:
    stat = f"anon 7\nfile 99\nactive_file {cached // 4}\ninactive_file {cached - cached // 4}"
    folder = f"sys/fs/cgroup/{group}"
    return {
        f"{folder}/memory.max": limit,
        f"{folder}/memory.current": str(used),
        f"{folder}/memory.stat": stat,
    }


def v1(group: str, limit: str, used: int, cached: int = 0) -> dict[str, str]:
    stat = f"active_file 0\ntotal_active_file 0\ntotal_inactive_file {cached}"
    folder = f"sys/fs/cgroup/memory/{group}"
    return {
        f"{folder}/memory.limit_in_bytes": limit,
        f"{folder}/memory.usage_in_bytes": str(used),
        f"{folder}/memory.stat": stat,
    }


@pytest.mark.parametrize(
    ("own", "groups", "left"),
    [
        ("0::/", v2("", "1000", 400), 600),
        ("0::/", v2("", "1000", 1000, cached=300), 300),
        ("0::/", v2("", "1000", 1200), 0),
        ("0::/", v2("", "max", 400), INFINITE),
        (f"0::/{POD}/c", v2(f"{POD}/c", "max", 1) | v2(POD, "1000", 900), 100),
        (f"0::/{POD}/c", v2(f"{POD}/c", "500", 450) | v2(POD, "1000", 900), 50),
        ("0::/../other", v2("", "1000", 400), 600),
        ("4:cpu,memory:/docker/c", v1("docker/c", "1000", 400, cached=100), 700),
        ("4:memory:/docker/c", v1("", "1000", 400), 600),
        ("4:memory:/docker/c", v1("docker/c", NONE_V1, 400), float(int(NONE_V1) - 400)),
        ("9:name=systemd:/\n4:memory:/c\n0::/", v1("c", "1000", 1), 999),
        ("1:cpu:/c", v1("c", "1000", 1), INFINITE),
        ("0::/", {}, INFINITE),
    ],
    ids=[
        "a container's own view", "files are given up", "over the limit", "no limit",
        "a group around it", "the narrowest", "beside the view", "version 1",
        "version 1 in a container", "version 1 without a limit", "both versions",
        "no controller of memory", "no files",
    ],
)  # fmt: skip
def test_the_tightest_group_counts(
    tmp_path: Path, own: str, groups: dict[str, str], left: float
) -> None:
    root = put(tmp_path, {"proc/self/cgroup": own} | groups)

    assert bytes_left(root) == left


def test_a_system_without_groups_limits_nothing(tmp_path: Path) -> None:
    assert bytes_left(tmp_path) == INFINITE
