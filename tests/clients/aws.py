"""Sends boto3 through `tollgate run` to a loopback server that verifies every signature as AWS documents it.

The client holds placeholders only. Every check prints a line; the last line is `N passed, N failed`.
"""

import hashlib
import hmac
import http.server
import io
import json
import os
import pathlib
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request

TOLLGATE = os.path.abspath(sys.argv[1])
KEY_ID = "AKIAREALREALREALREAL"
SECRET = "RealRealReal/K7MDENGbPxRfiCYREALREALREAL"
HOSTS = ["s3.eu-west-1.amazonaws.com", "dynamodb.eu-west-1.amazonaws.com", "sts.eu-west-1.amazonaws.com"]
S3 = {"s3"}

CONNECTOR = f"""
connector: cloudtest
name: AWS, as far as these clients need it
domains: [{", ".join(HOSTS)}]
native: aws
auth:
  - id: keys
    fields: [access_key_id, secret_access_key]
    sigv4: {{ access_key_id: "{{access_key_id}}", secret_access_key: "{{secret_access_key}}" }}
    require: placeholder
    env: {{ AWS_ACCESS_KEY_ID: "{{placeholder.access_key_id}}", AWS_SECRET_ACCESS_KEY: "{{placeholder.secret_access_key}}" }}
routes:
  - {{ action: object.put, match: "PUT s3.eu-west-1.amazonaws.com/{{bucket}}/{{*key}}", body: none, risk: low }}
  - {{ action: object.get, match: "GET s3.eu-west-1.amazonaws.com/{{bucket}}/{{*key}}", risk: low }}
  - {{ action: bucket.list, match: "GET s3.eu-west-1.amazonaws.com/{{bucket}}", risk: low }}
  - {{ action: call.make, match: "POST /", body: none, risk: low }}
paths: {{ allow: [encoded_slash, double_slash] }}
"""


def encode(text, safe=""):
    return urllib.parse.quote(text, safe="-_.~" + safe)


def signature(request, body, secret):
    """Returns the signature that a request should have, by AWS's description of Signature Version 4."""
    headers = {name.lower(): " ".join(value.split()) for name, value in request.headers.items()}
    fields = dict(part.strip().split("=", 1) for part in headers["authorization"].removeprefix("AWS4-HMAC-SHA256").split(","))
    key_id, day, region, service, end = fields["Credential"].split("/")
    path, _, query = request.path.partition("?")
    if service not in S3:
        path = encode(path, "/")
    pairs = sorted((encode(name), encode(value)) for name, value in urllib.parse.parse_qsl(query, keep_blank_values=True))
    payload = headers.get("x-amz-content-sha256") or hashlib.sha256(body).hexdigest()
    names = fields["SignedHeaders"].split(";")
    canonical = "\n".join(
        [request.command, path, "&".join(f"{name}={value}" for name, value in pairs)]
        + [f"{name}:{headers[name]}" for name in names] + ["", ";".join(names), payload]
    )  # fmt: skip
    scope = "/".join([day, region, service, end])
    text = "\n".join(["AWS4-HMAC-SHA256", headers["x-amz-date"], scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = f"AWS4{secret}".encode()
    for part in [day, region, service, end]:
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    whole = payload in ("UNSIGNED-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER") or payload == hashlib.sha256(body).hexdigest()
    return key_id, fields["Signature"], hmac.new(key, text.encode(), hashlib.sha256).hexdigest(), whole


def chunks(stream):
    """Reads chunks with their trailers, as HTTP and `aws-chunked` have them."""
    body = b""
    while size := int(stream.readline().split(b";")[0], 16):
        body += stream.read(size)
        stream.readline()
    while stream.readline() not in (b"\r\n", b""):
        pass
    return body


class Aws(http.server.BaseHTTPRequestHandler):
    """Stores what is signed with the real key, and answers 403 to everything else."""

    protocol_version = "HTTP/1.1"
    seen, objects = [], {}

    def answer(self):
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = chunks(self.rfile)
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if "aws-chunked" in self.headers.get("Content-Encoding", ""):
            body = chunks(io.BytesIO(body))
        try:
            key_id, found, wanted, whole = signature(self, body, SECRET)
        except (KeyError, ValueError, AttributeError) as error:
            key_id, found, wanted, whole = "", repr(error), "a signature", False
        good = key_id == KEY_ID and found == wanted and whole
        head = f"{self.command} {self.path}\n{self.headers}"
        Aws.seen.append({"good": good, "head": head, "why": (key_id, found, wanted, whole)})
        if not good:
            return self.reply(403, b"<Error><Code>SignatureDoesNotMatch</Code></Error>", "application/xml")
        host, path = self.headers["Host"], self.path.partition("?")[0]
        if host.startswith("s3") and self.command == "PUT":
            Aws.objects[path] = body
            return self.reply(200, b"", "application/xml", {"ETag": '"x"'})
        if host.startswith("s3") and path in Aws.objects:
            return self.reply(200, Aws.objects[path], "application/octet-stream")
        if host.startswith("s3"):
            return self.reply(200, b"<ListBucketResult><Name>b</Name><KeyCount>0</KeyCount></ListBucketResult>", "application/xml")
        if host.startswith("dynamodb"):
            return self.reply(200, b'{"TableNames":["one"]}', "application/x-amz-json-1.0")
        who = b"<GetCallerIdentityResponse><GetCallerIdentityResult><Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"
        return self.reply(200, who, "text/xml")

    def reply(self, status, body, kind, headers=()):
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **dict(headers)}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_PUT = do_POST = answer

    def log_message(self, *_):
        pass


def call(*command, stdin=None):
    return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=60)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start_upstream(folder):
    names = ",".join(f"DNS:{host}" for host in HOSTS)
    shared = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-x509"]
    call("openssl", "req", *shared, "-subj", "/CN=Upstream CA", "-keyout", f"{folder}/ca.key", "-out", f"{folder}/ca.pem")
    call(
        "openssl", "req", *shared, "-subj", "/CN=aws", "-CA", f"{folder}/ca.pem", "-CAkey", f"{folder}/ca.key",
        "-addext", f"subjectAltName={names}", "-addext", "basicConstraints=critical,CA:FALSE",
        "-keyout", f"{folder}/leaf.key", "-out", f"{folder}/leaf.pem",
    )  # fmt: skip
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Aws)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "leaf.pem", folder / "leaf.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


