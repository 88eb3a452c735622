"""The text that Prometheus reads."""

import re

from tfwsss.server.metrics import Metrics


def test_text():
    metrics = Metrics()
    for seconds in (1e-6, 0.001, 0.001, 1e9):
        metrics.answered("cat", "REST", "OK", seconds)
    metrics.answered('o"dd\\', "GRPC", "NOT_FOUND", 0.5)
    metrics.ran("cat", "REST", 0.25)
    text = metrics.text({"waiting": 3})
    line = re.compile(r'(# TYPE [:\w]+ (counter|gauge|histogram)|[:\w]+(\{(\w+="([^"\\]|\\.)*",?)+\})? [\d.e+]+)')
    assert all(line.fullmatch(row) for row in text.splitlines())
    assert ':tensorflow:serving:request_count{model_name="cat",status="OK"} 4' in text
    assert 'model_name="o\\"dd\\\\"' in text and "waiting 3" in text
    buckets = [int(row.split()[-1]) for row in text.splitlines()
               if row.startswith(':tensorflow:serving:request_latency_bucket{model_name="cat"')]
    assert buckets == sorted(buckets) and buckets[0] == 1 and buckets[-2:] == [3, 4]
    assert ':tensorflow:serving:runtime_latency_sum{model_name="cat",API="REST"} 250000' in text
