"""The dashboard of docker/grafana asks for nothing that `/metrics` does not tell, and its wiring fits."""

import itertools
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from streaming.settings import StreamingSettings
from tests.support.media_node_on_fake import node_on_fake
from tests.support.media_tokens import bearer

DOCKER = Path(__file__).resolve().parents[3] / "docker"
GRAFANA = DOCKER / "grafana"
METRIC = re.compile(r"\b(?:zhijian|process)_\w+")
DASHBOARD: dict[str, Any] = json.loads((GRAFANA / "dashboards/relay.json").read_text())
EXPRESSIONS = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
# Everything the engine can tell, once: some families are silent about what there is none of.
NUMBERS = {
    "workers": [{"idle_ns": 1, "gso": True}],
    "dropped": {"replayed": 1},
    "forward_delay_us": {"count": 1, "sum": 1, "buckets": [[100, 1]]},
    "publications": {"1": {"bitrate_bps": 2, "layers": [{"bitrate_bps": 2, "viewers": 1}]}},
}


async def told(folder: Path) -> dict[str, set[str]]:
    """Sample name → names of its labels, of a node with one publisher and one that left."""
    async with node_on_fake(folder) as node:
        await node.connected("whip", "p1")
        location, _, _ = await node.connected("whep", "m1")
        await node.http.delete(location, headers=bearer(node.mint.mint("m1")))
        node.engine.snapshot = NUMBERS
        text = (await node.http.get("/metrics", headers=bearer(node.mint.control()))).text
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


async def test_every_metric_of_the_dashboard_is_told_with_the_labels_it_is_asked_by(tmp_path: Path) -> None:
    names = await told(tmp_path)
    for expression in EXPRESSIONS:
        asked = METRIC.findall(expression)
        assert asked, expression
        for name in asked:
            assert name in names, f"{name} in: {expression}"
        labels = {
            label.strip() for group in re.findall(r"by \(([^)]*)\)", expression) for label in group.split(",")
        } | set(re.findall(r"(\w+)=\"", expression))
        assert labels <= set().union(*(names[name] for name in asked)), expression


async def test_every_metric_of_ours_is_on_the_dashboard(tmp_path: Path) -> None:
    asked = {name for expression in EXPRESSIONS for name in METRIC.findall(expression)}
    ours = {name for name in await told(tmp_path) if name.startswith("zhijian_")}
    # A node says how long it runs and what it gave up in logs and alarms, not in a curve.
    spared = {"zhijian_media_uptime_seconds", "zhijian_media_events_given_up_total"}
    unseen = {name for name in ours - asked - spared if not name.endswith("_created")}
    assert unseen - {"zhijian_media_publications", "zhijian_media_publisher_bytes_total"} == set()


def test_panels_have_their_own_place_and_number() -> None:
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    for first, second in itertools.combinations([panel["gridPos"] for panel in panels], 2):
        beside = first["x"] + first["w"] <= second["x"] or second["x"] + second["w"] <= first["x"]
        below = first["y"] + first["h"] <= second["y"] or second["y"] + second["h"] <= first["y"]
        assert beside or below, (first, second)
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in panels)
    assert all(panel["title"] and panel["description"] for panel in panels)


def test_rates_are_of_counters_only() -> None:
    for expression in EXPRESSIONS:
        for name in re.findall(r"rate\((\w+)", expression):
            assert re.search(r"_(total|bucket|sum|count)$", name), expression


def test_provisioning_prometheus_and_compose_fit_together() -> None:
    (source,) = yaml.safe_load((GRAFANA / "provisioning/datasources/prometheus.yaml").read_text())[
        "datasources"
    ]
    used = {panel["datasource"]["uid"] for panel in DASHBOARD["panels"]}
    assert used == {source["uid"]}
    compose = yaml.safe_load((DOCKER / "compose.yaml").read_text())
    prometheus, grafana = compose["services"]["prometheus"], compose["services"]["grafana"]
    assert prometheus["profiles"] == grafana["profiles"] == ["monitoring"]
    listening = next(entry for entry in prometheus["command"] if entry.startswith("--web.listen-address="))
    assert source["url"] == f"http://{listening.split('=')[1]}"
    assert listening.split("=")[1].startswith("127.0.0.1:")
    assert grafana["environment"]["GF_SERVER_HTTP_ADDR"] == "127.0.0.1"
    (provider,) = yaml.safe_load((GRAFANA / "provisioning/dashboards/zhijian.yaml").read_text())["providers"]
    mounted = {entry.split(":")[1] for entry in grafana["volumes"]}
    assert provider["options"]["path"] in mounted


def test_prometheus_reads_the_token_that_compose_hands_to_both() -> None:
    (job,) = yaml.safe_load((GRAFANA / "prometheus.yaml").read_text())["scrape_configs"]
    compose = yaml.safe_load((DOCKER / "compose.yaml").read_text())
    (secret,) = compose["services"]["prometheus"]["secrets"]
    assert job["authorization"]["credentials_file"] == f"/run/secrets/{secret}"
    variable = compose["secrets"][secret]["environment"]
    told_to_server = compose["services"]["zhijian"]["environment"]["ZHIJIAN_MEDIA_METRICS_TOKEN"]
    assert told_to_server == f"${{{variable}:-}}"
    assert job["metrics_path"] == "/metrics"


def test_empty_token_of_a_compose_file_is_no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZHIJIAN_MEDIA_METRICS_TOKEN", "")
    assert StreamingSettings().media_metrics_token is None
