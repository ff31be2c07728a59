"""Starts what the image holds as the image says: the file system that `deploy/rootfs` assembles, under the image's user, with a
read-only root, on the image's ports. Runs in namespaces of its own (see `run`): mounts and processes end with it.
"""

import contextlib
import http.server
import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import threading
import time

import yaml
from checks import Checks

TOLLGATE = os.path.abspath(sys.argv[1])
USER = 65532
CHROOT = shutil.which("chroot")
SECRET = "ghp_0123456789abcdefREAL"
TOKEN = "tga_" + "5a" * 32
checks = Checks()


class Image:
    """The last stage of the Dockerfile: what it says, and the file system that it copies."""

    KNOWN = {"FROM", "ARG", "LABEL", "COPY", "ENV", "USER", "VOLUME", "EXPOSE", "STOPSIGNAL", "HEALTHCHECK", "ENTRYPOINT", "CMD"}

    def __init__(self, root):
        text = pathlib.Path("deploy/Dockerfile").read_text()
        text = re.sub(r"^\s*#.*\n", "", text, flags=re.M).replace("\\\n", " ")
        stage = text[text.rindex("\nFROM ") + 1 :]
        said = [line.split(None, 1) for line in stage.splitlines() if line.strip()]
        unknown = {word for word, _ in said} - self.KNOWN
        assert not unknown, f"the last stage says {unknown}, which this test does not follow"
        self.of = {word: rest.strip() for word, rest in said}
        assert self.of["FROM"] == "scratch" and self.of["COPY"] == "--from=build /rootfs/ /", self.of
        build = re.search(r"deploy/rootfs (\S+) (\S+) (\S+) /rootfs", text)
        assert build.groups() == ("/out/tollgate", "connectors.d", "policies.d"), build.groups()
        self.root = root
        # The image's binary is stripped, too.
        stripped = root.parent / "tollgate"
        subprocess.run(["strip", "--strip-all", "-o", stripped, TOLLGATE], check=True)
        subprocess.run(["deploy/rootfs", stripped, "connectors.d", "policies.d", root], check=True)
        self.environment = dict(pair.split("=", 1) for pair in shlex.split(self.of["ENV"]))
        self.user = self.of["USER"]
        self.start = json.loads(self.of["ENTRYPOINT"]) + json.loads(self.of["CMD"])
        self.health = json.loads(re.search(r"CMD (\[.*\])", self.of["HEALTHCHECK"]).group(1))
        assert self.of["STOPSIGNAL"] == "SIGTERM"


class Container:
    """One start of the image: volumes mounted over its read-only root."""

    def __init__(self, image, state, mounts=(), state_is_read_only=False):
        self.image, self.mounted = image, []
        self.mount("--bind", image.root, image.root)
        if state is not None:
            self.mount("--bind", state, image.root / "var/lib/tollgate")
            if state_is_read_only:
                self.mount("-o", "remount,bind,ro", image.root / "var/lib/tollgate")
        for source, place in mounts:
            place = image.root / place
            if source.is_file():
                if not place.exists():
                    place.parent.mkdir(parents=True, exist_ok=True)
                    place.touch()
            else:
                place.mkdir(parents=True, exist_ok=True)
            self.mount("--bind", source, place)
            self.mount("-o", "remount,bind,ro", place)
        self.mount("-t", "proc", "proc", image.root / "proc")
        self.mount("-o", "remount,bind,ro", image.root)
        self.log = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(self.command(image.start), stdout=self.log, stderr=self.log, env=image.environment)

    def mount(self, *arguments):
        subprocess.run(["mount", *map(str, arguments)], check=True)
        if "remount" not in str(arguments):
            self.mounted.append(arguments[-1])

    def command(self, command):
        return [CHROOT, f"--userspec={self.image.user}", "--groups=", str(self.image.root), *command]

    def run(self, *command, stdin=""):
        """As `docker exec` does."""
        return subprocess.run(
            self.command(command), env=self.image.environment, input=stdin, capture_output=True, text=True, timeout=60
        )

    def is_healthy(self):
        return self.run(*self.image.health).returncode == 0

    def wait(self):
        """Until it is healthy, as Docker's own check has it, or has ended."""
        until(lambda: self.process.poll() is not None or self.is_healthy(), "the container is healthy")

    def said(self):
        self.log.seek(0)
        return self.log.read()

    def end(self, signal_=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(signal_)
        status = self.process.wait(timeout=60)
        for place in reversed(self.mounted):
            subprocess.run(["umount", str(place)], check=True)
        self.mounted = []
        return status


class Upstream(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    seen = []

    def do_GET(self):
        Upstream.seen.append(self.headers.get("Authorization"))
        body = b'{"login":"ada"}'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def until(holds, what, seconds=60):
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            raise TimeoutError(what)
        time.sleep(0.1)


def curl(*arguments):
    done = subprocess.run(["curl", "-sS", "-m", "20", "-w", "\n%{http_code}", *arguments], capture_output=True, text=True)
    body, _, status = done.stdout.rpartition("\n")
    return int(status or 0), body + done.stderr


def upstream(folder):
    shared = ["openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-x509"]
    quiet = {"check": True, "capture_output": True, "cwd": folder}
    subprocess.run([*shared, "-subj", "/CN=Upstream CA", "-keyout", "ca.key", "-out", "ca.pem"], **quiet)
    subprocess.run(
        [*shared, "-subj", "/CN=upstream", "-CA", "ca.pem", "-CAkey", "ca.key", "-addext", "subjectAltName=DNS:api.github.com",
         "-addext", "basicConstraints=critical,CA:FALSE", "-keyout", "leaf.key", "-out", "leaf.pem"], **quiet
    )  # fmt: skip
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 9443), Upstream)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "leaf.pem", folder / "leaf.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()


