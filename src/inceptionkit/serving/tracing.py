"""Traces of requests for OpenTelemetry, where they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

from inceptionkit.errors import DeploymentError, OptionError

NEEDED = ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")
_DEFAULT_PATH = "/v1/traces"
_GRPC_FAILURES = frozenset({2, 4, 12, 13, 14, 15})  # OpenTelemetry's choice for servers
_SEND_SECONDS = 3  # that a collector which does not answer can delay a stop


@dataclass(slots=True)
class Request:
    """What is known of a request once it was answered.

    Attributes:
        trace: id of its trace, 32 hexadecimal digits; "" if there is none.
        found: attributes for its span.
        name: of its span; as it began if empty.
    """

    trace: str = ""
    found: dict[str, str | int] = field(default_factory=dict)
    name: str = ""


@dataclass(frozen=True, slots=True)
class Tracing:
    """Spans of requests and of their parts.

    Attributes:
        tracer: OpenTelemetry's; no spans are made if None.
        stop: sends what was not sent yet.
    """

    tracer: Any = None
    stop: Callable[[], object] = lambda: None

    @contextmanager
    def request(self, name: str, headers: Mapping[str, str]) -> Iterator[Request]:
        """A span for a request, within the trace that its headers name.

        Args:
            name: of the span.
            headers: of the request, names in lower case.
        """
        request = Request()
        if self.tracer is None:
            yield request
            return
        from opentelemetry.trace import SpanKind, Status, StatusCode
        from opentelemetry.trace.propagation import tracecontext

        context = tracecontext.TraceContextTextMapPropagator().extract(headers)
        with self.tracer.start_as_current_span(name, context, kind=SpanKind.SERVER) as span:
            request.trace = f"{span.get_span_context().trace_id:032x}"
            try:
                yield request
            finally:
                span.set_attributes(request.found)
                span.update_name(request.name or name)
                if _failed(request.found):
                    span.set_status(Status(StatusCode.ERROR))

    @contextmanager
    def part(self, name: str, **attributes: str) -> Iterator[None]:
        """A span for a part of the request that is being answered."""
        if self.tracer is None:
            yield
            return
        with self.tracer.start_as_current_span(name, attributes=attributes):
            yield


def _failed(found: Mapping[str, str | int]) -> bool:
    """Whether the server is to blame: HTTP's 5xx, or what they are in gRPC."""
    http = found.get("http.response.status_code", 0)
    return http in range(500, 600) or found.get("rpc.grpc.status_code", 0) in _GRPC_FAILURES


def tracing_to(exporter: Any, *, at_once: bool = False) -> Tracing:  # noqa: ANN401 - a SpanExporter
    """Tracing whose spans go to an exporter.

    Args:
        exporter: OpenTelemetry's.
        at_once: whether each span goes as it ends, in place of some seconds later with others.
    """
    from opentelemetry.sdk.resources import SERVICE_NAME, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor

    provider = TracerProvider(resource=Resource.create({SERVICE_NAME: "inceptionkit"}))
    made = SimpleSpanProcessor if at_once else BatchSpanProcessor
    provider.add_span_processor(made(exporter))
    return Tracing(provider.get_tracer("inceptionkit.serving"), provider.shutdown)


def tracing_at(address: str) -> Tracing:
    """Tracing whose spans go to a collector over OTLP; none if the address is empty."""
    if not address:
        return Tracing()
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    return tracing_to(OTLPSpanExporter(endpoint=address, timeout=_SEND_SECONDS))


def collector(address: str | None) -> str:
    """The address of a collector, with the path that OTLP has there.

    >>> collector("http://localhost:4318")
    'http://localhost:4318/v1/traces'

    Raises:
        OptionError: it is no address.
        DeploymentError: the extra `traces` is not installed.
    """
    if address is None:
        return ""
    try:
        parts = urlsplit(address)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        msg = f"traces go to an address such as http://localhost:4318, got {address!r}"
        raise OptionError(msg)
    if not all(_is_there(name) for name in NEEDED):
        msg = "traces need OpenTelemetry; pip install 'inceptionkit[serve,traces]'"
        raise DeploymentError(msg)
    return parts._replace(path=parts.path.rstrip("/") or _DEFAULT_PATH).geturl()


def _is_there(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:  # not even what it belongs to
        return False
