"""Starts a TLS upstream and the gateway on loopback, then sends real clients through `tollgate run`.

Every check prints a line; the last line is `N passed, N failed`.
"""

import asyncio
import gzip
import http.server
import json
import os
import pathlib
import queue
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

TOLLGATE = os.path.abspath(sys.argv[1])
TOKEN = "ghp_0123456789abcdefREAL"
HOSTS = ["api.github.com", "acme.atlassian.net", "git.example.test", "forge.example.test", "chat.example.test"]


class Upstream(http.server.BaseHTTPRequestHandler):
    """Answers with what it received; serves a bare git repository: its files at git.example.test, git's smart protocol at forge.example.test."""

    protocol_version = "HTTP/1.1"
    seen = []
    repository = None

    def answer(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        host = self.headers.get("Host", "")
        Upstream.seen.append(
            {"method": self.command, "host": host, "path": self.path, "body": body,
             "headers": {name.lower(): value for name, value in self.headers.items()}}
        )
        if host == "git.example.test":
            return self.file()
        if host == "forge.example.test":
            return self.smart(body)
        shown = {name: value for name, value in self.headers.items() if name.lower() != "authorization"}
        self.reply(200, json.dumps({"path": self.path, "method": self.command, "headers": shown}).encode())

    def file(self):
        wanted = self.repository / self.path.split("?")[0].removeprefix("/demo.git/")
        if wanted.is_file():
            return self.reply(200, wanted.read_bytes(), "application/octet-stream")
        return self.reply(404, b"")

    def smart(self, body):
        path, _, query = self.path.partition("?")
        service = query.removeprefix("service=git-") if path.endswith("/info/refs") else path.rpartition("/git-")[2]
        git = ["git", service, "--stateless-rpc"]
        if not query:
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            done = subprocess.run([*git, self.repository], input=body, capture_output=True)
            return self.reply(200, done.stdout, f"application/x-git-{service}-result")
        done = subprocess.run([*git, "--advertise-refs", self.repository], capture_output=True)
        line = f"# service=git-{service}\n"
        start = f"{len(line) + 4:04x}{line}0000".encode()
        self.reply(200, start + done.stdout, f"application/x-git-{service}-advertisement")

    def reply(self, status, body, kind="application/json"):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Set-Cookie", "session=stolen")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_HEAD = do_POST = do_PATCH = do_PUT = do_DELETE = answer

    def log_message(self, *_):
        pass


class Checks:
    def __init__(self):
        self.passed = self.failed = 0

    def that(self, claim, truth, detail=""):
        if truth:
            self.passed += 1
            print(f"ok    {claim}")
        else:
            self.failed += 1
            print(f"FAIL  {claim}\n      {detail}")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def call(*command, stdin=None, env=None):
    done = subprocess.run(command, input=stdin, env=env, capture_output=True, text=True, timeout=60)
    return done


def certificates(folder):
    names = ",".join(f"DNS:{host}" for host in HOSTS)
    shared = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-x509"]
    call("openssl", "req", *shared, "-subj", "/CN=Upstream CA", "-keyout", f"{folder}/ca.key", "-out", f"{folder}/ca.pem")
    call(
        "openssl", "req", *shared, "-subj", "/CN=upstream", "-CA", f"{folder}/ca.pem", "-CAkey", f"{folder}/ca.key",
        "-addext", f"subjectAltName={names}", "-addext", "basicConstraints=critical,CA:FALSE",
        "-keyout", f"{folder}/leaf.key", "-out", f"{folder}/leaf.pem",
    )  # fmt: skip


def start_upstream(folder):
    repository = folder / "demo.git"
    work = folder / "work"
    quiet = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b"}
    env = {**os.environ, **quiet}
    call("git", "init", "-q", "-b", "main", str(work))
    (work / "README").write_text("hello from upstream\n")
    call("git", "-C", str(work), "add", ".")
    call("git", "-C", str(work), "commit", "-q", "-m", "first", env=env)
    call("git", "clone", "-q", "--bare", str(work), str(repository))
    call("git", "-C", str(repository), "update-server-info")
    Upstream.repository = repository
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "leaf.pem", folder / "leaf.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


def start_chat(folder):
    """Starts a WebSocket server that echoes; returns its port."""
    from websockets.asyncio.server import serve

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "leaf.pem", folder / "leaf.key")
    port = queue.Queue()

    async def echo(connection):
        async for message in connection:
            await connection.send(message)

    async def run():
        async with serve(echo, "127.0.0.1", 0, ssl=context) as server:
            port.put(server.sockets[0].getsockname()[1])
            await server.serve_forever()

    threading.Thread(target=lambda: asyncio.run(run()), daemon=True).start()
    return port.get(timeout=30)