def volume(folder, name, owner=USER):
    place = folder / name
    place.mkdir(mode=0o700)
    os.chown(place, owner, owner)
    return place


def github(agent, token, bundle, *more):
    return curl("-x", f"http://{agent}:{token}@127.0.0.1:7070", "--cacert", str(bundle), *more, "https://api.github.com/user")


def as_shipped(image, folder):
    """`docker run` with nothing but a volume."""
    state = volume(folder, "shipped")
    container = Container(image, state)
    container.wait()
    checks.that("the image starts with an empty volume, and its health check says so", container.process.poll() is None, container.said())
    owners = {(path.stat().st_uid, path.stat().st_mode & 0o077) for path in state.rglob("*") if path.name.endswith((".key", ".token", ".db"))}
    checks.that("secrets in the volume are the image's user's alone", owners == {(USER, 0)}, owners)
    written = [path for path in image.root.rglob("*") if path.relative_to(image.root).parts[0] not in ("var", "proc") and path.is_file() and path.stat().st_uid == USER]
    checks.that("nothing is written outside the volume", not written, written)
    status, answer = curl("-x", "http://127.0.0.1:7070", "http://tollgate.internal/ca.pem")
    checks.that("the CA comes from the gateway without a token", status == 200 and "BEGIN CERTIFICATE" in answer, answer)
    (folder / "shipped.pem").write_text(answer)
    token = (state / "agents/default.token").read_text().strip()
    status, answer = github("default", token, folder / "shipped.pem")
    checks.that("a call without a credential is refused, and says what is missing", status == 403 and "no_credential" in answer, answer)
    for host, wanted in [("127.0.0.1:7072", 200), ("tollgate:7072", 200), ("evil.example", 421)]:
        status, answer = curl("-H", f"Host: {host}", "http://127.0.0.1:7072/metrics")
        checks.that(f"metrics for Host {host}: {wanted}", status == wanted and ("tollgate_build_info" in answer) == (wanted == 200), answer[:200])
    shown = container.run("/usr/bin/tollgate", "status")
    checks.that("`docker exec` reaches the gateway", shown.returncode == 0 and "ready" in shown.stdout, shown.stdout + shown.stderr)
    checks.that("SIGTERM drains, and the exit is 0", container.end() == 0, container.said())
    return state


