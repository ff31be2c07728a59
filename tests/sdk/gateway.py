"""A gateway with the shipped connectors whose every upstream is one recording server on loopback."""

import json
import os
import pathlib
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.request


def call(*command, **options):
    return subprocess.run(command, capture_output=True, text=True, timeout=120, **options)


def certificates(folder, hosts):
    """Writes an authority and a certificate of it for the hosts."""
    names = ",".join(f"DNS:{host}" for host in hosts)
    shared = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-x509"]
    call("openssl", "req", *shared, "-subj", "/CN=Upstream CA", "-keyout", f"{folder}/ca.key", "-out", f"{folder}/ca.pem")
    call(
        "openssl", "req", *shared, "-subj", "/CN=upstream", "-CA", f"{folder}/ca.pem", "-CAkey", f"{folder}/ca.key",
        "-addext", f"subjectAltName={names}", "-addext", "basicConstraints=critical,CA:FALSE",
        "-keyout", f"{folder}/leaf.key", "-out", f"{folder}/leaf.pem",
    )  # fmt: skip


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def surroundings(home, path):
    """Returns the environment of a machine where nobody has set anything up."""
    home.mkdir(exist_ok=True)
    kept = {name: os.environ[name] for name in ("LANG", "TMPDIR", "RUSTUP_TOOLCHAIN") if name in os.environ}
    toolchains = os.environ.get("RUSTUP_HOME", os.path.expanduser("~/.rustup"))
    return {
        **kept, "HOME": str(home), "PATH": f"{path}:{os.environ['PATH']}", "RUSTUP_HOME": toolchains, "GIT_TERMINAL_PROMPT": "0",
        "GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "ada@acme.example", "GIT_COMMITTER_NAME": "Ada", "GIT_COMMITTER_EMAIL": "ada@acme.example",
        "PIP_CONFIG_FILE": os.devnull, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "npm_config_update_notifier": "false",
    }  # fmt: skip


class Gateway:
    """The built gateway, from `with` to its end. `credentials` are `(id, connector, scheme, host, fields)`."""

    def __init__(self, binary, folder, upstream, policy, agents, credentials, connectors=None):
        self.binary, self.folder = os.path.abspath(binary), folder
        self.config = folder / "tollgate.yaml"
        self.admin = free_port()
        (folder / "policies.d").mkdir()
        (folder / "policies.d" / "team.yaml").write_text(policy)
        for name, text in (connectors or {}).items():
            (folder / "connectors.d").mkdir(exist_ok=True)
            (folder / "connectors.d" / f"{name}.yaml").write_text(text)
        # YAML reads JSON.
        self.config.write_text(json.dumps({
            "proxy": {"listen": [f"127.0.0.1:{free_port()}"]},
            "admin": {"listen": [f"127.0.0.1:{self.admin}"]},
            "metrics": {"listen": []},
            "data_dir": "state",
            **({"connectors": ["connectors.d"]} if connectors else {}),
            "policies": ["policies.d"],
            "agents": [{"name": name, "token": self.secret(name, f"tga_{secrets.token_urlsafe(32)}")} for name in agents],
            "credentials": [self.declared(*credential) for credential in credentials],
            "egress": {"resolve": {f"{host}:443": f"127.0.0.1:{upstream.port}" for host in upstream.hosts}, "ca_files": ["ca.pem"]},
        }))  # fmt: skip

    def declared(self, name, connector, scheme, host, fields):
        # What is told in the open is written as it is.
        written = {
            field: value if field in ("email", "username") else self.secret(f"{name}.{field}", value) for field, value in fields.items()
        }
        return {"id": name, "connector": connector, "scheme": scheme, "host": host, "fields": written}

    def secret(self, name, value):
        file = self.folder / f"{name}.secret"
        file.write_text(value)
        file.chmod(0o600)
        return {"file": str(file)}

    def __enter__(self):
        self.log = open(self.folder / "gateway.log", "w")
        self.process = subprocess.Popen([self.binary, "--config", str(self.config), "serve"], stderr=self.log, stdout=self.log)
        for _ in range(600):
            if self.process.poll() is not None:
                sys.exit(f"the gateway ended\n{self.told()}")
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.admin}/readyz", timeout=1) as answer:
                    if answer.status == 200:
                        return self
            except OSError:
                time.sleep(0.1)
        sys.exit(f"the gateway did not become ready\n{self.told()}")

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=60)
        self.log.close()

    def told(self):
        return pathlib.Path(self.log.name).read_text()[-5000:]

    def command(self, *arguments, **options):
        return call(self.binary, "--config", str(self.config), *arguments, **options)

    def run(self, agent, *command, **options):
        return self.command("run", "--agent", agent, "--", *command, **options)

    def decided(self, agent):
        """Returns what was decided on the agent's requests, in order."""
        listed = self.command("--json", "audit", "query", "--agent", agent)
        if listed.returncode:
            sys.exit(f"`audit query` fails: {listed.stderr}")
        return [record for record in json.loads(listed.stdout)["records"] if record["kind"] == "decided"]
