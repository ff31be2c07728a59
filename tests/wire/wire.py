"""What this folder's files share: a gateway, an upstream that notes every byte, tunnels, and what the journal says."""

import base64
import collections
import hashlib
import json
import os
import pathlib
import re
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

import h11

TOKEN = "tga_wire_0123456789abcdef0123456789"
TOKEN_CHARACTERS = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
REQUEST_LINE = re.compile(rf"({TOKEN_CHARACTERS}) ([/*][\x21-\x7e]*) HTTP/1\.1".encode())
FIELD = re.compile(rf"({TOKEN_CHARACTERS}): ?([\t\x20-\x7e\x80-\xff]*)".encode())
CHUNK = re.compile(rb"[0-9A-Fa-f]{1,8}")
TIME_LIMIT = 10


class Unclean(Exception):
    """Bytes that some server could read in another way."""


Request = collections.namedtuple("Request", "method target headers body")


def strict(data):
    """Returns the one request that the bytes are, read as narrowly as RFC 9112 allows, and as h11 reads them."""
    head, found, rest = data.partition(b"\r\n\r\n")
    if not found or re.search(rb"[\0]|\r(?!\n)|(?<!\r)\n", head):
        raise Unclean("the head has no end, or a control character in it")
    first, *fields = head.split(b"\r\n")
    line = REQUEST_LINE.fullmatch(first)
    if not line:
        raise Unclean("the request line")
    headers = collections.defaultdict(list)
    for field in fields:
        match = FIELD.fullmatch(field)
        if not match or b"_" in match[1]:
            raise Unclean(f"the field {field}")
        headers[match[1].decode().lower()].append(match[2].decode("latin-1"))
    if any(len(headers[name]) > 1 for name in ["host", "content-length", "transfer-encoding", "authorization"]):
        raise Unclean("a field that may be there once")
    body = framed(headers, rest)
    request = Request(line[1].decode(), line[2].decode(), dict(headers), body)
    if second_opinion(data) != (request.method, request.target, body):
        raise Unclean("h11 reads another request")
    return request


def framed(headers, rest):
    length, coding = headers.get("content-length"), headers.get("transfer-encoding")
    if length and coding:
        raise Unclean("two framings")
    if coding:
        return chunked(rest) if coding == ["chunked"] else unclean("the coding")
    if length and not re.fullmatch("0|[1-9][0-9]*", length[0]):
        raise Unclean("the length")
    if len(rest) != int(length[0] if length else 0):
        raise Unclean(f"{len(rest)} bytes for a length of {length}")
    return rest


def unclean(reason):
    raise Unclean(reason)


def chunked(rest):
    body = b""
    while True:
        size, found, rest = rest.partition(b"\r\n")
        if not found or not CHUNK.fullmatch(size):
            raise Unclean(f"the size of a chunk, {size[:40]}")
        count = int(size, 16)
        if rest[count : count + 2] != b"\r\n":
            raise Unclean("the end of a chunk")
        body, rest = body + rest[:count], rest[count + 2 :]
        if count == 0:
            return body if not rest else unclean("bytes behind the last chunk")


def second_opinion(data):
    server, body, request = h11.Connection(h11.SERVER), b"", None
    server.receive_data(data)
    while True:
        event = server.next_event()
        if isinstance(event, h11.Request):
            request = event
        elif isinstance(event, h11.Data):
            body += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage):
            rest = server.trailing_data[0]
            return (request.method.decode(), request.target.decode(), body) if not rest else unclean("h11 sees two requests")
        else:
            raise Unclean("h11 waits for more")


class Recorder:
    """A TLS server that speaks HTTP/1.1, answers each connection once, and notes every byte until the other side closes."""

    def __init__(self, folder):
        # Every byte of each connection, and of which ones a whole request came and was answered.
        self.connections = []
        self.answered = set()
        self.lock = threading.Lock()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "leaf.pem", folder / "leaf.key")
        context.set_alpn_protocols(["http/1.1"])
        self.context = context
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            plain, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(plain,), daemon=True).start()

    def serve(self, plain):
        plain.settimeout(TIME_LIMIT)
        try:
            stream = self.context.wrap_socket(plain, server_side=True)
        except OSError:
            return
        with stream:
            with self.lock:
                number = len(self.connections)
                self.connections.append(b"")
            try:
                while chunk := stream.recv(65536):
                    self.connections[number] += chunk
                    if number not in self.answered and is_whole(self.connections[number]):
                        self.answered.add(number)
                        stream.sendall(answer(number, self.connections[number]))
            except OSError:
                pass