def configured(image, folder):
    """As compose and Kubernetes do: configuration, policies and secrets mounted, an agent declared."""
    config = yaml.safe_load(pathlib.Path("deploy/compose/tollgate.yaml").read_text())
    config["credentials"] = [
        {"id": "gh", "connector": "github", "host": "api.github.com", "fields": {"token": {"file": "/run/secrets/github"}}}
    ]
    config["egress"] = {"resolve": {"api.github.com:443": "127.0.0.1:9443"}, "ca_files": ["/run/secrets/upstream.pem"]}
    (folder / "tollgate.yaml").write_text(yaml.safe_dump(config))
    secrets = folder / "secrets"
    secrets.mkdir()
    for name, text in [("ci_agent_token", TOKEN), ("github", SECRET), ("upstream.pem", (folder / "ca.pem").read_text())]:
        (secrets / name).write_text(text)
    policies = folder / "policies.d"
    first = pathlib.Path("deploy/compose/policies.d/ci.yaml").read_text()
    swap(policies, {"ci.yaml": first})
    mounts = [
        (folder / "tollgate.yaml", "etc/tollgate/tollgate.yaml"),
        (policies, "etc/tollgate/policies.d"),
        (secrets, "run/secrets"),
    ]
    state = volume(folder, "state")
    container = Container(image, state, mounts)
    container.wait()
    checks.that("it starts with what compose mounts", container.process.poll() is None, container.said())

    files = container.run("/usr/bin/tollgate", "env", "--agent", "ci", "--files", "/var/lib/tollgate/files", "--format", "compose")
    assert files.returncode == 0, files.stderr
    variables = yaml.safe_load(files.stdout)["environment"]
    checks.that("`env --format compose` names the service", variables["HTTPS_PROXY"] == "http://ci:TOKEN@tollgate:7070", files.stderr)
    bundle = image.root / variables["SSL_CERT_FILE"].lstrip("/")
    checks.that("`env --files` writes the bundle that it names", bundle.is_file() and bundle.stat().st_mode & 0o444 == 0o444, variables)

    status, answer = github("ci", TOKEN, bundle)
    checks.that("an agent's call goes out with the credential", status == 200 and Upstream.seen == [f"Bearer {SECRET}"], answer)
    checks.that("and the secret does not come back", SECRET not in answer)

    deny = first + "policies: [{ id: no-users, actions: ['github.user.*'], when: 'true', decision: deny }]\n"
    swap(policies, {"ci.yaml": deny})
    until(lambda: github("ci", TOKEN, bundle)[0] == 403, "a swapped ConfigMap takes effect")
    checks.that("a policy that Kubernetes swaps in takes effect without a restart", len(Upstream.seen) >= 1)
    seen = len(Upstream.seen)
    swap(policies, {"ci.yaml": "policies: [nonsense"})
    until(lambda: curl("http://127.0.0.1:7072/metrics")[1].find("tollgate_reload_failed 1") >= 0, "a broken file is told")
    status, answer = github("ci", TOKEN, bundle)
    checks.that("a broken one leaves the last in use", status == 403 and len(Upstream.seen) == seen, answer)
    checks.that("and the container stays healthy", container.is_healthy())
    checks.that("it ends at SIGTERM", container.end() == 0)

    log = container.said()
    checks.that("no secret is in the log", SECRET not in log and TOKEN not in log)
    again = Container(image, state, mounts[:1] + [(pathlib.Path("deploy/compose/policies.d").absolute(), "etc/tollgate/policies.d")] + mounts[2:])
    again.wait()
    checks.that("it starts again on its volume", github("ci", TOKEN, bundle)[0] == 200, again.said())
    again.end()


def swap(directory, files):
    """Replaces files as the kubelet does: a new directory, and one link that is moved over."""
    directory.mkdir(exist_ok=True)
    version = directory / f"..{time.monotonic_ns()}"
    version.mkdir()
    for name, text in files.items():
        (version / name).write_text(text)
    link = directory / "..data_tmp"
    link.symlink_to(version.name)
    link.rename(directory / "..data")
    for name in files:
        if not (directory / name).is_symlink():
            (directory / name).symlink_to(f"..data/{name}")


def refused(image, folder, claim, state, wanted, **how):
    """A start that cannot be: one message that says what to do, exit 1 or 2, and nothing half made."""
    before = listing(state)
    with contextlib.closing(Start(image, state, **how)) as start:
        status, said = start.status, start.said
    # A report of a file points at its places instead of one help.
    is_told = "help:" in said or "-->" in said
    is_short = said.count("error") <= 2
    checks.that(claim, status in (1, 2) and is_told and is_short and wanted in said, f"exit {status}: {said}")
    checks.that(f"{claim}: nothing is half made", listing(state) == before, listing(state))


class Start:
    def __init__(self, image, state, **how):
        self.container = Container(image, state, **how)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.container.process.wait(timeout=30)
        self.said = self.container.said()
        self.status = self.container.process.poll()

    def close(self):
        self.container.end(signal.SIGKILL)


def listing(place):
    return sorted(str(path) for path in place.rglob("*")) if place else None


def bad_input(image, folder):
    refused(image, folder, "a read-only volume", volume(folder, "ro"), "Read-only", state_is_read_only=True)
    refused(image, folder, "no volume", None, "/var/lib/tollgate")
    refused(image, folder, "a volume of another owner", volume(folder, "of-root", 0), "65532")
    taken = http.server.ThreadingHTTPServer(("0.0.0.0", 7072), Upstream)
    refused(image, folder, "a port in use", volume(folder, "port"), "7072")
    taken.server_close()
    broken = folder / "broken.yaml"
    broken.write_text("proxy: { listen: 7070 }\n")
    mounts = [(broken, "etc/tollgate/tollgate.yaml")]
    refused(image, folder, "a configuration that does not parse", volume(folder, "broken"), "tollgate.yaml:1", mounts=mounts)


def main():
    # Nothing of this is seen outside.
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="tollgate-deploy-"))
    folder.chmod(0o755)
    try:
        image = Image(folder / "root")
        size = sum(file.stat().st_size for file in image.root.rglob("*") if file.is_file() and file.name != "tollgate")
        checks.that("all but the binary is under 8 MiB", size < 8 * 1024 * 1024, size)
        upstream(folder)
        as_shipped(image, folder)
        configured(image, folder)
        bad_input(image, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return checks.end()


sys.exit(main())
