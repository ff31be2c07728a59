"""Opens what `tollgate init` writes in the language server of VS Code's YAML extension, as an editor does, and looks at what it
completes, shows and marks. Usage: editor.py TOLLGATE LANGUAGE_SERVER"""

import json
import pathlib
import subprocess
import sys
import tempfile
import threading

TOLLGATE, SERVER = (str(pathlib.Path(path).resolve()) for path in sys.argv[1:3])
TIME_LIMIT = 60  # seconds; a stuck server must not hold the whole run

SETTINGS = {"validate": True, "completion": True, "hover": True}


class Editor:
    """Speaks the Language Server Protocol over the server's standard streams."""

    def __init__(self, root):
        self.root = root
        self.server = subprocess.Popen(["node", SERVER, "--stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.watch = threading.Timer(TIME_LIMIT, self.server.kill)
        self.watch.start()
        self.number = self.version = 0
        self.problems = {}
        capabilities = {"workspace": {"configuration": True, "workspaceFolders": True}, "textDocument": {"hover": {"contentFormat": ["markdown"]}}}
        folders = [{"uri": root.as_uri(), "name": "root"}]
        self.request("initialize", {"processId": None, "rootUri": root.as_uri(), "capabilities": capabilities, "workspaceFolders": folders})
        self.notify("initialized", {})
        self.notify("workspace/didChangeConfiguration", {"settings": {"yaml": SETTINGS}})

    def send(self, message):
        text = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self.server.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(text), text))
        self.server.stdin.flush()

    def notify(self, method, params):
        self.send({"method": method, "params": params})

    def request(self, method, params):
        self.number += 1
        self.send({"id": self.number, "method": method, "params": params})
        while True:
            message = self.receive()
            if message.get("id") == self.number and "method" not in message:
                return message.get("result")

    def receive(self):
        length = 0
        while (line := self.server.stdout.readline()) != b"\r\n":
            if not line:
                raise SystemExit("the language server ended")
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        message = json.loads(self.server.stdout.read(length))
        if message.get("method") == "textDocument/publishDiagnostics":
            self.problems[message["params"]["uri"]] = message["params"]["diagnostics"]
        elif "method" in message and "id" in message:
            items = message["params"].get("items") if message["method"] == "workspace/configuration" else None
            answers = items and [SETTINGS if item.get("section") == "yaml" else {} for item in items]
            self.send({"id": message["id"], "result": answers})
        return message

    def open(self, name, text=None):
        """Gives a file a text, its own if there is none; returns its address once the server has looked it over."""
        path = self.root / name
        uri = path.as_uri()
        known = self.problems.pop(uri, None) is not None
        text = path.read_text() if text is None else text
        self.version += 1  # the server keeps what it parsed by version
        if known:
            document = {"uri": uri, "version": self.version}
            self.notify("textDocument/didChange", {"textDocument": document, "contentChanges": [{"text": text}]})
        else:
            document = {"uri": uri, "languageId": "yaml", "version": self.version, "text": text}
            self.notify("textDocument/didOpen", {"textDocument": document})
        while uri not in self.problems:
            self.receive()
        return uri

    def marks(self, name, text=None):
        return self.problems[self.open(name, text)]

    def asks(self, method, name, text):
        """Asks at the `|` in a text that stands in a file's place."""
        before, after = text.split("|")
        uri = self.open(name, before + after)
        position = {"line": before.count("\n"), "character": len(before) - before.rfind("\n") - 1}
        return self.request(method, {"textDocument": {"uri": uri}, "position": position})

    def completes(self, name, text):
        answer = self.asks("textDocument/completion", name, text)
        return {item["label"]: item for item in (answer if isinstance(answer, list) else answer["items"])}

    def shows(self, name, text):
        answer = self.asks("textDocument/hover", name, text) or {}
        return json.dumps(answer.get("contents", ""), ensure_ascii=False)

    def quit(self):
        self.watch.cancel()
        self.server.kill()


FILES = ["tollgate.yaml", "connectors.d/tickets.yaml", "policies.d/starter.yaml"]
GATEWAY, CONNECTOR, POLICY = FILES

