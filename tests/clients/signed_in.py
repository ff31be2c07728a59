"""Lets real clients (PyGithub, google-auth) work with placeholders while the gateway signs in for them.

The servers of GitHub and Google are played on loopback. They verify what they are asked with by PyJWT, which shares no code with
the gateway, and take only the tokens that they have issued. Every check prints a line; the last line is `N passed, N failed`.
"""

import http.server
import json
import os
import pathlib
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

import jwt

TOLLGATE = os.path.abspath(sys.argv[1])
HOSTS = ["api.github.com", "storage.googleapis.com", "oauth2.googleapis.com"]
INSTALLATIONS = {"acme": 7, "ada": 8}
ACCOUNT = "robot@project.iam.gserviceaccount.com"

GITHUB = """
connector: github
name: GitHub
version: 1
domains: [api.github.com]
auth:
  - id: app
    fields: [{ name: app_id, secret: false }, private_key]
    github_app: { app_id: "{app_id}", private_key: "{private_key}" }
routes:
  - { action: repo.get, match: "GET /repos/{owner}/{repo}", risk: low }
  - { action: issue.create, match: "POST /repos/{owner}/{repo}/issues", risk: low, params: { title: $.title } }
allow_headers: [x-github-api-version]
"""

GOOGLE = """
connector: storage
name: Google Cloud Storage
version: 1
domains: [storage.googleapis.com]
auth:
  - id: service_account
    fields: [{ name: client_email, secret: false }, private_key]
    oauth2:
      grant: jwt_bearer
      token_url: https://oauth2.googleapis.com/token
      jwt:
        alg: RS256
        key: "{private_key}"
        claims: { iss: "{client_email}", scope: "https://www.googleapis.com/auth/devstorage.read_only", aud: "https://oauth2.googleapis.com/token" }
        lifetime: 1h
routes:
  - { action: bucket.get, match: "GET /storage/v1/b/{bucket}", risk: low }
allow_headers: ["x-goog-*"]
"""


class Server(http.server.BaseHTTPRequestHandler):
    """GitHub, Google's token endpoint and Google's storage, as far as they are needed."""

    protocol_version = "HTTP/1.1"
    public_key = ""
    seen = []
    issued = {}

    def serve(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        host, authorization = self.headers.get("Host"), self.headers.get("Authorization", "")
        Server.seen.append((host, self.command, self.path, authorization))
        status, answer = self.answer(host, authorization, body)
        text = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = serve

    def answer(self, host, authorization, body):
        if host == "oauth2.googleapis.com":
            return self.google_token(dict(urllib.parse.parse_qsl(body.decode())))
        if "/installation" in self.path:
            return self.installation(authorization.removeprefix("Bearer "))
        holder = Server.issued.get(authorization.partition(" ")[2])
        wanted = "google" if host == "storage.googleapis.com" else self.path.split("/")[2]
        if holder is None or holder != wanted:
            return 401, {"message": "Bad credentials"}
        if host == "storage.googleapis.com":
            return 200, {"kind": "storage#bucket", "name": self.path.rpartition("/")[2]}
        full_name = "/".join(self.path.split("/")[2:4])
        if self.command == "POST":
            return 201, {"number": 1, "title": json.loads(body)["title"], "url": f"https://api.github.com{self.path}/1"}
        return 200, {"id": 1, "full_name": full_name, "url": f"https://api.github.com/repos/{full_name}"}

    def google_token(self, form):
        claims = jwt.decode(form["assertion"], self.public_key, ["RS256"], audience="https://oauth2.googleapis.com/token")
        good = claims["iss"] == ACCOUNT and claims["exp"] - claims["iat"] <= 3600
        if form["grant_type"] != "urn:ietf:params:oauth:grant-type:jwt-bearer" or not good:
            return 400, {"error": "invalid_grant"}
        return 200, {"access_token": self.issue("ya29.", "google"), "expires_in": 3599, "token_type": "Bearer"}

    def installation(self, proof):
        claims = jwt.decode(proof, self.public_key, ["RS256"])
        if claims["iss"] != "12345" or claims["exp"] > time.time() + 600:
            return 401, {"message": "A JSON web token could not be decoded"}
        for owner, number in INSTALLATIONS.items():
            if self.path == f"/orgs/{owner}/installation":
                return 200, {"id": number, "account": {"login": owner}}
            if self.path == f"/app/installations/{number}/access_tokens":
                end = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
                return 201, {"token": self.issue("ghs_", owner), "expires_at": end}
        return 404, {"message": "Not Found"}

    def issue(self, prefix, holder):
        token = f"{prefix}{len(Server.issued):016d}"
        Server.issued[token] = holder
        return token

    def log_message(self, *_):
        pass


CLIENT = """
import json
import google.oauth2.credentials
from google.auth.transport.requests import AuthorizedSession
from github import Auth, Github

hub = Github(auth=Auth.Token("ghs_placeholder"))
names = [hub.get_repo(name).full_name for name in ["acme/one", "ada/two", "acme/three"]]
issue = hub.get_repo("acme/one").create_issue(title="hello")
session = AuthorizedSession(google.oauth2.credentials.Credentials(token="ya29.placeholder"))
bucket = session.get("https://storage.googleapis.com/storage/v1/b/photos")
try:
    hub.get_repo("eve/four")
    refused = ""
except Exception as error:
    refused = str(error)
print(json.dumps({"names": names, "issue": issue.title, "bucket": [bucket.status_code, bucket.json()], "refused": refused}))
"""


def call(*command, stdin=None):
    return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=120)


