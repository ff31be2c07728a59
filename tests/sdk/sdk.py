"""Sends real SDKs through the gateway to a recording server: each request must be the action that the call means, and a denied
call must raise the SDK's own error with our reason.

Prints what is wrong; the last line is `N passed, N failed`. With `--write` the table in README.md is written anew.
"""

import base64
import json
import pathlib
import shutil
import sys
import tempfile

import gateway
import registries
import upstream

REASON = "Only people do this, so ask in #infra."
HERE = pathlib.Path(__file__).parent
ENVIRONMENT = pathlib.Path(sys.argv[2]).absolute()
README = HERE.parent.parent / "README.md"
DENIED = [
    "github.repo.delete", "github.issue.delete", "openai.file.delete", "anthropic.file.delete", "stripe.refund.create", "slack.channel.archive",
    "jira.issue.delete", "npm.package.publish", "crates.crate.publish", "tickets.tools.delete_ticket",
    "aws.ec2.terminate_instances", "aws.dynamodb.delete_table", "aws.s3.delete_object",
]  # fmt: skip
POLICY = f"""
permissions:
  - {{ agents: ['*'], connector: '*', access: full }}
policies:
  - {{ id: people-only, actions: [{', '.join(DENIED)}], decision: deny, reason: '{REASON}' }}
  - {{ id: own-branches, actions: [github.repo.push], when: 'params.ref == "refs/heads/main"', decision: deny, reason: '{REASON}' }}
  - {{ id: forbidden, actions: [pypi.file.download], when: 'params.path.contains("forbidden")', decision: deny, reason: '{REASON}' }}
"""
# A server of an operator's own.
TICKETS = """
connector: tickets
extends: mcp
name: Ticket tools
domains: [mcp.acme.example]
base_paths: [/mcp]
"""
SECRET = "real-credential-0123456789"
CREDENTIALS = [
    ("github", "github", "token", "api.github.com", {"token": SECRET}),
    ("openai", "openai", "api_key", "api.openai.com", {"api_key": SECRET}),
    ("anthropic", "anthropic", "api_key", "api.anthropic.com", {"api_key": SECRET}),
    ("stripe", "stripe", "secret_key", "api.stripe.com", {"secret_key": SECRET}),
    ("slack", "slack", "token", "slack.com", {"token": SECRET}),
    ("git", "github", "git", "github.com", {"token": SECRET}),
    ("npm", "npm", "token", "registry.npmjs.org", {"token": SECRET}),
    ("crates", "crates", "token", "crates.io", {"token": SECRET}),
    ("tickets", "tickets", "token", "mcp.acme.example", {"token": SECRET}),
    ("jira", "jira", "api_token", "acme.atlassian.net", {"email": "ada@acme.example", "token": SECRET}),
    # What signs is told in each signature.
    *((f"aws-{host.split('.')[0]}", "aws", "access_key", host, {"access_key_id": SECRET, "secret_access_key": SECRET})
      for host in upstream.APIS if host.endswith(".amazonaws.com")),
]
# What people call it, its file in calls/, and what a denied call raises.
CLIENTS = [
    ("PyGithub", "with_pygithub.py", "github.GithubException"),
    ("openai, Python", "with_openai.py", "openai.PermissionDeniedError"),
    ("anthropic, Python", "with_anthropic.py", "anthropic.PermissionDeniedError"),
    ("stripe, Python", "with_stripe.py", "stripe.PermissionError"),
    ("slack_sdk", "with_slack.py", "slack_sdk.SlackApiError"),
    ("jira", "with_jira.py", "jira.JIRAError"),
    ("mcp", "with_mcp.py", "mcp.MCPError"),
    ("boto3", "with_boto3.py", "botocore.ClientError"),
    ("@octokit/rest", "with_octokit.mjs", "RequestError"),
    ("openai, Node", "with_openai.mjs", "PermissionDeniedError"),
    ("@anthropic-ai/sdk", "with_anthropic.mjs", "PermissionDeniedError"),
    ("stripe, Node", "with_stripe.mjs", "StripePermissionError"),
    ("gh", "with_gh.py", "exit 1"),
    ("git", "with_git.py", "exit 1"),
    ("npm", "with_npm.py", "exit 1"),
    ("pip", "with_pip.py", "exit 1"),
    ("cargo", "with_cargo.py", "exit 101"),
]