# Where the cursor is, and what must be among what is offered.
COMPLETES = [
    (GATEWAY, "lim|", ["limits"]),
    (GATEWAY, "egress:\n  |", ["allow", "resolve", "ca_files"]),
    (GATEWAY, "agents:\n  - na|", ["name"]),
    (CONNECTOR, "connector: x\nhea|", ["health", "headers"]),
    (CONNECTOR, "connector: x\nroutes:\n  - action: a.get\n    ma|", ["match"]),
    (CONNECTOR, "connector: x\nroutes:\n  - action: a.get\n    risk: |", ["low", "high"]),
    (CONNECTOR, "connector: x\nfallback:\n  risk: |", ["critical"]),
    (POLICY, "permissions:\n  - agents: [default]\n    allow: [|]", ["tickets.ticket.create", "github.*", "jira.issue.delete"]),
    (POLICY, "permissions:\n  - agents: [default]\n    connector: |", ["tickets", "github"]),
    (POLICY, "policies:\n  - id: x\n    actions:\n      - |", ["tickets.ticket.delete", "github.*"]),
    (POLICY, "policies:\n  - id: x\n    decision: |", ["deny", "require_approval"]),
    (POLICY, "tests:\n  - agent: default\n    action: tickets.ticket.create\n    params:\n      |", ["queue", "title"]),
    (POLICY, "tests:\n  - agent: default\n    action: tickets.ticket.delete\n    params:\n      |", ["id"]),
]

# Where the mouse is, and what must be shown.
SHOWS = [
    (GATEWAY, "connec|tors: []", "Directories of connector files"),
    (CONNECTOR, "connector: x\nroutes:\n  - action: a.get\n    mat|ch: GET /", "METHOD"),
    (POLICY, "policies:\n  - id: x\n    ac|tions: []", "Names of actions, or globs"),
]

# What is wrong, and the word under which it must be marked.
MARKS = [
    (GATEWAY, "conectors: []\n", "conectors"),
    (CONNECTOR, "connector: x\nroutes:\n  - { action: a.get, match: GET /, rsk: low }\n", "rsk"),
    (CONNECTOR, "connector: x\nfallback: { risk: hihg }\n", "hihg"),
    (POLICY, "permissions:\n  - { agents: [default], allow: [github.isue.create] }\n", "github.isue.create"),
    (POLICY, "tests:\n  - { agent: default, action: tickets.ticket.create, params: { que: ops }, expect: {} }\n", "que"),
    (POLICY, "tests:\n  - { agent: default, action: tickets.ticket.create, params: { queue: 7 }, expect: {} }\n", "7"),
]


def looks(editor, root):
    first = {name: (root / name).read_text().split("\n")[0] + "\n" for name in FILES}
    for name in FILES:
        found = editor.marks(name)
        yield f"nothing is marked in a fresh {name}", found == [], found
    for name, text, wanted in COMPLETES:
        found = list(editor.completes(name, first[name] + text))
        yield f"{name}: {text!r} completes {wanted}", set(wanted) <= set(found), found
    for name, text, wanted in SHOWS:
        found = editor.shows(name, first[name] + text)
        yield f"{name}: {text!r} shows {wanted!r}", wanted in found, found
    for name, text, wanted in MARKS:
        problems = editor.marks(name, first[name] + text)
        lines = (first[name] + text).split("\n")
        places = [problem["range"] for problem in problems]
        found = [lines[place["start"]["line"]][place["start"]["character"]:place["end"]["character"]] for place in places]
        yield f"{name}: {wanted!r} is marked", wanted in found, problems


def main():
    wrong = 0
    with tempfile.TemporaryDirectory() as directory:
        root = pathlib.Path(directory).resolve()
        subprocess.run([TOLLGATE, "init"], cwd=root, check=True, capture_output=True, env={"HOME": directory})
        editor = Editor(root)
        for claim, holds, found in looks(editor, root):
            print("ok   " if holds else "WRONG", claim)
            if not holds:
                wrong += 1
                print("      found:", str(found)[:2000])
        editor.quit()
    sys.exit(f"{wrong} claims do not hold" if wrong else 0)


if __name__ == "__main__":
    main()