def is_whole(data):
    """Returns whether a request has arrived, generously: what is wrong with it, `strict` says."""
    head, found, rest = data.partition(b"\r\n\r\n")
    if not found:
        return False
    length = re.search(rb"(?im)^content-length: *([0-9]+)", head)
    if re.search(rb"(?im)^transfer-encoding:", head):
        return rest.endswith(b"0\r\n\r\n")
    return len(rest) >= int(length[1] if length else 0)


def answer(number, data):
    body = b"" if data.startswith(b"HEAD ") else b"ok"
    head = f"HTTP/1.1 200 OK\r\nX-Seen: {number}\r\nContent-Length: 2\r\nConnection: close\r\n\r\n"
    return head.encode() + body


class Checks:
    def __init__(self):
        self.passed = self.failed = 0

    def that(self, claim, truth, detail=""):
        if truth:
            self.passed += 1
        else:
            self.failed += 1
            print(f"FAIL  {claim}\n      {detail}")

    def end(self, what):
        print(f"{what}: {self.passed} passed, {self.failed} failed")
        if self.failed or not self.passed:
            sys.exit(1)


def call(*command, **more):
    return subprocess.run(command, capture_output=True, text=True, timeout=120, **more)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Gateway:
    """The built gateway on a configuration of its own; a context manager."""

    def __init__(self, tollgate):
        self.tollgate = os.path.abspath(tollgate)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tollgate-wire-"))
        self.hosts = {}
        self.policy = ""
        for name in ["connectors.d", "policies.d"]:
            (self.folder / name).mkdir()

    def certify(self, *hosts):
        names = ",".join(f"DNS:{host}" for host in hosts)
        shared = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-x509"]
        ca, key = self.folder / "ca.pem", self.folder / "ca.key"
        call("openssl", "req", *shared, "-subj", "/CN=Upstream CA", "-keyout", key, "-out", ca)
        call(
            "openssl", "req", *shared, "-subj", "/CN=upstream", "-CA", ca, "-CAkey", key,
            "-addext", f"subjectAltName={names}", "-addext", "basicConstraints=critical,CA:FALSE",
            "-keyout", self.folder / "leaf.key", "-out", self.folder / "leaf.pem",
        )  # fmt: skip

    def connector(self, name, yaml):
        (self.folder / "connectors.d" / f"{name}.yaml").write_text(yaml)

    def __enter__(self):
        (self.folder / "policies.d" / "wire.yaml").write_text(self.policy)
        self.proxy, self.admin = free_port(), free_port()
        resolve = "\n".join(f'    "{host}:443": "127.0.0.1:{port}"' for host, port in self.hosts.items())
        self.config = self.folder / "tollgate.yaml"
        self.config.write_text(
            f'proxy: {{ listen: ["127.0.0.1:{self.proxy}"] }}\nadmin: {{ listen: ["127.0.0.1:{self.admin}"] }}\n'
            "metrics: { listen: [] }\ndata_dir: state\nconnectors: [connectors.d]\npolicies: [policies.d]\n"
            "agents: [{ name: ci, token: { env: WIRE_TOKEN } }]\nlimits: { request_head: 1s }\nlog: { level: error }\n"
            f"egress:\n  resolve:\n{resolve}\n  ca_files: [ca.pem]\n"
        )
        self.log = open(self.folder / "gateway.log", "w")
        environment = {**os.environ, "WIRE_TOKEN": TOKEN}
        command = [self.tollgate, "--config", str(self.config), "serve"]
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log, env=environment)
        self.wait_ready()
        self.tls = ssl.create_default_context(cafile=self.folder / "state" / "ca.pem")
        self.tls.set_alpn_protocols(["http/1.1"])
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=60)
        log = (self.folder / "gateway.log").read_text()
        shutil.rmtree(self.folder, ignore_errors=True)
        if code != 0 or "panicked" in log:
            sys.exit(f"the gateway ended with {code}\n{log[-5000:]}")

    def wait_ready(self):
        for _ in range(300):
            if self.process.poll() is not None:
                sys.exit((self.folder / "gateway.log").read_text()[-5000:])
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.admin}/readyz", timeout=1) as answered:
                    if answered.status == 200:
                        return
            except OSError:
                time.sleep(0.1)
        sys.exit("the gateway did not become ready")

    def tunnel(self, host, tls=None):
        plain = socket.create_connection(("127.0.0.1", self.proxy), timeout=TIME_LIMIT)
        login = base64.b64encode(f"ci:{TOKEN}".encode()).decode()
        plain.sendall(f"CONNECT {host}:443 HTTP/1.1\r\nHost: {host}:443\r\nProxy-Authorization: Basic {login}\r\n\r\n".encode())
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += plain.recv(1) or unclean(f"no tunnel: {head}")
        return (tls or self.tls).wrap_socket(plain, server_hostname=host)

    def exchange(self, host, data, silence=TIME_LIMIT):
        """Writes bytes into a tunnel of their own, reads to its end or to a silence of some seconds, and returns the answers."""
        with self.tunnel(host) as stream:
            stream.settimeout(silence)
            received = b""
            try:
                stream.sendall(data)
                while chunk := stream.recv(65536):
                    received += chunk
            except (ConnectionError, TimeoutError):
                pass
            return answers(received)

    def decided(self):
        """Returns the journal's decisions by request id."""
        listed = call(self.tollgate, "--config", str(self.config), "--json", "audit", "query", "--limit", "100000",
                      env={**os.environ, "WIRE_TOKEN": TOKEN})  # fmt: skip
        if listed.returncode != 0:
            sys.exit(listed.stderr)
        records = json.loads(listed.stdout)["records"]
        return {record["request_id"]: record for record in records if record["kind"] == "decided"}


