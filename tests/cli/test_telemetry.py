"""Nothing is sent anywhere, and nothing is written but where the documentation says."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

SWITCHES = ("ORT_DISABLE_TELEMETRY", "HF_HUB_DISABLE_TELEMETRY", "DO_NOT_TRACK")
LINGER = 3  # seconds: ONNX Runtime looks its maker's host up after a while

VERBS = """
train digits --arch compact --input 8 --epochs 1 batch=64 --out run
resume run
evaluate run digits
export run --to onnx --out onnx
export run --out openvino
export run --to torch --out torch
export run --precision int8 --data digits --max-drop 99 --out int8
bench run --ours
check PHOTOS --out page.html
architectures
list
describe compact --rules --draw drawing.svg
design --cost 1MMAC --input-size 32
recipes
predict run PHOTOS
predict onnx PHOTOS
predict openvino PHOTOS
predict torch PHOTOS
explain run PHOTOS
report run
compare run run
prune run --at exit1
convert THEIRS converted
"""
RUN = f"""
import sys
from time import sleep
from inceptionkit.cli import main

for line in sys.argv[1].split("\\n"):
    assert main(line.split()) == 0, line
sleep({LINGER})
"""
CALLS = "connect,sendto,sendmsg,sendmmsg,open,openat,creat,mkdir,mkdirat,rename,renameat,renameat2"


def in_a_fresh_home(
    place: Path, verbs: str, before: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    """Run verbs in a process that has never been here, below `place`."""
    for name in ("home", "tmp", "work"):
        (place / name).mkdir()
    known = {k: v for k, v in os.environ.items() if k not in SWITCHES and k[:4] != "XDG_"}
    return subprocess.run(
        [*before, sys.executable, "-B", "-c", RUN, verbs.strip()],
        cwd=place / "work",
        env=known | {"HOME": str(place / "home"), "TMPDIR": str(place / "tmp")},
        capture_output=True,
        text=True,
        check=False,
    )


def strangers(home: Path) -> list[Path]:
    """Files in a home that are not in our own cache folder."""
    own = home / ".cache" / "inceptionkit"
    return [path for path in home.rglob("*") if path.is_file() and own not in path.parents]


@pytest.mark.slow
def test_onnx_runtime_keeps_no_number_of_this_machine(
    tiny_model: Path, photo: Path, tmp_path: Path
) -> None:
    pytest.importorskip("onnxruntime")
    verbs = f"export {tiny_model} --to onnx --out onnx\npredict onnx {photo}"

    assert in_a_fresh_home(tmp_path, verbs).returncode == 0
    assert strangers(tmp_path / "home") == []


def test_what_the_user_chose_stays() -> None:
    code = "import inceptionkit, os; print(os.environ['ORT_DISABLE_TELEMETRY'])"
    words = [sys.executable, "-c", code]
    chosen = os.environ | {"ORT_DISABLE_TELEMETRY": "0"}

    assert subprocess.check_output(words, env=chosen, text=True) == "0\n"


def written(trace: str) -> set[str]:
    """Absolute paths that were opened for writing, made or renamed."""
    lines = [line for line in trace.splitlines() if "= -1" not in line]
    changing = re.compile(r"O_WRONLY|O_RDWR|O_CREAT|\b(?:creat|mkdir|mkdirat|rename\w*)\(")
    return {p for line in lines if changing.search(line) for p in re.findall(r'"(/[^"]*)"', line)}


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_no_verb_sends_anything_or_writes_elsewhere(
    photos: Callable[..., Path], theirs: Path, tmp_path: Path
) -> None:
    for name in ("onnxruntime", "openvino", "nncf"):
        pytest.importorskip(name)
    strace = shutil.which("strace")
    if strace is None or subprocess.run([strace, "-qq", "true"], check=False).returncode:
        pytest.skip("strace is not there, or may not be used here")
    verbs = VERBS.replace("PHOTOS", str(photos())).replace("THEIRS", str(theirs))
    log = tmp_path / "trace"
    tracing = (strace, "-f", "-qq", "--seccomp-bpf", "-e", f"trace={CALLS}", "-o", str(log))
    done = in_a_fresh_home(tmp_path, verbs, tracing)
    trace = log.read_text()

    assert done.returncode == 0, done.stderr
    assert not re.findall(r".*AF_INET6?\b.*", trace)
    assert strangers(tmp_path / "home") == []
    places = (str(tmp_path), "/dev/", "/proc/", "/sys/")
    assert [path for path in sorted(written(trace)) if not path.startswith(places)] == []
