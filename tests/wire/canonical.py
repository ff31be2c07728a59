"""Paths in many spellings, through the gateway, to servers that route: nginx, Express and Starlette, each on its defaults.

No spelling may reach a route that is more dangerous than the action it was judged as, or the same route with another parameter.
"""

import itertools
import os
import pathlib
import queue
import ssl
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from wire import TIME_LIMIT, Checks, Gateway, answers, call, free_port

EXPRESS = "express@5.1.0"
SERVERS = ["nginx", "express", "starlette"]

# What the three servers route by, and the connector too. The higher, the more dangerous; `unknown` is what no route describes, and
# an operator must allow it by name.
DANGER = {"none": 0, "root": 1, "public": 1, "item": 2, "file": 2, "secret": 3, "admin": 3, "users": 3}

CONNECTOR = """
connector: {name}
name: {name}
version: 1
domains: [{name}.test]
auth: none
routes:
  - {{ action: root.get, match: GET / }}
  - {{ action: public.get, match: GET /public/info }}
  - {{ action: item.get, match: 'GET /items/{{id}}' }}
  - {{ action: secret.get, match: 'GET /items/{{id}}/secret', risk: high }}
  - {{ action: admin.get, match: GET /admin, risk: high }}
  - {{ action: users.get, match: GET /admin/users, risk: high }}
  - {{ action: file.get, match: 'GET /files/{{*path}}' }}
fallback: {{ risk: low }}
"""
POLICY = "permissions:\n" + "".join(
    f"  - {{ agents: [ci], connector: {name}, access: full }}\n  - {{ agents: [ci], allow: [{name}.unknown] }}\n" for name in SERVERS
)

NGINX = """
daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx.log; worker_processes 1;
events {{}}
http {{
  access_log off; keepalive_requests 100000; default_type text/plain;
  client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{
    listen 127.0.0.1:{port} ssl; ssl_certificate {folder}/leaf.pem; ssl_certificate_key {folder}/leaf.key;
    location = / {{ add_header X-Route root; return 200; }}
    location = /public/info {{ add_header X-Route public; return 200; }}
    location ~ ^/items/(?<id>[^/]+)$ {{ add_header X-Route item; return 200 "$id"; }}
    location ~ ^/items/(?<id>[^/]+)/secret$ {{ add_header X-Route secret; return 200 "$id"; }}
    location = /admin {{ add_header X-Route admin; return 200; }}
    location = /admin/users {{ add_header X-Route users; return 200; }}
    location ~ ^/files/(?<path>.+)$ {{ add_header X-Route file; return 200 "$path"; }}
  }}
}}
"""
NODE = """
const express = require('express'), https = require('https'), fs = require('fs');
const [port, folder] = process.argv.slice(2), app = express();
const route = (path, name, parameter) =>
  app.get(path, (request, response) => response.set('X-Route', name).type('text').send(parameter ? [request.params[parameter]].flat().join('/') : ''));
route('/', 'root'); route('/public/info', 'public'); route('/items/:id', 'item', 'id'); route('/items/:id/secret', 'secret', 'id');
route('/admin', 'admin'); route('/admin/users', 'users'); route('/files/*path', 'file', 'path');
https.createServer({ key: fs.readFileSync(folder + '/leaf.key'), cert: fs.readFileSync(folder + '/leaf.pem') }, app).listen(+port, '127.0.0.1');
"""
PYTHON = """
import sys, uvicorn
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
def route(path, name, parameter=None):
    async def answer(request):
        return PlainTextResponse(request.path_params.get(parameter, ''), headers={'X-Route': name})
    return Route(path, answer)
app = Starlette(routes=[route('/', 'root'), route('/public/info', 'public'), route('/items/{id}', 'item', 'id'),
    route('/items/{id}/secret', 'secret', 'id'), route('/admin', 'admin'), route('/admin/users', 'users'), route('/files/{path:path}', 'file', 'path')])
port, folder = sys.argv[1:]
uvicorn.run(app, host='127.0.0.1', port=int(port), ssl_keyfile=folder + '/leaf.key', ssl_certfile=folder + '/leaf.pem', log_level='error')
"""