def configure(folder, upstream, chat):
    proxy, admin, metrics = free_port(), free_port(), free_port()
    (folder / "connectors.d").mkdir()
    (folder / "policies.d").mkdir()
    (folder / "connectors.d" / "git.yaml").write_text(
        "connector: gitfiles\nname: Git over plain files\ndomains: [git.example.test]\nauth: none\n"
        "routes:\n  - { action: file.get, match: 'GET /{*path}', risk: low }\n"
    )
    (folder / "connectors.d" / "forge.yaml").write_text(
        "connector: forge\nname: Git over its smart protocol\ndomains: [forge.example.test]\nauth: none\nerrors: git\n"
        "routes:\n"
        "  - { action: refs.list, match: 'GET /{repo}/info/refs', risk: low }\n"
        "  - { action: repo.fetch, match: 'POST /{repo}/git-upload-pack', body: none, risk: low }\n"
        "  - { action: repo.push, match: 'POST /{repo}/git-receive-pack', git: true }\n"
    )
    (folder / "connectors.d" / "chat.yaml").write_text(
        "connector: chat\nname: Chat\ndomains: [chat.example.test]\nauth: none\n"
        "routes:\n  - { action: room.open, match: 'GET /rooms/{room}', websocket: true }\n"
    )
    (folder / "policies.d" / "team.yaml").write_text(
        "permissions:\n"
        "  - { agents: [default], connector: github, access: read_only }\n"
        "  - { agents: [default], allow: [github.issue.create] }\n"
        "  - { agents: [default], connector: gitfiles, access: full }\n"
        "  - { agents: [default], connector: forge, access: full }\n"
        "  - { agents: [default], allow: [chat.room.open] }\n"
        "policies:\n"
        "  - id: no-repo-deletion\n    agents: ['*']\n    actions: [github.repo.delete]\n"
        "    decision: deny\n    reason: Repositories are never deleted.\n"
        "  - id: own-branch\n    actions: [forge.repo.push]\n    when: '!params.ref.startsWith(\"refs/heads/agent/\")'\n"
        "    decision: deny\n    reason: Push to agent/* only.\n"
        "  - id: private\n    actions: [forge.refs.list]\n    when: 'params.repo == \"private.git\"'\n"
        "    decision: deny\n    reason: This repository is private.\n"
        "  - id: no-fetch\n    actions: [forge.repo.fetch]\n    when: 'params.repo == \"closed.git\"'\n"
        "    decision: deny\n    reason: This repository is closed.\n"
    )
    ports = {host: upstream for host in HOSTS} | {"chat.example.test": chat}
    resolve = "\n".join(f'    "{host}:443": "127.0.0.1:{port}"' for host, port in ports.items())
    (folder / "tollgate.yaml").write_text(
        f'proxy: {{ listen: ["127.0.0.1:{proxy}"] }}\nadmin: {{ listen: ["127.0.0.1:{admin}"] }}\n'
        f'metrics: {{ listen: ["127.0.0.1:{metrics}"] }}\ndata_dir: state\n'
        "connectors: [connectors.d]\npolicies: [policies.d]\n"
        f"egress:\n  resolve:\n{resolve}\n  ca_files: [ca.pem]\n"
    )
    return proxy, admin, metrics


def wait_ready(admin, gateway):
    for _ in range(300):
        if gateway.poll() is not None:
            sys.exit(f"the gateway ended with {gateway.returncode}")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{admin}/readyz", timeout=1) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.1)
    sys.exit("the gateway did not become ready")


def through(config, *command):
    return call(TOLLGATE, "--config", str(config), "run", "--", *command)


