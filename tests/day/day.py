"""Runs README's day of a coding agent, line by line in one shell under `tollgate run`, and holds what each line prints and which
actions it was.

Prints what is wrong; the last line is `N passed, N failed`.
"""

import datetime
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "sdk"))
import gateway  # noqa: E402
import registries  # noqa: E402
import upstream  # noqa: E402

README = (HERE.parent.parent / "README.md").read_text()
ENVIRONMENT = pathlib.Path(sys.argv[2]).absolute()
SECRET = "real-credential-0123456789"
CREDENTIALS = [
    ("github", "github", "token", "api.github.com", {"token": SECRET}),
    ("git", "github", "git", "github.com", {"token": SECRET}),
    ("npm", "npm", "token", "registry.npmjs.org", {"token": SECRET}),
    ("openai", "openai", "api_key", "api.openai.com", {"api_key": SECRET}),
    ("anthropic", "anthropic", "api_key", "api.anthropic.com", {"api_key": SECRET}),
]
# How a line begins; its status; what it prints; its actions, in any order. A line that is not here is a mistake.
LINES = [
    ("git clone", 0, r"", {"github.repo.fetch"}),
    ("npm install", 0, r"added 1 package", {"npm.package.get", "npm.package.download", "npm.audit.run"}),
    ("pip install", 0, r"", {"pypi.project.get", "pypi.file.download"}),
    ("cargo fetch", 0, r"Downloaded tiny", {"crates.index.config.get", "crates.index.get", "crates.crate.download"}),
    ("python ask.py && node ask.mjs", 0, r"^(Hello\n){4}$", {"anthropic.message.create", "openai.chat.create"}),
    # Beside its model it asks for settings and tells of its use, which no connector knows.
    ("claude", 0, r"^Hello\n$", {"anthropic.message.create", "no_connector"}),
    ("python -m http.server", 0, r"", set()),
    ("curl", 0, r"hello from upstream", set()),
    ("git commit", 0, r"", set()),
    ("git push -q origin HEAD:agent/x", 0, r"", {"github.repo.push.begin", "github.repo.push"}),
    ("gh pr list", 0, r"A title", {"github.repo.query"}),
    ("gh pr create", 0, r"https://github.com/acme/site/pull/7", {"github.repo.query", "github.pr.create"}),
    ("git push -q origin HEAD:main", 1, r"! \[remote rejected\] HEAD -> main \(Push to agent/\* only\.\)", {"github.repo.push.begin", "github.repo.push"}),
    ("npm publish", 0, r"\+ site@1.0.0", {"npm.package.get", "npm.package.publish"}),
]


def block(language):
    """Returns the block of a language in README's section of this day."""
    section = README.split("## A coding agent's day\n")[1].split("\n## ")[0]
    return re.search(f"```{language}\n(.*?)```", section, re.DOTALL)[1]


def script(port):
    """Tells each line with its status, as a shell that goes on after a failure; the server ends with the day."""
    lines = [line.split("  #")[0].rstrip() for line in block("sh").splitlines() if not line.startswith(("#", "tollgate "))]
    text = "trap 'kill $(jobs -p)' EXIT\n"
    for line in lines:
        text += f"echo \"@@ $(date +%s.%N) \"'{line}'\n{line.replace('8000', str(port))}\necho \"@@ $?\"\n"
    return text


def approve(gate, over):
    """Says yes to what waits for an operator, as one who watches."""
    while not over.wait(1):
        listed = gate.command("--json", "approval", "list")
        waiting = json.loads(listed.stdout).get("approvals", []) if listed.returncode == 0 else []
        for question in waiting:
            # A list does not show what is published, so it is looked at first.
            shown = gate.command("--json", "approval", "show", question["id"])
            if shown.returncode == 0:
                seen = json.loads(shown.stdout)["fingerprint"]
                gate.command("approval", "approve", question["id"], "--opened", seen)


def live(gate, folder):
    """Goes through the day; returns the start, the line, the output and the status of each."""
    file = folder / "day.sh"
    file.write_text(script(gateway.free_port()))
    # Programs of npm and pip lie beside one another, and what pip installs is not for the next day.
    environment = gateway.surroundings(folder / "home", f"{ENVIRONMENT}/bin:{ENVIRONMENT}/node_modules/.bin") | {"PIP_TARGET": str(folder / "lib")}
    over = threading.Event()
    operator = threading.Thread(target=approve, args=(gate, over))
    operator.start()
    try:
        gate.run("default", "bash", "-c", f"exec bash {file} >{folder}/day.log 2>&1", cwd=folder, env=environment)
    except subprocess.TimeoutExpired:
        pass  # The lines that did not end are missed below.
    finally:
        over.set()
        operator.join()
    return re.findall(r"^@@ ([0-9.]+) (.*?)\n(.*?)^@@ (\d+)$", (folder / "day.log").read_text(), re.DOTALL | re.MULTILINE)


def faults(lines, records):
    """Yields what a line did that it should not have done."""
    starts = [float(start) for start, *_ in lines] + [float("inf")]
    for index, (_, line, text, status) in enumerate(lines):
        wanted = next((wanted for wanted in LINES if line.startswith(wanted[0])), None)
        if not wanted:
            yield f"{line}: nothing is known of it"
            continue
        during = [record for record in records if starts[index] <= at(record) < starts[index + 1]]
        actions = {action["name"] for record in during for action in record.get("actions", [{"name": record.get("code")}])}
        if actions != wanted[3]:
            yield f"{line}: was {sorted(actions)}"
        if int(status) != wanted[1] or not re.search(wanted[2], text):
            yield f"{line}: ended with {status} and {text!r}"
    if len(lines) != len(LINES):
        yield f"{len(lines)} lines ended, not {len(LINES)}"


def at(record):
    """Returns when it was decided, in seconds."""
    return datetime.datetime.fromisoformat(record["time"].replace("Z", "+00:00")).timestamp()


def main():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="day-", dir=ENVIRONMENT))
    wrong = []
    try:
        answers = {**upstream.APIS, **registries.registries(folder, HERE / "site")}
        gateway.certificates(folder, answers)
        server = upstream.Upstream(folder, answers)
        with gateway.Gateway(sys.argv[1], folder, server, block("yaml"), ["default"], CREDENTIALS) as gate:
            lines = live(gate, folder)
            wrong += list(faults(lines, gate.decided("default")))
            bare = {seen.host for seen in server.seen if seen.host.startswith("api.") and SECRET not in str(seen.headers)}
            wrong += [f"{host} was asked without the credential" for host in sorted(bare)]
            if wrong:
                print((folder / "day.log").read_text(), gate.told())
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print("".join(f"FAIL  {fault}\n" for fault in wrong) + f"{len(LINES) - len(wrong)} passed, {len(wrong)} failed")
    sys.exit(bool(wrong))


main()
