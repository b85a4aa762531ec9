"""What the machine has: files as the kernel writes them, control groups of both versions."""

import subprocess
import sys
from pathlib import Path

import pytest

from inceptionkit.machine import cores, cpu_flags, facts, free_bytes, peak_bytes

INFINITE = float("inf")
NONE_V1 = "9223372036854771712"  # no limit, rounded down to pages
POD = "kubepods.slice/pod7"
HUNGRY = 2**30  # bytes
CHILD = "from inceptionkit.machine import peak_bytes; print(peak_bytes())"
PARENT = f"""
import subprocess, sys
held = bytearray({HUNGRY})
for at in range(0, len(held), 4096):
    held[at] = 1
subprocess.run([sys.executable, "-c", {CHILD!r}], check=True)
"""


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

    assert free_bytes(root) == left


def test_a_system_without_groups_limits_nothing(tmp_path: Path) -> None:
    assert free_bytes(tmp_path) == INFINITE


def test_the_group_counts_where_it_leaves_less_than_the_machine(tmp_path: Path) -> None:
    own = {"proc/self/cgroup": "0::/"} | v2("", "3000000", 400)
    root = put(tmp_path, {"proc/meminfo": "MemFree:  10 kB\nMemAvailable:  2048 kB"})

    assert free_bytes(root) == 2**21
    assert free_bytes(put(root, own)) == 2**21
    assert free_bytes(put(root, own | v2("", "4400", 400))) == 4000
    assert 2**20 < free_bytes() < INFINITE


def quota(group: str, text: str) -> dict[str, str]:
    return {f"sys/fs/cgroup/{group}/cpu.max": text}


def quota_v1(group: str, microseconds: str, period: str = "100000") -> dict[str, str]:
    folder = f"sys/fs/cgroup/cpu/{group}"
    return {
        f"{folder}/cpu.cfs_quota_us": microseconds,
        f"{folder}/cpu.cfs_period_us": period,
    }


@pytest.mark.parametrize(
    ("own", "groups", "count"),
    [
        ("0::/", quota("", "200000 100000"), 2),
        ("0::/", quota("", "150000 100000"), 2),
        ("0::/", quota("", "5000 100000"), 1),
        ("0::/", quota("", "9900000 100000"), 64),
        ("0::/", quota("", "max 100000"), 64),
        (f"0::/{POD}/c", quota(f"{POD}/c", "max 100000") | quota(POD, "400000 100000"), 4),
        (f"0::/{POD}/c", quota(f"{POD}/c", "100000 50000") | quota(POD, "400000 100000"), 2),
        ("3:cpu,cpuacct:/docker/c", quota_v1("docker/c", "300000"), 3),
        ("3:cpu,cpuacct:/docker/c", quota_v1("", "300000", "200000"), 2),
        ("3:cpu,cpuacct:/c", quota_v1("c", "-1"), 64),
        ("3:cpu:/c\n0::/", quota_v1("c", "100000"), 1),
        ("3:memory:/c", quota_v1("c", "100000"), 64),
        ("3:cpu:/c", {"sys/fs/cgroup/cpu/c/cpu.cfs_quota_us": "100000"}, 64),
        ("0::/", {}, 64),
    ],
    ids=[
        "a container's own view", "a part of a core", "less than a core", "more than there are",
        "no quota", "a group around it", "the narrowest", "version 1", "version 1 in a container",
        "version 1 without a quota", "both versions", "no controller of processors", "no period",
        "no files",
    ],
)  # fmt: skip
def test_cores_are_those_that_the_quota_pays_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: str, groups: dict[str, str], count: int
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(64)), raising=False)
    root = put(tmp_path, {"proc/self/cgroup": own} | groups)

    assert cores(root) == count


def test_a_quota_does_not_give_more_than_the_own_cores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {3}, raising=False)
    root = put(tmp_path, {"proc/self/cgroup": "0::/"} | quota("", "200000 100000"))

    assert cores(root) == 1


@pytest.mark.parametrize(
    ("said", "flags", "name"),
    [
        (
            "processor: 0\nmodel name\t: Some CPU @ 2\nflags\t\t: fpu avx2 avx_vnni\nflags: fpu\n",
            {"fpu", "avx2", "avx_vnni"},
            "Some CPU @ 2",
        ),
        ("Features\t: fp asimd asimddp bf16\n", {"fp", "asimd", "asimddp", "bf16"}, None),
        ("model name: flags of the world\n", set(), "flags of the world"),
        ("", set(), None),
    ],
    ids=["x86", "arm", "neither", "nothing"],
)  # fmt: skip
def test_the_processor_is_read_as_the_kernel_writes_it(
    tmp_path: Path, said: str, flags: set[str], name: str | None
) -> None:
    root = put(tmp_path, {"proc/cpuinfo": said})

    assert cpu_flags(root) == flags
    named = facts(root)["processor"]
    assert named == name if name else named


def test_a_system_without_the_file_says_nothing(tmp_path: Path) -> None:
    assert cpu_flags(tmp_path) == frozenset()
    assert facts(tmp_path)["processor"]
    assert peak_bytes(tmp_path)
    assert cores() >= 1


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts the starting process's")
def test_the_peak_is_not_that_of_the_process_which_started_this_one() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True, check=True
    )

    assert 2**23 < int(done.stdout) < HUNGRY
