"""Two processes compute what one does, share the scoring, and go on after one was lost.

They are started by torchrun, as a user starts them, and talk over the loopback device.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load

from inceptionkit.catalog import architecture
from inceptionkit.derive.design.scale import widened
from inceptionkit.network import build
from inceptionkit.spec import Dropout, GlobalPool, Linear, Net, to_json
from inceptionkit.spec.edit import rewrite
from inceptionkit.training.distributed import Processes, synchronize_norms
from inceptionkit.training.recipe import MODERN

Start = Callable[..., list[str]]
TORCHRUN = (sys.executable, "-m", "torch.distributed.run")
ALONE = (sys.executable, "-m", "inceptionkit")
TWO = (*TORCHRUN, "--standalone", "--nproc-per-node=2", "-m", "inceptionkit")
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}


@pytest.fixture
def plain(tiny: Net, tmp_path: Path) -> Path:
    """The tiny network without norms, with dropout in the head, as a file."""

    def bare(op: object) -> object:
        return replace(op, norm=None, bias=True) if getattr(op, "norm", None) else op

    trunk = tuple((name, rewrite(block, bare)) for name, block in tiny.trunk)
    head = (GlobalPool(), Dropout(0.4), Linear(10, classifier=True))
    return written(replace(tiny, trunk=trunk, head=head, image=(3, 12, 12)), tmp_path)


def written(net: Net, folder: Path) -> Path:
    path = folder / f"{net.name}.json"
    path.write_text(json.dumps(to_json(net)))
    return path


def words(data: Path | str, net: Path, *more: str) -> list[str]:
    fixed = ("--device", "cpu", "--quiet")
    return ["train", str(data), "--arch", str(net), *fixed, *more]


def run(launcher: tuple[str, ...], command: list[str], folder: Path) -> None:
    done = subprocess.run(
        [*launcher, *command],
        cwd=folder,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def log(run: Path, key: str) -> np.ndarray:
    return np.array(
        [json.loads(line)[key] for line in (run / "log.jsonl").read_text().splitlines()]
    )


def momenta(run: Path) -> dict[str, torch.Tensor]:
    newest = max((run / "checkpoints").glob("*.safetensors"))
    tensors = load(newest.read_bytes()[64:])
    return {name: v for name, v in tensors.items() if name.startswith("optimizer.")}


def same_scores(one: Path, two: Path) -> None:
    """Every image once, with the same probability to what the file holds."""
    assert (one / "predictions.csv").read_text() == (two / "predictions.csv").read_text()


FAST = (
    *("optimizer=muon", "lr=0.02", "sgd_lr=0.1", "average=lookahead", "identity=true"),
    *("first_layer=whitened", "bias_share=0.5"),
)


@pytest.mark.slow
@pytest.mark.parametrize("recipe", [("lr=0.2",), FAST], ids=["sgd", "fast"])
def test_two_processes_compute_what_one_does(
    plain: Path, photos: Callable, tmp_path: Path, recipe: tuple[str, ...]
) -> None:
    """63 updates of 7 images, an odd number, in two parts; in float64.

    With dropout, mixed in both ways, and the losses of classes of unequal size weighed.
    """
    data = photos(("dark", "grey", "light"), each=34)
    for path in sorted((data / "dark").iterdir())[:20]:
        path.unlink()
    usual = ("--precision", "fp64", "--epochs", "7", "batch=7", *recipe, "lr_batch=7", "mixup=0.2")
    more = ("cutmix=1.0", "balance=loss", "grad_accum=2", "clip_grad_norm=1", "crop_side=1")
    command = words(data, plain, *usual, *more)
    run(ALONE, [*command, "--out", "one"], tmp_path)
    run(TWO, [*command, "--out", "two"], tmp_path)
    one, two = (log(tmp_path / name, "loss") for name in ("one", "two"))

    assert len(one) >= 50
    assert np.abs(one - two).max() < 1e-9
    assert np.ptp(one) > 0.1, "it learns nothing, so that nothing was compared"
    same_scores(tmp_path / "one", tmp_path / "two")


@pytest.mark.slow
def test_the_gradients_of_the_first_update_agree_in_float32(
    plain: Path, photos: Callable, tmp_path: Path
) -> None:
    """One update of all images; without decay the momentum after it is the gradient."""
    data = photos(("dark", "grey", "light"), each=10)
    usual = ("--precision", "fp32", "--epochs", "1", "batch=1000", "weight_decay=0")
    command = words(data, plain, *usual)
    run(ALONE, [*command, "--out", "one"], tmp_path)
    run(TWO, [*command, "--out", "two"], tmp_path)
    one, two = (momenta(tmp_path / name) for name in ("one", "two"))

    assert one.keys() == two.keys()
    for name, gradient in one.items():
        assert (gradient - two[name]).norm() <= 1e-5 * gradient.norm(), name


@pytest.mark.slow
def test_two_processes_find_the_learning_rate_that_one_finds(
    plain: Path, photos: Callable, tmp_path: Path
) -> None:
    data = photos(("dark", "grey", "light"), each=20)
    command = words(data, plain, "--precision", "fp64", "--epochs", "1", "--find-lr", "batch=8")
    run(ALONE, [*command, "--out", "one"], tmp_path)
    run(TWO, [*command, "--out", "two"], tmp_path)
    one, two = (json.loads((tmp_path / name / "run.json").read_text()) for name in ("one", "two"))

    assert one["recipe"]["optimizer"]["lr"] == two["recipe"]["optimizer"]["lr"]
    assert one["recipe"]["optimizer"]["lr"] != MODERN.optimizer.lr


@pytest.mark.slow
def test_googlenet_of_the_paper_in_two_processes(tmp_path: Path) -> None:
    """An eighth of its width, for images of 80 px, the smallest that both exits take."""
    net = widened(architecture("googlenet", classes=10, input=80), 1 / 8)
    assert [e.name for e in net.exits] == ["aux1", "aux2"]
    settings = ("--recipe", "googlenet_2014", "--precision", "fp64", "--epochs", "3", "batch=64")
    command = words("digits", written(net, tmp_path), "--input", "80", *settings)
    run(ALONE, [*command, "--out", "one"], tmp_path)
    run(TWO, [*command, "--out", "two"], tmp_path)
    one, two = (log(tmp_path / name, "loss") for name in ("one", "two"))

    assert len(one) >= 50
    assert np.abs(one - two).max() < 1e-9


@pytest.fixture
def torchruns() -> Iterator[Callable[..., subprocess.Popen]]:
    """Starts processes that are ended with the test."""
    started: list[subprocess.Popen] = []

    def start(*command: str, folder: Path) -> subprocess.Popen:
        log = (folder / f"torchrun-{len(started)}.log").open("w")
        started.append(
            subprocess.Popen(command, cwd=folder, env=ENVIRONMENT, stdout=log, stderr=log)
        )
        log.close()
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            process.terminate()
            process.wait(30)


def children(process: subprocess.Popen) -> list[int]:
    text = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
    return [int(pid) for pid in text.split()]


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="the system has no /proc")
def test_one_process_is_lost_and_torchrun_starts_them_again(
    tiny: Net, photos: Callable, tmp_path: Path, torchruns: Callable
) -> None:
    """The same command goes on with its run, whose folder the first process had named."""
    data = photos(("dark", "grey", "light"), each=34)
    net = written(tiny, tmp_path)
    settings = ("--precision", "fp64", "--epochs", "40", "batch=8", "mixup=0.2", "norm_batches=2")
    command = words(data, net, *settings)
    run(TWO, [*command, "--out", "whole"], tmp_path)
    again = (
        *TORCHRUN,
        "--standalone",
        "--nproc-per-node=2",
        "--max-restarts=2",
        "-m",
        "inceptionkit",
    )
    process = torchruns(*again, *command, folder=tmp_path)
    cut = tmp_path / "runs" / "photos-tiny-001"
    wait_for((cut / "log.csv").exists, process)
    os.kill(children(process)[1], signal.SIGKILL)

    code, said = process.wait(240), (tmp_path / "torchrun-0.log").read_text()
    assert code == 0, said
    assert "a defect of inceptionkit" not in said
    assert len(list((tmp_path / "runs").iterdir())) == 1
    for name in ("model/model.safetensors", "log.jsonl", "predictions.csv"):
        assert (cut / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name


@pytest.mark.slow
@pytest.mark.parametrize("where", [(), ("--out", "runs/named")], ids=["numbered", "named"])
def test_a_process_is_lost_at_the_very_end_and_the_run_ends_where_it_was(
    tiny: Net, photos: Callable, tmp_path: Path, where: tuple[str, ...]
) -> None:
    data = photos(("dark", "grey", "light"), each=10)
    command = words(data, written(tiny, tmp_path), "--epochs", "1", "batch=8", *where)
    lost = str(Path(__file__).parents[1] / "support" / "lost_at_the_end.py")
    again = (*TORCHRUN, "--standalone", "--nproc-per-node=2", "--max-restarts=1", lost)
    run(again, command, tmp_path)
    (found,) = (tmp_path / "runs").iterdir()

    assert (found / "report.html").exists()
    assert json.loads((found / "run.json").read_text())["result"]["epochs"] == 1


@pytest.mark.slow
def test_a_run_of_two_processes_is_resumed_by_one(
    tiny: Net, photos: Callable, tmp_path: Path, torchruns: Callable
) -> None:
    """SIGTERM ends torchrun; checkpoints do not depend on the number of processes."""
    data = photos(("dark", "grey", "light"), each=34)
    command = words(data, written(tiny, tmp_path), "--epochs", "40", "batch=8", "--out", "run")
    process = torchruns(*TWO, *command, folder=tmp_path)
    wait_for((tmp_path / "run" / "log.csv").exists, process)
    process.terminate()
    process.wait(60)
    said = (tmp_path / "torchrun-0.log").read_text()
    run(ALONE, ["resume", "run", "--quiet"], tmp_path)

    assert "resume with: the same torchrun command" in said
    assert json.loads((tmp_path / "run" / "run.json").read_text())["result"]["epochs"] == 40


@pytest.mark.slow
def test_two_hosts_on_the_loopback_device(
    plain: Path, photos: Callable, tmp_path: Path, torchruns: Callable
) -> None:
    """Two torchruns that meet at an address, as those of two machines do."""
    data = photos(("dark", "grey", "light"), each=34)
    command = words(data, plain, "--precision", "fp64", "--epochs", "1", "batch=8", "--out", "run")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        meet = f"127.0.0.1:{free.getsockname()[1]}"
    hosts = [
        torchruns(
            *TORCHRUN, "--nnodes=2", "--nproc-per-node=1", f"--node-rank={rank}",
            "--rdzv-backend=c10d", f"--rdzv-endpoint={meet}", "--rdzv-id=test",
            f"--local-addr=127.0.0.{rank + 1}", "-m", "inceptionkit", *command, folder=tmp_path,
        )
        for rank in range(2)
    ]  # fmt: skip

    assert [host.wait(200) for host in hosts] == [0, 0]
    assert json.loads((tmp_path / "run" / "run.json").read_text())["processes"] == 2


def wait_for(happened: Callable[[], bool], process: subprocess.Popen, seconds: float = 90) -> None:
    until = time.monotonic() + seconds
    while not happened():
        assert process.poll() is None, "it ended too early"
        assert time.monotonic() < until, "it did not begin"
        time.sleep(0.02)


def test_parts_cover_everything_once_in_whole_pieces() -> None:
    for count in (0, 1, 7, 128, 129, 1000):
        for processes in (1, 2, 3, 5):
            for whole in (1, 128):
                parts = [
                    Processes(r, processes).shard(count, whole=whole) for r in range(processes)
                ]

                assert [i for part in parts for i in range(count)[part]] == list(range(count))
                assert all(part.start % whole == 0 or part.start == count for part in parts)


@pytest.mark.parametrize("name", ["googlenet:bn", "inception_v3:keras"])
def test_synchronized_norms_have_the_tensors_of_plain_ones(name: str) -> None:
    """The second has no gammas. What they compute takes GPUs to see."""
    model = build(architecture(name, classes=5))
    before = dict(model.state_dict())
    parameters = [id(p) for p in model.parameters()]
    synchronize_norms(model)
    after = model.state_dict()

    assert list(after) == list(before)
    assert all(after[n].data_ptr() == before[n].data_ptr() for n in before)
    assert sorted(map(id, model.parameters())) == sorted(parameters)
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in model.modules())