def clients(checks, config):
    curl = ["curl", "-sS", "--max-time", "20"]
    url = "https://api.github.com/user"

    refused = through(config, *curl, url)
    checks.that("without a credential curl reads a refusal", 'no_credential' in refused.stdout, refused)
    checks.that("nothing reached the upstream", not Upstream.seen, Upstream.seen)

    added = call(TOLLGATE, "--config", str(config), "credential", "add", "github", stdin=TOKEN + "\n")
    checks.that("a credential is added from standard input", added.returncode == 0, added)
    checks.that("adding it does not print it", TOKEN not in added.stdout + added.stderr)

    # The gateway takes the store's changes over within a moment.
    for _ in range(50):
        allowed = through(config, *curl, "-i", url)
        if 'no_credential' not in allowed.stdout:
            break
    checks.that("with it curl gets the answer", '"path": "/user"' in allowed.stdout, allowed)
    sent = Upstream.seen[-1]["headers"] if Upstream.seen else {}
    checks.that("the upstream got the real credential", sent.get("authorization") == f"Bearer {TOKEN}", sent)
    checks.that("the session cookie is dropped", "stolen" not in allowed.stdout, allowed)
    checks.that("the answer names its request", "tollgate-request-id" in allowed.stdout.lower(), allowed)

    fake = through(config, *curl, "-H", "Authorization: Bearer agent-made-this-up", url)
    checks.that("what the agent sent is replaced", Upstream.seen[-1]["headers"].get("authorization") == f"Bearer {TOKEN}", fake)

    before = len(Upstream.seen)
    denied = through(config, *curl, "-X", "DELETE", "https://api.github.com/repos/acme/site")
    checks.that("a deletion is denied with the policy's reason", "Repositories are never deleted." in denied.stdout, denied)
    unknown = through(config, *curl, "https://unknown.example.test/")
    checks.that("an unknown host is a readable refusal", '"no_connector"' in unknown.stdout, unknown)
    checks.that("neither reached the upstream", len(Upstream.seen) == before)

    for version in ["--http1.1", "--http2"]:
        body = json.dumps({"title": "x" * 100_000})
        posted = through(config, *curl, version, "-d", body, "-H", "Content-Type: application/x-www-form-urlencoded",
                         "https://api.github.com/repos/acme/site/issues")  # fmt: skip
        last = Upstream.seen[-1]
        whole = last["method"] == "POST" and last["body"].decode() == body
        checks.that(f"curl {version} posts 100 KB that arrive whole, as JSON",
                    whole and last["headers"].get("content-type") == "application/json", posted)  # fmt: skip

    script = f"import requests; r = requests.get('{url}', timeout=20); print(r.status_code, r.json()['path'])"
    done = through(config, sys.executable, "-c", script)
    checks.that("Python requests", done.stdout.strip() == "200 /user", done)
    for http2 in ["False", "True"]:
        script = f"import httpx; r = httpx.Client(http2={http2}, timeout=20).get('{url}'); print(r.status_code, r.http_version)"
        done = through(config, sys.executable, "-c", script)
        wanted = "200 HTTP/2" if http2 == "True" else "200 HTTP/1.1"
        checks.that(f"Python httpx, http2={http2}", done.stdout.strip() == wanted, done)

    script = f"fetch('{url}').then(async r => console.log(r.status, (await r.json()).path)).catch(e => console.log(e, e.cause))"
    done = through(config, "node", "-e", script)
    checks.that("Node fetch", done.stdout.strip() == "200 /user", done)

    # Not `websockets.sync`: its threads share an `ssl.SSLSocket`, and some of its openings time out without a gateway, too.
    script = (
        "import asyncio, os, ssl; from websockets.asyncio.client import connect\n"
        "async def talk():\n"
        "    tls = ssl.create_default_context(cafile=os.environ['SSL_CERT_FILE'])\n"
        "    async with connect('wss://chat.example.test/rooms/ops', ssl=tls) as room:\n"
        "        for text in ['hello', 'x' * 500_000]:\n"
        "            await room.send(text); assert await room.recv() == text\n"
        "    print('echoed')\n"
        "asyncio.run(talk())"
    )
    done = through(config, sys.executable, "-c", script)
    checks.that("Python websockets talks both ways", done.stdout.strip() == "echoed", done)
    refused = through(config, sys.executable, "-c", script.replace("/rooms/ops", "/elsewhere"))
    checks.that("and not where no route opens one", "HTTP 403" in refused.stderr, refused)

    with tempfile.TemporaryDirectory() as target:
        done = through(config, "git", "clone", "-q", "https://git.example.test/demo.git", f"{target}/demo")
        cloned = pathlib.Path(f"{target}/demo/README")
        checks.that("git clone", cloned.is_file() and cloned.read_text() == "hello from upstream\n", done)

    forge(checks, config)

    status = through(config, "sh", "-c", "exit 7")
    checks.that("run exits with the child's status", status.returncode == 7, status)