Answer = collections.namedtuple("Answer", "status headers body")


def answers(data):
    """Takes the gateway's answers apart; interim ones are left out."""
    found = []
    while data:
        head, ended, data = data.partition(b"\r\n\r\n")
        if not ended:
            raise Unclean(f"an answer without an end: {head[:200]}")
        first, *fields = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)}
        status = int(first.split(" ")[1])
        if status < 200:
            continue
        # The recorder's answers to HEAD are the only ones without the body that their length tells of.
        length = 0 if "x-seen" in headers and not data.startswith(b"ok") else int(headers.get("content-length", 0))
        found.append(Answer(status, headers, data[:length]))
        data = data[length:]
    return found


def compare(checks, recorder, decided, answered):
    """Holds what the upstream received against what was judged. `answered` is pairs of a case's name and its answers."""
    seen = {}
    for number in recorder.answered:
        data = recorder.connections[number]
        try:
            seen[number] = strict(data)
        except (Unclean, h11.ProtocolError) as error:
            checks.that("the upstream receives clean requests", False, f"{error}: {data[:2000]}")
    for name, found in answered:
        for one in found:
            number = one.headers.get("x-seen")
            if number is None:
                checks.that(f"{name}: what is not passed is refused", one.status >= 400, one)
                continue
            request, judged = seen.get(int(number)), decided.get(one.headers.get("tollgate-request-id"))
            agree = request and judged and judged["decision"] == "allow" and same(request, judged)
            checks.that(f"{name}: what was judged is what was sent", agree, f"{request} {judged}")
    # Also where the agent read no answer.
    sent = collections.Counter((request.method, path(request.target.partition("?")[0])) for request in seen.values())
    allowed = (event for event in decided.values() if event["decision"] == "allow")
    judged = collections.Counter((event["method"], path(event["path"])) for event in allowed)
    checks.that("nothing is sent that was not judged", not sent - judged, sent - judged)


def same(request, judged):
    return (
        request.method == judged["method"]
        and path(request.target.partition("?")[0]) == path(judged["path"])
        and request.headers["host"] == [judged["host"].removesuffix(":443")]
    )


def path(told):
    """The journal keeps a long text as its length and hash."""
    return hashlib.sha256(told.encode()).hexdigest() if isinstance(told, str) else told["sha256"]
