"""Counts and times in Prometheus' text form, under the names that TensorFlow Serving gives them."""

import bisect
import threading
from collections.abc import Mapping

PATH = "/monitoring/prometheus/metrics"
_BOUNDS = tuple(10.0 * 1.8**power for power in range(33))        # microseconds, up to about half an hour
_COUNT = ":tensorflow:serving:request_count"
_LATENCY = ":tensorflow:serving:request_latency"
_RUNTIME = ":tensorflow:serving:runtime_latency"


class Metrics:
    """Counters and histograms of requests. Any thread may call it.

    Example:
    >>> metrics = Metrics()
    >>> metrics.answered("dog", "REST", "OK", 0.25)
    >>> print(metrics.text({}).splitlines()[1])
    :tensorflow:serving:request_count{model_name="dog",status="OK"} 1
    """

    def __init__(self):
        self._lock = threading.Lock()
        self._counts: dict[tuple[str, str], int] = {}
        self._times: dict[tuple[str, str, str], list] = {}       # [sum, count of each bucket and of those above]

    def answered(self, model: str, interface: str, status: str, seconds: float) -> None:
        """Counts a request.

        Args:
            model: its name; empty for one that does not exist, so that guesses do not fill the memory.
            interface: REST or GRPC.
            status: OK, or the name of the reason.
            seconds: from its arrival to the answer.
        """
        with self._lock:
            self._counts[model, status] = self._counts.get((model, status), 0) + 1
            self._add((_LATENCY, model, interface), seconds)

    def ran(self, model: str, interface: str, seconds: float) -> None:
        """Counts the time that a thread worked on a request.

        Args:
            model: its name.
            interface: REST or GRPC.
            seconds: without waiting.
        """
        with self._lock:
            self._add((_RUNTIME, model, interface), seconds)

    def _add(self, key: tuple[str, str, str], seconds: float) -> None:
        times = self._times.setdefault(key, [0.0, [0] * (len(_BOUNDS) + 1)])
        times[0] += seconds * 1e6
        times[1][bisect.bisect_left(_BOUNDS, seconds * 1e6)] += 1

    def text(self, gauges: Mapping[str, float]) -> str:
        """Returns all figures.

        Args:
            gauges: name to value of what is measured at this moment.

        Returns:
            The page that Prometheus reads.
        """
        with self._lock:
            lines = [f"# TYPE {_COUNT} counter"]
            lines += [f'{_COUNT}{{model_name="{_escaped(model)}",status="{status}"}} {count}'
                      for (model, status), count in sorted(self._counts.items())]
            for name in (_LATENCY, _RUNTIME):
                lines.append(f"# TYPE {name} histogram")
                for (metric, model, interface), (total, counts) in sorted(self._times.items()):
                    if metric == name:
                        lines += _histogram(name, f'model_name="{_escaped(model)}",API="{interface}"', total, counts)
        for name, value in gauges.items():
            lines += [f"# TYPE {name} gauge", f"{name} {value}"]
        return "\n".join(lines) + "\n"


def _histogram(name: str, labels: str, total: float, counts: list[int]) -> list[str]:
    lines, below = [], 0
    for bound, count in zip((*_BOUNDS, "+Inf"), counts, strict=True):
        below += count
        lines.append(f'{name}_bucket{{{labels},le="{bound if bound == "+Inf" else format(bound, ".6g")}"}} {below}')
    return [*lines, f"{name}_sum{{{labels}}} {total:.0f}", f"{name}_count{{{labels}}} {below}"]


def _escaped(label: str) -> str:
    return label.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