def configure(folder, upstream):
    admin = free_port()
    (folder / "connectors.d").mkdir()
    (folder / "connectors.d" / "cloudtest.yaml").write_text(CONNECTOR)
    (folder / "policies.d").mkdir()
    (folder / "policies.d" / "all.yaml").write_text("permissions:\n  - { agents: [default], connector: cloudtest, access: full }\n")
    resolve = "\n".join(f'    "{host}:443": "127.0.0.1:{upstream}"' for host in HOSTS)
    (folder / "tollgate.yaml").write_text(
        f'proxy: {{ listen: ["127.0.0.1:{free_port()}"] }}\nadmin: {{ listen: ["127.0.0.1:{admin}"] }}\nmetrics: {{ listen: [] }}\n'
        "data_dir: state\nbuilt_in: []\nconnectors: [connectors.d]\npolicies: [policies.d]\n"
        f"egress:\n  resolve:\n{resolve}\n  ca_files: [ca.pem]\n"
    )
    return admin


SCRIPT = """
import io, json, os, boto3
from botocore.config import Config
def client(name, **more):
    return boto3.client(name, region_name='eu-west-1', config=Config(s3={'addressing_style': 'path'}, retries={'max_attempts': 1}, **more))
out = {'id': os.environ['AWS_ACCESS_KEY_ID'], 'secret': os.environ['AWS_SECRET_ACCESS_KEY']}
s3 = client('s3')
s3.put_object(Bucket='b', Key='a b/ü+1.txt', Body=b'hello', Metadata={'note': 'x  y'})
out['object'] = s3.get_object(Bucket='b', Key='a b/ü+1.txt')['Body'].read().decode()
s3.put_object(Bucket='b', Key='large', Body=io.BytesIO(b'x' * 3_000_000))
out['large'] = len(s3.get_object(Bucket='b', Key='large')['Body'].read())
out['keys'] = s3.list_objects_v2(Bucket='b', Prefix='a b/')['KeyCount']
out['tables'] = client('dynamodb').list_tables()['TableNames']
out['account'] = client('sts').get_caller_identity()['Account']
print(json.dumps(out))
"""

UNSIGNED = """
import boto3, botocore
try:
    boto3.client('dynamodb', region_name='eu-west-1', aws_access_key_id='AKIAOFTHEAGENT000000', aws_secret_access_key='x' * 40).list_tables()
except botocore.exceptions.ClientError as error:
    print(error)
"""


def main():
    passed = failed = 0

    def that(claim, truth, detail=""):
        nonlocal passed, failed
        passed, failed = passed + bool(truth), failed + (not truth)
        print(f"ok    {claim}" if truth else f"FAIL  {claim}\n      {detail}")

    with tempfile.TemporaryDirectory() as place:
        folder = pathlib.Path(place)
        admin = configure(folder, start_upstream(folder))
        config = str(folder / "tollgate.yaml")
        with open(folder / "log", "w") as log:
            gateway = subprocess.Popen([TOLLGATE, "--config", config, "serve"], stdout=log, stderr=log)
        try:
            for _ in range(600):
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{admin}/readyz", timeout=1).close()
                    break
                except OSError:
                    time.sleep(0.1)
            hosts = [part for host in HOSTS for part in ("--host", host)]
            added = call(TOLLGATE, "--config", config, "credential", "add", "cloudtest", *hosts, stdin=f"{KEY_ID}\n{SECRET}\n")
            that("keys are added", added.returncode == 0, added)
            done = call(TOLLGATE, "--config", config, "run", "--", sys.executable, "-c", SCRIPT)
            out = json.loads(done.stdout) if done.returncode == 0 and done.stdout else {}
            that("boto3 gets its answers", out, done)
            that("objects come back whole", (out.get("object"), out.get("large")) == ("hello", 3_000_000), out)
            that("lists, tables and who asks", (out.get("keys"), out.get("tables"), out.get("account")) == (0, ["one"], "123456789012"), out)
            that("the client holds a key id of the right form", out.get("id", "").startswith("AKIA") and len(out["id"]) == 20, out)
            that("and neither real key", KEY_ID not in done.stdout and SECRET not in done.stdout)
            bad = [seen for seen in Aws.seen if not seen["good"]]
            that("every signature is right, over what arrived", len(Aws.seen) >= 7 and not bad, bad)
            heads = "".join(seen["head"] for seen in Aws.seen)
            that("no placeholder reaches the upstream", out and out["id"] not in heads and out["secret"] not in heads)
            before = len(Aws.seen)
            done = call(TOLLGATE, "--config", config, "run", "--", sys.executable, "-c", UNSIGNED)
            that("other keys than the placeholders are refused", "placeholder" in done.stdout and len(Aws.seen) == before, done)
        finally:
            gateway.terminate()
            gateway.wait(timeout=30)
            if failed:
                print((folder / "log").read_text()[-3000:])
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


main()