def forge(checks, config):
    """What git prints of a refusal is what the agent can act on."""
    with tempfile.TemporaryDirectory() as target:
        copy = f"{target}/copy"
        done = through(config, "git", "clone", "-q", "https://forge.example.test/demo.git", copy)
        checks.that("git clones over its smart protocol", pathlib.Path(f"{copy}/README").is_file(), done)
        call("git", "-C", copy, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "--allow-empty", "-m", "more")
        done = through(config, "git", "-C", copy, "push", "origin", "HEAD:refs/heads/agent/x")
        checks.that("git pushes where it may", done.returncode == 0 and "[new branch]" in done.stderr, done)
        done = through(config, "git", "-C", copy, "push", "origin", "HEAD:refs/heads/main")
        told = "[remote rejected]" in done.stderr and "Push to agent/* only." in done.stderr
        checks.that("a refused push names the ref and the reason", done.returncode != 0 and told, done)
        for name, reason in [("private", "This repository is private."), ("closed", "This repository is closed.")]:
            done = through(config, "git", "clone", "-q", f"https://forge.example.test/{name}.git", f"{target}/{name}")
            checks.that(f"a refused clone of {name} prints the reason", done.returncode != 0 and reason in done.stderr, done)
        done = through(config, "git", "clone", "-q", "https://nowhere.example.test/x.git", f"{target}/nowhere")
        checks.that("so does one of a host that no connector covers", "No connector covers" in done.stderr, done)


def records(checks, config, folder, metrics):
    listed = call(TOLLGATE, "--config", str(config), "--json", "audit", "query", "--limit", "1000")
    found = json.loads(listed.stdout)["records"] if listed.returncode == 0 else []
    decided = [record for record in found if record["kind"] == "decided"]
    finished = [record for record in found if record["kind"] == "finished"]
    allowed = {event["request_id"] for event in decided if event["decision"] == "allow"}
    checks.that("every allowed request has both records", allowed and allowed <= {e["request_id"] for e in finished}, listed)
    checks.that("refusals are recorded", any(event.get("code") == "no_connector" for event in decided), decided[:2])
    with urllib.request.urlopen(f"http://127.0.0.1:{metrics}/metrics", timeout=5) as answer:
        text = answer.read().decode()
    checks.that("metrics count by action", 'action="github.issue.create"' in text and "tollgate_refusals_total" in text, text[:500])
    leaks = [str(path) for path in folder.rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()]
    checks.that("the credential lies in no file", not leaks, leaks)


def live_reload(checks, config, folder):
    url = "https://api.github.com/user"
    policy = folder / "policies.d" / "freeze.yaml"
    policy.write_text("policies:\n  - { id: freeze, actions: ['*'], decision: deny, reason: Frozen. }\n")
    for _ in range(100):
        frozen = through(config, "curl", "-sS", url)
        if "Frozen." in frozen.stdout:
            break
        time.sleep(0.1)
    checks.that("a policy takes force while the gateway runs", "Frozen." in frozen.stdout, frozen)
    policy.write_text("policies:\n  - { id: freeze, actions: [github.nothing.like.this], decision: deny }\n")
    time.sleep(1)
    still = through(config, "curl", "-sS", url)
    checks.that("a broken policy does not", "Frozen." in still.stdout, still)
    policy.unlink()
    for _ in range(100):
        thawed = through(config, "curl", "-sS", url)
        if '"path"' in thawed.stdout:
            break
        time.sleep(0.1)
    checks.that("removing it takes force", '"path"' in thawed.stdout, thawed)


def main():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="tollgate-clients-"))
    checks = Checks()
    try:
        certificates(folder)
        upstream = start_upstream(folder)
        _, admin, metrics = configure(folder, upstream, start_chat(folder))
        config = folder / "tollgate.yaml"
        log = open(folder / "gateway.log", "w")
        gateway = subprocess.Popen([TOLLGATE, "--config", str(config), "serve"], stderr=log, stdout=log)
        try:
            wait_ready(admin, gateway)
            clients(checks, config)
            live_reload(checks, config, folder)
            records(checks, config, folder, metrics)
        finally:
            gateway.send_signal(signal.SIGTERM)
            code = gateway.wait(timeout=60)
        checks.that("SIGTERM ends it with exit 0", code == 0, code)
        if checks.failed:
            print((folder / "gateway.log").read_text()[-5000:])
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{checks.passed} passed, {checks.failed} failed")
    sys.exit(1 if checks.failed else 0)


main()
