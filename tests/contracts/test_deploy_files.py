"""Files that the pages offer for batch systems: their syntax."""

import shutil
import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "docs" / "deploy"


def test_the_slurm_script_is_sound() -> None:
    path = FOLDER / "slurm.sbatch"
    done = subprocess.run(
        [shutil.which("bash") or "bash", "-n", str(path)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    lines = path.read_text().splitlines()
    options = [line for line in lines if line.startswith("#SBATCH ")]

    assert done.returncode == 0, done.stderr
    assert lines[0] == "#!/bin/bash"
    assert lines[1 : 1 + len(options)] == options, "Slurm reads them before the first command"
    assert all(line.removeprefix("#SBATCH ").startswith("--") for line in options)
    srun = next(i for i, line in enumerate(lines) if line.startswith("srun "))
    cores = 'export SRUN_CPUS_PER_TASK="$SLURM_CPUS_PER_TASK"'
    assert any(line.startswith(cores) for line in lines[:srun]), "srun inherits no cores"


def test_the_kubernetes_file_is_sound() -> None:
    """Also what its parts have to agree in: names, mounts, number of pods."""
    yaml = pytest.importorskip("yaml", reason="needs PyYAML: pip install PyYAML")
    service, job = yaml.safe_load_all((FOLDER / "kubernetes.yaml").read_text())
    pod = job["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    command = container["command"]

    assert (service["kind"], job["kind"]) == ("Service", "Job")
    assert pod["subdomain"] == service["metadata"]["name"]
    assert service["spec"]["selector"] == {"job-name": job["metadata"]["name"]}
    assert service["spec"]["publishNotReadyAddresses"] is True, "pods meet before they are ready"
    assert f"--nnodes={job['spec']['completions']}" in command
    assert f"--nproc-per-node={container['resources']['limits']['nvidia.com/gpu']}" in command
    assert {m["name"] for m in container["volumeMounts"]} == {v["name"] for v in pod["volumes"]}
    assert all(isinstance(word, str) for word in command)
    assert all(isinstance(entry["value"], str) for entry in container["env"])
