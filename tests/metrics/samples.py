"""Reads metrics on stdin with the parser of Prometheus' Python client; writes a JSON list of [name, labels, value]."""

import json
import sys

from prometheus_client.parser import text_string_to_metric_families

families = text_string_to_metric_families(sys.stdin.read())
samples = [[one.name, one.labels, one.value] for family in families for one in family.samples]
json.dump(samples, sys.stdout)
