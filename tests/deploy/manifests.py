"""Checks every file of deploy/ with its own tool or schema, and what they say of each other."""

import json
import pathlib
import re
import shutil
import subprocess
import sys

import compose_spec
import yaml
from checks import Checks

DEPLOY = pathlib.Path("deploy")
checks = Checks()


def tool(name, *arguments, where="."):
    """Runs a checker; one that this machine cannot get is told and does not fail."""
    if not shutil.which(name):
        return print(f"skip  {name} is not here: {' '.join(arguments)}")
    done = subprocess.run([name, *arguments], cwd=where, capture_output=True, text=True)
    return checks.that(f"{name} {' '.join(arguments)}", done.returncode == 0, done.stdout + done.stderr)


def metrics():
    """The names of all metrics, from where they are made."""
    text = "".join(file.read_text() for file in pathlib.Path("src/telemetry").rglob("*.rs"))
    return {f"tollgate_{name}" for name in re.findall(r'"([a-z]+(?:_[a-z]+)+)"', text)}


def named(text):
    names = set(re.findall(r"tollgate_[a-z_]+", text))
    return {re.sub(r"_(bucket|sum|count)$", "", name) for name in names}


def documents(path):
    return [document for document in yaml.safe_load_all(path.read_text()) if document]


def compose():
    raw = documents(DEPLOY / "compose.yaml")[0]
    try:
        compose_spec.PyCompose.from_yaml(yaml.safe_dump(raw))
        checks.that("compose.yaml is a compose file", True)
    except Exception as error:  # noqa: BLE001, whatever the schema says
        checks.that("compose.yaml is a compose file", False, str(error))
    services, networks = raw["services"], raw["networks"]
    reached = {name for name in services["agent"]["networks"] if not networks[name].get("internal")}
    checks.that("the agent's service is on internal networks only", not reached, reached)
    checks.that("the agent's service publishes nothing", "ports" not in services["agent"])
    shared = set(services["agent"]["networks"]) & set(services["tollgate"]["networks"])
    checks.that("the agent's service shares a network with the gateway", shared)
    agent, gateway = services["agent"]["volumes"], services["tollgate"]["volumes"]
    checks.that("the agent's service sees no state", not any(volume.startswith("state:") for volume in agent), agent)
    for volume in gateway + services["agent-files"]["volumes"] + services["prometheus"]["volumes"]:
        source = volume.split(":")[0]
        if source.startswith("."):
            checks.that(f"{source} is there", (DEPLOY / source).exists())


def kubernetes():
    files = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
    tool("kubernetes-validate", "-k", "1.31", "--strict", *map(str, files))
    all_of = [document for file in files for document in documents(file)]
    of = lambda kind: [document for document in all_of if document["kind"] == kind]  # noqa: E731
    pod = of("Deployment")[0]["spec"]["template"]
    container = pod["spec"]["containers"][0]
    checks.that("the gateway's root is read-only", container["securityContext"]["readOnlyRootFilesystem"])
    checks.that("the gateway runs as the image's user", pod["spec"]["securityContext"]["runAsUser"] == 65532)
    selector = of("Service")[0]["spec"]["selector"]
    checks.that("the service selects the gateway", selector.items() <= pod["metadata"]["labels"].items())
    volumes = {volume["name"] for volume in pod["spec"]["volumes"]}
    checks.that("every mount has a volume", {mount["name"] for mount in container["volumeMounts"]} <= volumes)
    closed = of("NetworkPolicy")[0]["spec"]
    checks.that(
        "agents are held by the policy that lets them reach the gateway only",
        closed["podSelector"]["matchLabels"].items() <= of("Job")[0]["spec"]["template"]["metadata"]["labels"].items()
        and "Egress" in closed["policyTypes"],
    )
    checks.that("the secret holds no secret", not any(of("Secret")[0]["stringData"].values()))


def monitoring():
    known = metrics()
    for file in [DEPLOY / "prometheus/alerts.yaml", DEPLOY / "grafana/tollgate.json"]:
        unknown = named(file.read_text()) - known
        checks.that(f"{file} names metrics that there are", not unknown and named(file.read_text()), unknown)
    tool("promtool", "check", "rules", "alerts.yaml", where=DEPLOY / "prometheus")
    tool("promtool", "test", "rules", "alerts.test.yaml", where=DEPLOY / "prometheus")
    tool("promtool", "check", "config", "--syntax-only", "compose/prometheus.yaml", where=DEPLOY)
    dashboard = json.loads((DEPLOY / "grafana/tollgate.json").read_text())
    panels = dashboard["panels"]
    checks.that("panels have ids of their own", len({panel["id"] for panel in panels}) == len(panels) > 10)
    tool("promtool", "check", "rules", str(expressions(panels)))


def expressions(panels):
    """Writes the dashboard's queries as rules, which `promtool` parses."""
    place = pathlib.Path("target/deploy/dashboard.yaml")
    rules = []
    for panel in panels:
        for target in panel["targets"]:
            query = target["expr"].replace("$__rate_interval", "5m").replace("$__range", "1h")
            rules.append({"record": f"panel_{panel['id']}_{target['refId']}", "expr": query})
    place.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    return place


tool("hadolint", "deploy/Dockerfile")
compose()
kubernetes()
monitoring()
if shutil.which("systemd-analyze"):
    # Told of what is wrong with the units themselves; the binary is not installed here.
    done = subprocess.run(
        ["systemd-analyze", "verify", "--recursive-errors=no", *map(str, (DEPLOY / "systemd").glob("tollgate.*"))],
        capture_output=True, text=True,
    )  # fmt: skip
    wrong = [line for line in done.stderr.splitlines() if "tollgate" in line and "is not executable" not in line]
    checks.that("systemd-analyze verify", not wrong, "\n".join(wrong))
sys.exit(checks.end())
