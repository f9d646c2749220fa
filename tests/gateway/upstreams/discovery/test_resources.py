"""What Kubernetes objects tell of models."""

from typing import Any

from toolgate_gateway.upstreams.discovery.resources import DiscoveredModel, discovered_models, selector


def service(model: str = "m", config: str | None = None) -> dict[str, Any]:
    annotations = {} if config is None else {"toolgate.dev/model-config": config}
    return {"metadata": {"name": "svc", "labels": {"toolgate.dev/model": model}, "annotations": annotations}}


def pods(*endpoints: dict[str, Any], of: str = "svc", ports: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    return {
        "metadata": {"labels": {"kubernetes.io/service-name": of}},
        "ports": [{"name": "http", "port": 8000}] if ports is None else ports,
        "endpoints": list(endpoints),
    }


def pod(address: str, **conditions: bool) -> dict[str, Any]:
    return {"addresses": [address], "conditions": conditions}


def urls(*slices: dict[str, Any]) -> tuple[str, ...]:
    return discovered_models({"svc": service()}, {str(number): each for number, each in enumerate(slices)})["m"].urls


def test_the_selector_names_the_release_and_asks_for_the_label_of_models() -> None:
    assert selector("prod") == "app.kubernetes.io/instance=prod,toolgate.dev/model"


def test_the_pods_of_all_slices_of_a_service_are_its_replicas() -> None:
    found = urls(
        pods(pod("10.0.0.2", ready=True)), pods(pod("10.0.0.1", ready=True)), pods(pod("10.9.9.9"), of="other")
    )
    assert found == ("http://10.0.0.1:8000", "http://10.0.0.2:8000")


def test_a_pod_of_unknown_readiness_counts_as_ready() -> None:
    assert urls(pods({"addresses": ["10.0.0.1"]})) == ("http://10.0.0.1:8000",)


def test_a_pod_that_ends_gets_nothing_new_while_another_is_ready() -> None:
    leaving = pod("10.0.0.1", ready=False, serving=True, terminating=True)
    assert urls(pods(leaving, pod("10.0.0.2", ready=True), pod("10.0.0.3", ready=False))) == ("http://10.0.0.2:8000",)


def test_without_ready_pods_terminating_ones_that_serve_are_used() -> None:
    leaving = pod("10.0.0.1", ready=False, serving=True, terminating=True)
    assert urls(pods(leaving, pod("10.0.0.3", ready=False, serving=False))) == ("http://10.0.0.1:8000",)


def test_an_ipv6_address_is_put_in_brackets() -> None:
    assert urls(pods(pod("fd00::1"))) == ("http://[fd00::1]:8000",)


def test_the_port_is_the_one_named_http_or_the_only_one() -> None:
    both = [{"name": "metrics", "port": 9}, {"name": "http", "port": 8000}]
    assert urls(pods(pod("10.0.0.1"), ports=both)) == ("http://10.0.0.1:8000",)
    assert urls(pods(pod("10.0.0.1"), ports=[{"name": "", "port": 80}])) == ("http://10.0.0.1:80",)
    assert urls(pods(pod("10.0.0.1"), ports=[{"name": "a", "port": 1}, {"name": "b", "port": 2}])) == ()


def test_the_annotation_says_how_a_model_is_served() -> None:
    config = '{"preset": "gpt-oss", "policy": {"auto_start": "bridge"}}'
    found = discovered_models({"svc": service(config=config)}, {})
    assert found == {"m": DiscoveredModel(preset="gpt-oss", policy={"auto_start": "bridge"})}


def test_a_wrong_annotation_is_named_and_its_model_is_served() -> None:
    wrong = {
        "{": "not JSON",
        "[]": "must be an object with the keys preset and policy",
        '{"upstream": "x"}': "must be an object with the keys preset and policy",
        '{"preset": "nope"}': "preset: unknown preset",
        '{"policy": {"max_attempts": "many"}}': "policy",
    }
    for config, reason in wrong.items():
        found = discovered_models({"svc": service(config=config)}, {"s": pods(pod("10.0.0.1"))})["m"]
        assert found.urls == ("http://10.0.0.1:8000",)
        assert (found.preset, found.policy) == (None, {})
        assert found.fault.startswith("annotation toolgate.dev/model-config: ")
        assert reason in found.fault or reason == "not JSON"


def test_only_labelled_services_are_models_and_the_first_of_two_counts() -> None:
    second = service()
    services = {"a": service(), "b": second, "c": {"metadata": {"name": "c"}}}
    slices = {"x": pods(pod("10.0.0.1"), of="a"), "y": pods(pod("10.0.0.2"), of="b")}
    assert discovered_models(services, slices) == {"m": DiscoveredModel(urls=("http://10.0.0.1:8000",))}
