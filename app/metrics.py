"""Metrics: what `GET /metrics` tells Prometheus. Every label is from a list that no client can lengthen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from app.hosts.inline import InlineHost

CONTENT_TYPE = CONTENT_TYPE_LATEST
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER = "other"
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


@dataclass(slots=True)
class Metrics:
    """The metrics of one application."""

    registry: CollectorRegistry = field(default_factory=lambda: CollectorRegistry(auto_describe=True))
    _requests: Counter = field(init=False)
    _seconds: Histogram = field(init=False)
    in_flight: Gauge = field(init=False)
    _children: dict[tuple[str, str, int], tuple[Counter, Histogram]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        registry = self.registry
        ProcessCollector(registry=registry)
        about = ("method", "route")
        self._requests = Counter("autograd_requests", "Requests answered.", (*about, "status"), registry=registry)
        self._seconds = Histogram(
            "autograd_request_seconds", "Seconds from request to answer.", about, registry=registry, buckets=SECONDS
        )
        self.in_flight = Gauge("autograd_requests_in_flight", "Requests not yet answered.", registry=registry)

    def watch(self, host: InlineHost) -> None:
        """Tell of the sessions of a host too."""
        self.registry.register(Sessions(host))

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request; `route` is the template of its path."""
        found = self._children.get((method, route, status))
        if found is None:
            found = self._child(method if method in METHODS else OTHER, route, status)
        found[0].inc()
        found[1].observe(seconds)

    def _child(self, method: str, route: str, status: int) -> tuple[Counter, Histogram]:
        """The counter and the histogram of these labels: kept, since to look them up costs more than to count."""
        made = self._requests.labels(method, route, str(status)), self._seconds.labels(method, route)
        return self._children.setdefault((method, route, status), made)

    def render(self) -> bytes:
        """All of it in Prometheus' text format."""
        return generate_latest(self.registry)


class Sessions(Collector):
    """What the sessions of a host hold and have done, asked for when somebody looks."""

    def __init__(self, host: InlineHost) -> None:
        self._host = host

    def describe(self) -> list[Metric]:
        """Nothing: the registry would otherwise collect to find out the names."""
        return []

    def collect(self) -> Iterator[Metric]:
        """The sums over all sessions."""
        totals = self._host.totals()
        yield GaugeMetricFamily("autograd_sessions", "Sessions that are alive.", totals.sessions)
        yield GaugeMetricFamily("autograd_session_bytes", "Bytes that all sessions hold.", totals.bytes)
        yield GaugeMetricFamily("autograd_graph_nodes", "Graph nodes that are alive in all sessions.", totals.nodes)
        ops = CounterMetricFamily("autograd_ops", "Steps that were applied.", labels=["op"])
        for name, count in sorted(totals.ops.items()):
            ops.add_metric([name], count)
        yield ops
