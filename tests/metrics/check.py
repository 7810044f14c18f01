"""Reads FOLDER/*.prom with the parser of Prometheus' Python client and compares with FOLDER/*.json: a list of [name, labels, value]."""

import json
import pathlib
import sys

from prometheus_client.parser import text_string_to_metric_families

KINDS = {
    "libauth_verifications_total": "counter",
    "libauth_jwks_fetches_total": "counter",
    "libauth_jwks_age_seconds": "gauge",
    "libauth_jwks_stale": "gauge",
    "libauth_jwks_keys": "gauge",
    "libauth_clock_offset_seconds": "gauge",
}


def sample(name, labels, value):
    return name, tuple(sorted(labels.items())), float(value)


def faults(text, wanted):
    """What is wrong with `text`, where `wanted` are its samples in any order."""
    found, families = [], []
    for family in text_string_to_metric_families(text):
        # The parser takes `_total` off the family of a counter.
        name = family.name + ("_total" if family.type == "counter" else "")
        families.append(name)
        if family.type != KINDS.get(name):
            yield f"{name} is a {family.type}"
        if not family.documentation:
            yield f"{name} has no HELP"
        if not family.samples:
            yield f"{name} has no sample"
        for one in family.samples:
            if one.name != name or one.timestamp is not None or one.exemplar is not None:
                yield f"{one} in {name}"
            found.append(sample(one.name, one.labels, one.value))
    for one in found:
        if one not in wanted:
            yield f"not put in: {one}"
    for one in wanted:
        if one not in found:
            yield f"put in and not found: {one}"
    # The format allows these once; the parser is laxer.
    if len(set(families)) != len(families):
        yield f"a family twice: {families}"
    series = [(name, labels) for name, labels, _ in found]
    if len(set(series)) != len(series):
        yield "a series twice"
    lines = text.split("\n")
    for keyword in ("HELP", "TYPE"):
        told = [line.split(" ")[2] for line in lines if line.startswith(f"# {keyword} ")]
        if told != families:
            yield f"{keyword} of {told}, families {families}"
    if lines[-1] != "" or "" in lines[:-1]:
        yield "an empty line, or a last one without its end"


def main():
    failed = checked = samples = 0
    for path in sorted(pathlib.Path(sys.argv[1]).glob("*.prom")):
        text = path.read_bytes().decode("utf-8")
        wanted = [sample(*one) for one in json.loads(path.with_suffix(".json").read_text("utf-8"))]
        checked, samples = checked + 1, samples + len(wanted)
        try:
            wrong = list(faults(text, wanted))
        except ValueError as why:
            wrong = [f"refused by the parser: {why}"]
        for fault in wrong:
            print(f"{path.name}: {fault}")
        failed += bool(wrong)
    print(f"metrics: {checked} texts, {samples} samples, {failed} failed")
    # A report without issuers, one in trouble, several issuers, hostile texts.
    return failed != 0 or checked != 4


sys.exit(main())