PATHS = ["/", "/public/info", "/items/7", "/items/7/secret", "/admin", "/admin/users", "/files/a", "/files/a/b.txt"]
SLASHES = ["//", "/./", "/../", "/x/../", "/%2e/", "/%2e%2e/", "/x/%2e%2e/", "/.%2e/", "/x/.%2E/", "/;/", "/..;/", "/.;/", "/;a=b/", ";/", ";a=b/", "/%3b/",
           "/%20/", "\\", "/\\", "%5c", "%5C", "/%00/", "%00/", "/%0a/", "%2f", "%2F", "/%2f", "%252f", "%c0%af", "%u002f", "\u2215", "\uff0f", "/%09/",
           ":/", "?/", "%3f/", "%23/", "/*/", "/~/", "/%7e/", "/%c3%a9/../", "/..%2f", "/%2e%2e%2f", "/..%5c", "/...//"]  # fmt: skip
ENDS = ["/", "//", "/.", "/..", "/../", ";", ";a=b", "%3b", "?", "?x=1", "%23", "%3f", "%3Fx", ".", "..", "%20", "%20%20", "+", "%00", "%00.txt", ".json", "~",
        "%7e", "%2e", "%2f", "%2F", ":", "@", "!", "*", "&", "=", ",", "'", "(", ")", "$", "%0d%0a", "%0a", "%09", "%7f", "%80", "%ff", "\u00e9", "%c3%a9",
        "%C3%A9", "e%cc%81", "%e2%80%ae", "%ef%bb%bf", "\uff0f", "%u002f", "%", "%z", "%2", "%252e", "%5c", "\\", "|", "^", "`", "{", "}", "[", "]", '"', "<"]  # fmt: skip
FOREIGN = {"s": "\u017f", "k": "\u212a", "i": "\u0131", "a": "\uff41"}


def corpus():
    found = dict.fromkeys(PATHS)
    for path in PATHS:
        found.update(dict.fromkeys(path + end for end in ENDS))
        for at, slash in itertools.product([at for at, letter in enumerate(path) if letter == "/"], SLASHES):
            found[path[:at] + slash + path[at + 1 :]] = None
        for at, letter in enumerate(path):
            if letter.isalnum():
                for spelling in [f"%{ord(letter):02x}", f"%{ord(letter):02X}", letter.upper(), f"%{ord(letter.upper()):02x}", FOREIGN.get(letter, letter)]:
                    found[path[:at] + spelling + path[at + 1 :]] = None
        found.update(dict.fromkeys([path.upper(), path.title(), "/" + path, "/." + path, "/x/.." + path, "/%2e" + path]))
    for safe, slash, danger in itertools.product(["/files", "/items/7", "/public/info"], SLASHES, ["admin", "../admin", "../../admin/users"]):
        found[safe + slash + danger] = None
    # What would end the request line is another test's.
    return [path for path in found if " " not in path]


class Tunnels:
    """Tunnels that are kept for the next request, as agents do."""

    def __init__(self, gateway):
        self.gateway = gateway
        self.idle = {name: queue.SimpleQueue() for name in SERVERS}

    def ask(self, case):
        name, path = case
        data = f"GET {path} HTTP/1.1\r\nHost: {name}.test\r\n\r\n".encode()
        while True:
            try:
                stream, fresh = self.idle[name].get_nowait(), False
            except queue.Empty:
                stream, fresh = self.gateway.tunnel(f"{name}.test"), True
            received = b""
            try:
                stream.sendall(data)
                while not is_whole(received):
                    received += stream.recv(65536) or broken()
            except (ConnectionError, ssl.SSLError):
                if fresh:
                    raise
                continue
            (answer,) = answers(received)
            if answer.headers.get("connection") != "close":
                self.idle[name].put(stream)
            return name, path, answer


def broken():
    raise ConnectionResetError


