"""`serve`: models behind HTTP, for programs and for people."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

from inceptionkit.arguments import THREADS
from inceptionkit.options import Argument, Callback, Option, verb
from inceptionkit.results import Result

_Machine, _Limit = partial(Option, group="Machine"), partial(Option, group="Limits")


@dataclass(frozen=True)
class ServeRequest:
    """Which models to serve, where, and within which limits."""

    models: Annotated[
        Sequence[str | Path] | Path,
        Argument(
            "Folders of runs, models or exported models; NAME=FOLDER to name one. A folder may "
            "hold versions 1, 2, ... A folder that changes is loaded again.",
            "MODEL",
            default="the one that ships, inceptionkit/small",
        ),
    ] = ()
    _: KW_ONLY
    host: Annotated[str, Option("Address to listen at; 0.0.0.0 for every one of this machine.")] = (
        "127.0.0.1"
    )
    port: Annotated[int, Option("Port; 0 for any that is free.", min=0, max=65_535)] = 8000
    grpc_port: Annotated[
        int | None,
        Option("Port of the Open Inference Protocol over gRPC.", default="none", min=1, max=65_535),
    ] = None
    token_file: Annotated[
        str | Path | None,
        Option("File with the bearer token of requests.", default="$INCEPTIONKIT_TOKEN"),
    ] = None
    traces: Annotated[
        str | None,
        Option("OTLP collector that gets a trace of each request.", "URL", default="none"),
    ] = None
    workers: Annotated[
        int,
        _Machine("Processes that share the port, each with cores of its own.", min=1),
    ] = 1
    engine: Annotated[
        Literal["auto", "openvino", "onnxruntime", "torch"],
        _Machine("What computes; an exported model is run by its own engine."),
    ] = "auto"
    threads: Annotated[int | None, THREADS] = None
    batch: Annotated[int, _Machine("Images that a model answers at once.", min=1, max=32)] = 32
    batch_wait: Annotated[
        float,
        _Machine("Milliseconds that an image waits for others on their way.", min=0, max=1_000),
    ] = 2.0
    queue: Annotated[
        int, _Limit("Images that may wait in each worker; more get status 429.", min=1)
    ] = 128
    body_size: Annotated[int, _Limit("MiB that a request may have.", min=1, max=4_096)] = 32
    image_size: Annotated[int, _Limit("Megapixels that an image may claim.", min=1, max=134)] = 50
    images: Annotated[int, _Limit("Images of one request.", min=1, max=10_000)] = 64
    timeout: Annotated[float, _Limit("Seconds that a request may take.", min=0.1)] = 30.0
    header_timeout: Annotated[
        float, _Limit("Seconds until the header of a request must be there.", min=0.1)
    ] = 10.0
    on_ready: Annotated[
        Callable[[str], object] | None,
        Callback("Called with the address once every model is loaded."),
    ] = None


@dataclass(frozen=True, repr=False)
class ServeResult(Result):
    """What was served until the server was stopped.

    Attributes:
        address: where it listened.
        models: their names.
        requests: that were answered.
    """

    address: str
    models: tuple[str, ...]
    requests: int

    def to_json(self) -> dict[str, Any]:
        """The fields; `serve --json` prints the address alone, once it is ready."""
        return asdict(self)


@verb(ServeRequest)
def serve(request: ServeRequest) -> ServeResult:
    """Serve models over HTTP until Ctrl-C or SIGTERM; requests that came are answered first.

    Raises:
        WeightsError: there is no model, or it is damaged.
        DeploymentError: an engine cannot run it, the address is taken, or the extra `serve` or
            `traces` is not installed.
        OptionError: a name, the token or the address for traces is none.
    """
    from importlib.util import find_spec

    from inceptionkit.deployment.load import load_predictor
    from inceptionkit.errors import DeploymentError
    from inceptionkit.model.folder import DEFAULT_MODEL

    needed = ("fastapi", "uvicorn", "python_multipart", "prometheus_client")
    missing = [one for one in (*needed, *["grpc"] * bool(request.grpc_port)) if not find_spec(one)]
    if missing:
        msg = f"serve needs {', '.join(missing)}; pip install 'inceptionkit[serve]'"
        raise DeploymentError(msg)
    from inceptionkit.serving.limits import Limits
    from inceptionkit.serving.models import named
    from inceptionkit.serving.server import Service, read_token
    from inceptionkit.serving.tracing import collector
    from inceptionkit.serving.workers import serve_at

    models = request.models or [DEFAULT_MODEL]
    given = [models] if isinstance(models, str | Path) else list(models)
    places, token = named(given), read_token(request.token_file)
    service = Service(
        places=places,
        threads=request.threads,
        load=partial(
            load_predictor, engine=request.engine, threads=request.threads, mode="throughput"
        ),
        limits=Limits(
            body_bytes=request.body_size * 2**20,
            image_pixels=request.image_size * 1_000_000,
            images=request.images,
            seconds=request.timeout,
            header_seconds=request.header_timeout,
            queue=request.queue,
            batch=request.batch,
            batch_wait_ms=request.batch_wait,
        ),
        token=token,
        grpc_port=request.grpc_port,
        traces=collector(request.traces),
    )
    ready = request.on_ready or (lambda _: None)
    address, answered = serve_at(request.host, request.port, service, request.workers, ready)
    return ServeResult(address, tuple(places), answered)
