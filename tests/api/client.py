"""Drives a gateway with a client that was generated from `schemas/admin.openapi.json`."""

import json
import pathlib
import socket
import subprocess
import sys
import tempfile
import time

from tollgate_admin import AuthenticatedClient
from tollgate_admin import models
from tollgate_admin.api.default import (
    add_agent, add_credential, add_operator, explain, halt_all, label_agent, lift_all, list_agents, list_credentials, list_policies,
    list_records, list_tokens, remove_agent, remove_policy, rotate_credential, set_policy, show_credential, status,
)  # fmt: skip

SECRET = "ghp_0123456789abcdef"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(binary, folder):
    """Starts a gateway and returns it with its admin address once it is ready."""
    admin = free_port()
    config = folder / "tollgate.yaml"
    # YAML reads JSON.
    config.write_text(json.dumps({
        "proxy": {"listen": ["127.0.0.1:0"]},
        "admin": {"listen": [f"127.0.0.1:{admin}"]},
        "metrics": {"listen": []},
        "data_dir": "state",
    }))  # fmt: skip
    log = open(folder / "gateway.log", "w")
    process = subprocess.Popen([binary, "--config", str(config), "serve"], stderr=log, stdout=log)
    until = time.monotonic() + 60
    while "ready" not in (folder / "gateway.log").read_text():
        if process.poll() is not None or time.monotonic() > until:
            sys.exit((folder / "gateway.log").read_text())
        time.sleep(0.05)
    return process, f"http://127.0.0.1:{admin}"


def expect(answer, code, kind):
    """Returns the parsed answer, which has this status and type."""
    found = (int(answer.status_code), type(answer.parsed))
    if found != (code, kind):
        sys.exit(f"{found} where {code} {kind} was described: {answer.content!r}")
    return answer.parsed


def drive(client, base):
    added = expect(add_agent.sync_detailed(client=client, body=models.NewAgent(name="build")), 201, models.AddedAgent)
    assert added.token.startswith("tga_"), added
    expect(add_agent.sync_detailed(client=client, body=models.NewAgent(name="build")), 409, models.Problem)
    labels = models.Labels.from_dict({"labels": {"team": "web"}})
    expect(label_agent.sync_detailed("build", client=client, body=labels), 200, models.AgentView)
    listed = expect(list_agents.sync_detailed(client=client), 200, models.AgentList)
    assert "build" in [agent.name for agent in listed.agents], listed
    expect(list_tokens.sync_detailed("build", client=client), 200, models.TokenList)
    expect(list_tokens.sync_detailed("nobody", client=client), 404, models.Problem)

    rule = {"actions": ["github.repo.delete"], "decision": "deny", "reason": "Only people delete."}
    body = models.SetPolicyBody.from_dict(rule)
    preview = expect(set_policy.sync_detailed("no-deletions", client=client, body=body, dry_run=True), 200, models.SetPolicy)
    kept = set_policy.sync_detailed("no-deletions", client=client, body=body, if_match=f'"{preview.revision}"')
    assert not expect(kept, 200, models.SetPolicy).dry_run
    stale = set_policy.sync_detailed("no-deletions", client=client, body=body, if_match='"1-0"')
    expect(stale, 412, models.Problem)
    again = set_policy.sync_detailed("no-deletions", client=client, body=body, if_none_match="*")
    expect(again, 412, models.Problem)
    policies = expect(list_policies.sync_detailed(client=client), 200, models.PolicyList)
    assert "no-deletions" in [policy.id for policy in policies.policies], policies
    expect(remove_policy.sync_detailed("no-deletions", client=client), 200, models.RemovedRule)

    new = models.NewCredential.from_dict({"connector": "github", "fields": {"token": SECRET}})
    expect(add_credential.sync_detailed(client=client, body=new, dry_run=True), 200, models.AddedCredential)
    answer = add_credential.sync_detailed(client=client, body=new)
    expect(answer, 201, models.AddedCredential)
    assert SECRET.encode() not in answer.content, answer.content
    expect(list_credentials.sync_detailed(client=client), 200, models.CredentialList)
    shown = show_credential.sync_detailed("github", client=client)
    assert SECRET.encode() not in shown.content, shown.content
    revision = expect(shown, 200, models.CredentialView).revision
    rotation = models.Rotation.from_dict({"fields": {"token": SECRET[::-1]}, "untested": True})
    rotated = rotate_credential.sync_detailed("github", client=client, body=rotation, if_match='"0000000000000000"')
    expect(rotated, 412, models.Problem)
    assert len(revision) == 16, revision

    asked = models.Asked(agent="build", method="GET", url="https://api.github.com/user", headers=[["accept", "application/json"]])
    answer = explain.sync_detailed(client=client, body=asked)
    assert int(answer.status_code) == 200 and json.loads(answer.content)["decision"] == "deny", answer.content
    records = expect(list_records.sync_detailed(client=client, text="agent.add"), 200, models.RecordList)
    assert records.records, "the change is recorded"
    assert int(halt_all.sync_detailed("all", client=client, body=models.Wish.from_dict({"reason": "a drill"})).status_code) == 200
    assert int(status.sync_detailed(client=client).status_code) == 200
    assert int(lift_all.sync_detailed("all", client=client).status_code) == 200

    added = expect(add_operator.sync_detailed(client=client, body=models.NewOperator(name="vic", role="viewer")), 201, models.AddedOperator)
    viewer = AuthenticatedClient(base_url=base, token=added.token)
    expect(list_agents.sync_detailed(client=viewer), 200, models.AgentList)
    expect(add_agent.sync_detailed(client=viewer, body=models.NewAgent(name="other")), 403, models.Problem)
    nobody = AuthenticatedClient(base_url=base, token="tgo_nobody")
    expect(list_agents.sync_detailed(client=nobody), 401, models.Problem)
    expect(remove_agent.sync_detailed("build", client=client), 200, models.Removed)


def main():
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        process, base = start(sys.argv[1], folder)
        try:
            token = (folder / "state" / "operator.token").read_text().strip()
            drive(AuthenticatedClient(base_url=base, token=token), base)
        finally:
            process.terminate()
            process.wait(60)
    print("a generated client drives the admin API")


main()
