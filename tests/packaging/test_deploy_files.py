"""What people copy to run the server: each file is read by the program that it is for."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

DEPLOY = Path(__file__).parents[2] / "docs" / "deploy"
TOOLS = Path(sys.executable).parent


def ran(*words: str | Path) -> str:
    done = subprocess.run([*map(str, words)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize("name", ["kubernetes.yaml", "kubernetes-serve.yaml"])
def test_kubernetes_knows_every_key(name: str) -> None:
    pytest.importorskip("kubernetes_validate", reason="kubernetes-validate is not installed")

    ran(TOOLS / "kubernetes-validate", "--strict", DEPLOY / name)


def test_hadolint_finds_nothing_in_the_dockerfile() -> None:
    tool = TOOLS / "hadolint"
    if not tool.exists():
        pytest.skip("hadolint is not installed")

    assert ran(tool, "--no-color", DEPLOY / "Dockerfile").strip() == ""


def test_the_dockerfile_copies_what_the_build_needs() -> None:
    copied = [
        word
        for line in (DEPLOY / "Dockerfile").read_text().splitlines()
        if line.startswith("COPY ") and "--from" not in line
        for word in line.split()[1:-1]
    ]

    assert all((DEPLOY.parents[1] / word).exists() for word in copied)


def test_systemd_reads_the_unit_and_finds_it_well_guarded(tmp_path: Path) -> None:
    tool = shutil.which("systemd-analyze")
    if tool is None:
        pytest.skip("systemd-analyze is not installed")
    unit = tmp_path / "inceptionkit.service"
    text = (DEPLOY / "inceptionkit.service").read_text()
    unit.write_text(text.replace("/opt/inceptionkit/bin/inceptionkit", sys.executable))

    assert "inceptionkit.service:" not in ran(tool, "verify", "--man=no", unit)
    report = ran(tool, "security", "--offline=true", "--threshold=25", unit)
    assert "OK" in report


def test_nginx_reads_its_part(tmp_path: Path) -> None:
    tool = shutil.which("nginx")
    if tool is None:
        pytest.skip("nginx is not installed")
    part = (DEPLOY / "nginx.conf").read_text().replace("443 ssl", "127.0.0.1:8443")
    lines = [line for line in part.splitlines() if "ssl_" not in line and "http2" not in line]
    whole = tmp_path / "nginx.conf"
    inner = "\n".join(lines)
    whole.write_text(
        f"pid {tmp_path}/pid;\nerror_log {tmp_path}/log;\nevents {{}}\nhttp {{\n"
        f"access_log off;\nclient_body_temp_path {tmp_path}/a;\nproxy_temp_path {tmp_path}/b;\n"
        f"fastcgi_temp_path {tmp_path}/c;\nuwsgi_temp_path {tmp_path}/d;\n"
        f"scgi_temp_path {tmp_path}/e;\n{inner}\n}}\n"
    )

    ran(tool, "-t", "-c", whole, "-p", tmp_path)