def certificates(folder):
    names = ",".join(f"DNS:{host}" for host in HOSTS)
    shared = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-x509"]
    call("openssl", "req", *shared, "-subj", "/CN=Server CA", "-keyout", f"{folder}/ca.key", "-out", f"{folder}/ca.pem")
    call(
        "openssl", "req", *shared, "-subj", "/CN=server", "-CA", f"{folder}/ca.pem", "-CAkey", f"{folder}/ca.key",
        "-addext", f"subjectAltName={names}", "-addext", "basicConstraints=critical,CA:FALSE",
        "-keyout", f"{folder}/leaf.key", "-out", f"{folder}/leaf.pem",
    )  # fmt: skip
    call("openssl", "genrsa", "-traditional", "-out", f"{folder}/app.pem", "2048")
    Server.public_key = call("openssl", "rsa", "-in", f"{folder}/app.pem", "-pubout").stdout


def serve(folder):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "leaf.pem", folder / "leaf.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


def configure(folder, port):
    for name, text in [("connectors.d/github.yaml", GITHUB), ("connectors.d/storage.yaml", GOOGLE)]:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    (folder / "policies.d").mkdir()
    (folder / "policies.d/all.yaml").write_text(
        "permissions:\n  - { agents: [default], connector: github, access: full }\n  - { agents: [default], connector: storage, access: full }\n"
    )
    resolve = "\n".join(f'    "{host}:443": "127.0.0.1:{port}"' for host in HOSTS)
    (folder / "tollgate.yaml").write_text(
        f"""
proxy: {{ listen: ["127.0.0.1:0"] }}
admin: {{ listen: ["127.0.0.1:0"] }}
metrics: {{ listen: ["127.0.0.1:0"] }}
data_dir: state
built_in: []
connectors: [connectors.d]
policies: [policies.d]
agents: [{{ name: default, token: {{ file: agent }} }}]
egress:
  ca_files: [ca.pem]
  resolve:
{resolve}
credentials:
  - {{ id: app, connector: github, host: api.github.com, fields: {{ app_id: "12345", private_key: {{ file: app.pem }} }} }}
  - {{ id: robot, connector: storage, host: storage.googleapis.com, fields: {{ client_email: "{ACCOUNT}", private_key: {{ file: app.pem }} }} }}
"""
    )
    (folder / "agent").write_text("tga_clients_0123456789abcdef0123456789")


def main():
    passed = failed = 0

    def that(claim, truth, detail=""):
        nonlocal passed, failed
        passed, failed = passed + bool(truth), failed + (not truth)
        print(f"ok    {claim}" if truth else f"FAIL  {claim}\n      {detail}")

    with tempfile.TemporaryDirectory() as place:
        folder = pathlib.Path(place)
        certificates(folder)
        configure(folder, serve(folder))
        config = str(folder / "tollgate.yaml")
        log = open(folder / "log", "w+")
        gateway = subprocess.Popen([TOLLGATE, "serve", "--config", config], stdout=log, stderr=log)
        try:
            for _ in range(600):
                if call(TOLLGATE, "--config", config, "status").returncode == 0 or gateway.poll() is not None:
                    break
                time.sleep(0.05)
            done = call(TOLLGATE, "--config", config, "run", "--", sys.executable, "-c", CLIENT)
        finally:
            gateway.terminate()
            gateway.wait(timeout=30)
        log.seek(0)
        said = log.read()
        try:
            found = json.loads(done.stdout)
        except ValueError:
            found = {}
        that("PyGithub reads repositories of two owners as a GitHub App", found.get("names") == ["acme/one", "ada/two", "acme/three"], done.stderr + said)
        that("PyGithub writes as a GitHub App", found.get("issue") == "hello")
        that("an owner without an installation is refused", "credential_unhealthy" in found.get("refused", ""), found.get("refused"))
        that("google-auth reads a bucket as a service account", found.get("bucket") == [200, {"kind": "storage#bucket", "name": "photos"}])
        that("each token was issued once", len(Server.issued) == 3, Server.issued)
        sent = [authorization for *_, authorization in Server.seen]
        that("no placeholder reached a server", sent and not any("placeholder" in one for one in sent))
        secrets = [*Server.issued, *[line for line in (folder / "app.pem").read_text().splitlines() if len(line) == 64]]
        kept = [path for path in (folder / "state").rglob("*") if path.is_file()]
        texts = [said.encode(), done.stdout.encode(), done.stderr.encode(), *[path.read_bytes() for path in kept]]
        leaked = [secret for secret in secrets if any(secret.encode() in text for text in texts)]
        that("no secret is in the log, the client's output, the store or the journal", not leaked, len(leaked))
    print(f"{passed} passed, {failed} failed")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