def agent_of(file):
    return file.replace("_", "-").replace(".", "-")


def drive(gate, file):
    """Runs a file of calls as an agent of its own; returns its calls, the actions of each of its requests, and how many were allowed."""
    program = ["node"] if file.endswith(".mjs") else [sys.executable]
    done = gate.run(agent_of(file), *program, str(ENVIRONMENT / "calls" / file), cwd=gate.folder, env=gateway.surroundings(gate.folder / "home", ENVIRONMENT / "bin"))
    calls = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or not calls:
        calls.append({"actions": [], "denied": False, "error": f"exit {done.returncode}", "text": done.stderr[-2000:]})
    records = gate.decided(agent_of(file))
    requests = [[action["name"] for action in record.get("actions", [])] for record in records]
    return calls, requests, sum(record["decision"] == "allow" for record in records)


def told(names):
    """Leaves out repetitions, of which versions of a program have more or fewer, and what cargo reads when it likes."""
    names = [name for name in names if name != "crates.index.config.get"]
    return [name for name, before in zip(names, [None, *names]) if name != before]


def faults(calls, requests, raised):
    """Yields what a client got that it should not have got."""
    wanted = told(name for call in calls for name in call["actions"])
    got = told("+".join(names) for names in requests)
    if wanted != got:
        yield f"its requests were {got}, not {wanted}"
    if len(calls) < 5:
        yield f"it made {len(calls)} calls"
    if not any(call["denied"] for call in calls):
        yield "no call of it was denied"
    for call in calls:
        about = f"{' '.join(call['actions'])} ends with {call['error']}: {call['text']!r}"
        if call["denied"] and (call["error"] != raised or REASON not in call["text"]):
            yield f"not {raised} with the reason: {about}"
        if call["error"] and not call["denied"]:
            yield about


def is_bare(request):
    """Returns whether a request to a host of a credential came without it."""
    if request.host not in [host for _, _, _, host, _ in CREDENTIALS]:
        return False
    sent = [value for name, value in request.headers.items() if name in ("authorization", "x-api-key")]
    opened = [base64.b64decode(value[6:]).decode() for value in sent if value.startswith("Basic ")]
    return not any(SECRET in value for value in [*sent, *opened])


def table(rows):
    lines = ["| client | calls tried | a denied call ends with |", "|---|--:|---|"]
    lines += [f"| {name} | {calls} | {raised if raised.startswith('exit') else f'`{raised}`'} |" for name, calls, raised in rows]
    return "\n".join(lines) + "\n"


def check_readme(rows):
    """Yields that the table in README.md is not this one, or writes it."""
    text = README.read_text()
    before, rest = text.split("<!-- clients -->\n")
    old, after = rest.split("<!-- /clients -->")
    if "--write" in sys.argv:
        README.write_text(f"{before}<!-- clients -->\n{table(rows)}<!-- /clients -->{after}")
    elif old != table(rows):
        yield "the table of clients in README.md is not what was tried: `tests/sdk/run --write` writes it"


def main():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="tollgate-sdk-"))
    passed, allowed, wrong, rows = 0, 0, [], []
    # Node looks for modules beside the file that imports them.
    shutil.copytree(HERE / "calls", ENVIRONMENT / "calls", dirs_exist_ok=True)
    try:
        answers = {**upstream.APIS, **registries.registries(folder)}
        gateway.certificates(folder, answers)
        server = upstream.Upstream(folder, answers)
        agents = [agent_of(file) for _, file, _ in CLIENTS]
        with gateway.Gateway(sys.argv[1], folder, server, POLICY, agents, CREDENTIALS, {"tickets": TICKETS}) as gate:
            for name, file, raised in CLIENTS:
                calls, requests, permitted = drive(gate, file)
                allowed += permitted
                found = [f"{name}: {fault}" for fault in faults(calls, requests, raised)]
                passed += not found
                wrong += found
                rows.append((name, len(calls), raised))
        wrong += [f"{seen.method} {seen.host}{seen.path} came without the credential" for seen in server.seen if is_bare(seen)]
        if len(server.seen) != allowed:
            wrong.append(f"{allowed} requests were allowed, and {len(server.seen)} arrived")
        wrong += check_readme(rows)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print("".join(f"FAIL  {fault}\n" for fault in wrong) + f"{passed} passed, {len(wrong)} failed")
    sys.exit(bool(wrong))


main()