def is_whole(data):
    head, found, rest = data.partition(b"\r\n\r\n")
    lengths = [line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    return bool(found) and len(rest) >= int(lengths[0] if lengths else 0)


def start(gateway, environment):
    """Starts the servers; returns their processes."""
    folder, environment = gateway.folder, pathlib.Path(environment).absolute()
    modules = environment / "node" / "node_modules"
    if not (modules / "express").exists():
        installed = call("npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", environment / "node", EXPRESS)
        if installed.returncode != 0:
            sys.exit(f"tests/wire needs {EXPRESS}, and npm does not give it\n{installed.stderr}")
    ports = gateway.hosts = {f"{name}.test": free_port() for name in SERVERS}
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, port=ports["nginx.test"]))
    (folder / "app.js").write_text(NODE)
    (folder / "app.py").write_text(PYTHON)
    commands = [
        ["nginx", "-p", folder, "-c", folder / "nginx.conf"],
        ["node", folder / "app.js", str(ports["express.test"]), folder],
        [sys.executable, folder / "app.py", str(ports["starlette.test"]), folder],
    ]
    variables = {**os.environ, "NODE_PATH": str(modules)}
    return [subprocess.Popen(command, env=variables) for command in commands]


def judge(checks, name, path, answer, decided):
    """Compares what the server chose with what was judged; returns the route, if a request that no route describes has reached one."""
    if answer.status >= 400 and "x-route" not in answer.headers:
        return None
    route = answer.headers.get("x-route", "none")
    actions = {action["name"].split(".")[1]: action for action in decided[answer.headers["tollgate-request-id"]]["actions"]}
    if "unknown" in actions:
        return route if route != "none" else None
    told = f"{name} {path!r} was judged as {list(actions)} and reached {route}"
    checks.that(told, DANGER[route] <= max(DANGER[action] for action in actions))
    if route in actions and route in ["item", "secret", "file"]:
        [(_, parameter)] = actions[route]["params"].items()
        checks.that(f"{told}, with its parameter", answer.body.decode(errors="replace") == parameter, f"{answer.body} {parameter!r}")
    return None


def main():
    checks = Checks()
    gateway = Gateway(sys.argv[1])
    gateway.certify(*(f"{name}.test" for name in SERVERS))
    gateway.policy = POLICY
    for name in SERVERS:
        gateway.connector(name, CONNECTOR.format(name=name))
    servers = start(gateway, sys.argv[2])
    try:
        with gateway, ThreadPoolExecutor(8) as pool:
            tunnels = Tunnels(gateway)
            wait(checks, tunnels)
            cases = [(name, path) for path in corpus() for name in SERVERS]
            answered = list(pool.map(tunnels.ask, cases))
            decided = gateway.decided()
            loose = {name: {} for name in SERVERS}
            for name, path, answer in answered:
                if route := judge(checks, name, path, answer, decided):
                    loose[name].setdefault(route, path)
            refused = sum("tollgate-code" in answer.headers for _, _, answer in answered)
            print(f"{len(cases)} requests, {refused} of them refused")
            for name, routes in loose.items():
                print(f"{name}: reached as what no route describes (`unknown`): {routes}")
            checks.that("some are refused and some are not", len(cases) / 10 < refused < len(cases) * 9 / 10, refused)
    finally:
        for server in servers:
            server.terminate()
            server.wait(timeout=30)
    checks.end("canonical")


def wait(checks, tunnels):
    """Waits until each server routes what is spelled as the connector spells it."""
    for name in SERVERS:
        until = time.monotonic() + 3 * TIME_LIMIT
        while tunnels.ask((name, "/admin"))[2].status != 200 and time.monotonic() < until:
            time.sleep(0.1)
        for path, route in zip(PATHS, ["root", "public", "item", "secret", "admin", "users", "file", "file"]):
            answer = tunnels.ask((name, path))[2]
            checks.that(f"{name} routes {path}", answer.headers.get("x-route") == route, answer)


if __name__ == "__main__":
    main()
