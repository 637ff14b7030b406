"""The counters and histograms that Prometheus collects."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

__all__ = ["CONTENT_TYPE_LATEST", "Metrics"]

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Metrics:
    """The counters and histograms of one service.

    Args:
        waiting: Returns how many pictures wait or are parsed.
        receiving: Returns how many bytes of bodies are on their way.
        sending: Returns how many bytes of answers with a parse are on their way.
    """

    def __init__(
        self, waiting: Callable[[], float], receiving: Callable[[], float], sending: Callable[[], float]
    ) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._requests = Counter(
            "sceneparse_requests", "Requests by path and status", ("path", "status"), registry=self._registry
        )
        self._latency = Histogram(
            "sceneparse_request_seconds",
            "Time from a request's head to the end of its answer",
            ("path",),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._parsing = Histogram(
            "sceneparse_parse_seconds", "Time to parse a batch", ("model",), buckets=_SECONDS, registry=self._registry
        )
        self._pictures = Counter("sceneparse_pictures", "Pictures parsed", ("model",), registry=self._registry)
        self._batch = Histogram(
            "sceneparse_batch_size",
            "Pictures parsed at once",
            buckets=(1, 2, 4, 8, 16, 32),
            registry=self._registry,
        )
        Gauge("sceneparse_queue_length", "Pictures that wait or are parsed", registry=self._registry).set_function(
            waiting
        )
        Gauge("sceneparse_receiving_bytes", "Bytes of bodies on their way", registry=self._registry).set_function(
            receiving
        )
        Gauge("sceneparse_sending_bytes", "Bytes of parses on their way", registry=self._registry).set_function(sending)

    def answered(self, path: str, status: int, seconds: float) -> None:
        """Count a request. `path` is one of the service's own, or "other": there must be few of them."""
        self._requests.labels(path, str(status)).inc()
        self._latency.labels(path).observe(seconds)

    def parsed(self, model: str, count: int, seconds: float) -> None:
        """Count a batch that was parsed."""
        self._parsing.labels(model).observe(seconds)
        self._pictures.labels(model).inc(count)
        self._batch.observe(count)

    def text(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        return generate_latest(self._registry)
