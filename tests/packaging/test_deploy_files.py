"""What people copy to run the server: each file is read by the program that it is for."""

import getpass
import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import Any
from zipfile import ZipFile

import pytest
from pages import blocks, commands
from served import free_port, png, serving

from inceptionkit.serving.server import _KEEP_ALIVE

DOCS = Path(__file__).parents[2] / "docs"
DEPLOY = DOCS / "deploy"
PAGE = DOCS / "how-to" / "deploy.md"
TOKEN = "of-at-least-16-characters"  # noqa: S105 - of the server of the tests
HOST = "images.example.org"
FOLDERS = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")  # nginx keeps files for each
CLIENT = ("-H", f"Authorization: Bearer {TOKEN}", "-H", "X-Forwarded-For: 203.0.113.9")
TOOLS = Path(sys.executable).parent


def ran(*words: str | Path) -> str:
    done = subprocess.run([*map(str, words)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def needed(name: str) -> str:
    tool = shutil.which(name)
    if tool is None:
        pytest.skip(f"{name} is not installed")
    return tool


def written(language: str) -> list[str]:
    """The blocks of the page in a language."""
    return [block.text for block in blocks(PAGE) if block.language == language]


def typed(program: str) -> list[list[str]]:
    """The commands of a program on the page."""
    lines = [line for block in blocks(PAGE) if block.language == "sh" for line in commands(block)]
    return [words for words in map(shlex.split, lines) if words[0] == program]


@pytest.mark.parametrize("name", ["kubernetes.yaml", "kubernetes-serve.yaml"])
def test_kubernetes_knows_every_key(name: str) -> None:
    pytest.importorskip("kubernetes_validate", reason="kubernetes-validate is not installed")

    ran(TOOLS / "kubernetes-validate", "--strict", DEPLOY / name)


def test_kubernetes_knows_every_key_of_the_pod_for_kserve(tmp_path: Path) -> None:
    """KServe makes a pod of its predictor; that of kubernetes-serve.yaml serves the same."""
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
    pytest.importorskip("kubernetes_validate", reason="kubernetes-validate is not installed")
    service = yaml.safe_load((DEPLOY / "kserve.yaml").read_text())
    _, deployment = yaml.safe_load_all((DEPLOY / "kubernetes-serve.yaml").read_text())
    name, predictor = service["metadata"]["name"], service["spec"]["predictor"]
    assert 0 < predictor.pop("minReplicas") <= predictor.pop("maxReplicas")
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": predictor}
    (tmp_path / "pod.yaml").write_text(yaml.safe_dump(pod))

    ran(TOOLS / "kubernetes-validate", "--strict", tmp_path / "pod.yaml")
    text = yaml.safe_dump(predictor).replace("kserve-container", "serve")
    ours = yaml.safe_load(text.replace("port: 8000", "port: http"))
    ours["containers"][0]["ports"] = [{"name": "http", "containerPort": 8000}]
    assert ours == deployment["spec"]["template"]["spec"]
    assert predictor["containers"][0]["args"][0] == f"/models/{name}"
    page = (DOCS / "how-to" / "serving.md").read_text()
    for words in (f"inferenceservice/{name}", f"service/{name}-predictor", f"/v2/models/{name}/"):
        assert words in page


def test_nginx_closes_idle_connections_before_the_server_does() -> None:
    (seconds,) = re.findall(r"keepalive_timeout (\d+)s;", (DEPLOY / "nginx.conf").read_text())

    assert int(seconds) < _KEEP_ALIVE


def test_hadolint_finds_nothing_in_the_dockerfile() -> None:
    tool = TOOLS / "hadolint"
    if not tool.exists():
        pytest.skip("hadolint is not installed")

    assert ran(tool, "--no-color", DEPLOY / "Dockerfile").strip() == ""


def test_the_dockerfile_copies_what_the_build_needs(image: Any, tmp_path: Path) -> None:
    words = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(words, cwd=image.source, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    (constraints,) = re.findall(r" -c (\S+) ", image.command)

    assert "inceptionkit/serving/page/index.html" in ZipFile(wheel).namelist()
    assert (image.source / constraints).is_file()


def test_the_token_of_the_container_is_in_a_file() -> None:
    _, run = typed("docker")

    assert not [word for word in run if "cat token" in word or "INCEPTIONKIT_TOKEN" in word]
    assert "$PWD/token:/token:ro" in run
    assert run[-2:] == ["--token-file", "/token"]
    assert "$(id -u):$(id -g)" in run  # who may read the file


def test_the_commands_for_kubernetes_name_what_is_in_the_file() -> None:
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
    service, deployment = yaml.safe_load_all((DEPLOY / "kubernetes-serve.yaml").read_text())
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    (token,) = container["env"]
    wanted = token["valueFrom"]["secretKeyRef"]
    secret, apply, *others = typed("kubectl")

    assert token["name"] == "INCEPTIONKIT_TOKEN"
    assert secret[1:4] == ["create", "secret", "generic"]
    assert secret[4:] == [wanted["name"], f"--from-file={wanted['key']}"]
    assert apply[1:] == ["apply", "-f", "docs/deploy/kubernetes-serve.yaml"]
    assert {word for words in others for word in words if "/" in word} == {
        f"deployment/{deployment['metadata']['name']}",
        f"service/{service['metadata']['name']}",
    }
    assert others[1][-1] == f"8000:{service['spec']['ports'][0]['port']}"
    assert deployment["spec"]["template"]["metadata"]["labels"]["app"] in written("yaml")[1]


def test_prometheus_reads_what_the_page_shows(tmp_path: Path) -> None:
    """The second block of the page replaces the last two lines of the first."""
    tool = needed("promtool")
    whole, pods = written("yaml")
    looked_up = "    kubernetes_sd_configs:\n      - role: pod\n"
    assert looked_up in pods
    pods = pods.replace(looked_up, "")  # Debian's promtool is built without Kubernetes
    (tmp_path / "token").write_text(TOKEN)
    for text in (whole, "".join(whole.splitlines(keepends=True)[:-2]) + pods):
        file = tmp_path / "prometheus.yml"
        file.write_text(text.replace("/etc/prometheus/inceptionkit.token", str(tmp_path / "token")))
        ran(tool, "check", "config", file)


def test_systemd_reads_the_unit_and_finds_it_well_guarded(tmp_path: Path) -> None:
    tool = needed("systemd-analyze")
    unit = tmp_path / "inceptionkit.service"
    (addition,) = written("ini")
    program, real = "/opt/inceptionkit/bin/inceptionkit", sys.executable
    unit.write_text((DEPLOY / unit.name).read_text().replace(program, real))
    more = tmp_path / f"{unit.name}.d"
    assert addition.startswith(f"# /etc/systemd/system/{more.name}/")

    for _ in ("alone", "with the token"):
        assert unit.name not in ran(tool, "verify", "--man=no", unit)
        report = ran(tool, "security", "--offline=true", "--threshold=25", unit)
        assert "OK" in report
        more.mkdir(exist_ok=True)
        (more / "token.conf").write_text(addition.replace(program, real))


@pytest.fixture(scope="module")
def server(
    tiny_model: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Path]]:
    """A server with a token: its address, and its log."""
    folder = tmp_path_factory.mktemp("server")
    (folder / "token").write_text(TOKEN)
    words = (str(tiny_model), "--token-file", str(folder / "token"))
    with serving(folder, *words) as (address, _):
        yield address.removeprefix("http://"), folder / "log.jsonl"


@contextmanager
def in_front(address: str, folder: Path, inside: str) -> Iterator[Callable[..., list[str]]]:
    """Nginx before a server; asks for a path, and gives HTTP's version, the status and the body.

    Args:
        address: of the server.
        folder: for its files, and a certificate that it signed itself.
        inside: addresses that may read the metrics.
    """
    nginx, openssl, curl, port = needed("nginx"), needed("openssl"), needed("curl"), free_port()
    certificate, key = folder / "fullchain.pem", folder / "privkey.pem"
    ran(
        openssl, "req", "-x509", "-nodes", "-newkey", "ec", "-pkeyopt",
        "ec_paramgen_curve:prime256v1", "-days", "1", "-subj", f"/CN={HOST}",
        "-addext", f"subjectAltName=DNS:{HOST}", "-out", certificate, "-keyout", key,
    )  # fmt: skip
    part = (DEPLOY / "nginx.conf").read_text()
    for old, new in (
        (f"/etc/letsencrypt/live/{HOST}", str(folder)),
        ("listen 443", f"listen 127.0.0.1:{port}"),
        ("127.0.0.1:8000", address),
        ("10.0.0.0/8", inside),
    ):
        assert old in part
        part = part.replace(old, new)
    temporary = "".join(f"{name}_temp_path {folder}/{name};\n" for name in FOLDERS)
    whole = folder / "nginx.conf"
    whole.write_text(
        f"user {getpass.getuser()};\npid {folder}/pid;\nerror_log {folder}/errors;\n"
        f"events {{}}\nhttp {{\naccess_log {folder}/access;\n{temporary}{part}\n}}\n"
    )

    def ask(path: str, *words: str | Path) -> list[str]:
        answer = ran(
            curl, "--silent", "--show-error", "--noproxy", "*", "--cacert", certificate,
            "--resolve", f"{HOST}:{port}:127.0.0.1", "--output", folder / "answer",
            "--write-out", "%{http_version} %{http_code}", *words, f"https://{HOST}:{port}{path}",
        )  # fmt: skip
        return [*answer.split(), (folder / "answer").read_text()]

    run = (nginx, "-c", whole, "-p", folder)
    ran(*run, "-t")
    ran(*run)  # it returns when it listens
    try:
        yield ask
    finally:
        ran(*run, "-s", "stop")


def test_nginx_encrypts_and_passes_on_what_the_server_takes(
    server: tuple[str, Path], tmp_path: Path
) -> None:
    address, log = server
    image, large = tmp_path / "image.png", tmp_path / "large"
    image.write_bytes(png())
    large.write_bytes(bytes(2**25 + 1))
    with in_front(address, tmp_path, inside="10.0.0.0/8") as ask:
        version, status, body = ask("/v1/predict", *CLIENT, "-F", f"image=@{image}")

        assert (version, status) == ("2", "200")
        assert json.loads(body)["answers"][0]["name"] == "image.png"
        until = monotonic() + 30  # the line is written once the client has its answer
        while not (lines := log.read_text().splitlines()) and monotonic() < until:
            sleep(0.01)
        last = json.loads(lines[-1])
        assert (last["path"], last["client"]) == ("/v1/predict", "127.0.0.1")
        assert ask("/v1/models")[1] == "401"
        assert ask("/v1/predict", *CLIENT, "--data-binary", f"@{large}")[1] == "413"
        assert ask("/metrics", *CLIENT)[1] == "403"


def test_metrics_need_the_token_inside_too(server: tuple[str, Path], tmp_path: Path) -> None:
    with in_front(server[0], tmp_path, inside="127.0.0.0/8") as ask:
        assert ask("/metrics")[1] == "401"
        _, status, body = ask("/metrics", *CLIENT)
        assert status == "200"
        assert "inceptionkit_requests_total" in body
