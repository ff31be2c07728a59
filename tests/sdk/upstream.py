"""Stands for every API at once: one TLS server on loopback that records what reaches it and answers as the API would, in short."""

import gzip
import http.server
import json
import re
import ssl
import threading
import urllib.parse


class Request:
    def __init__(self, method, host, target, headers, body):
        self.method, self.host, self.headers, self.body = method, host, headers, body
        self.path, _, self.query = target.partition("?")

    def json(self):
        return json.loads(self.body or b"{}")

    def form(self):
        return dict(urllib.parse.parse_qsl(self.body.decode()))


class Upstream:
    """`answers` maps a host to a function from `Request` to `(status, headers, body)`; a body that is no bytes goes out as JSON."""

    def __init__(self, folder, answers):
        self.hosts = sorted(answers)
        self.seen = []
        seen = self.seen

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                body = self.received()
                headers = {name.lower(): value for name, value in self.headers.items()}
                if headers.get("content-encoding") == "gzip":
                    body = gzip.decompress(body)
                request = Request(self.command, headers.get("host", ""), self.path, headers, body)
                seen.append(request)
                status, extra, content = answers[request.host](request)
                if not isinstance(content, bytes):
                    content = json.dumps(content).encode()
                    extra = {"Content-Type": "application/json", **extra}
                self.send_response(status)
                for name, value in extra.items():
                    self.send_header(name, value)
                if status not in (204, 304):
                    self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                if self.command != "HEAD" and status not in (204, 304):
                    self.wfile.write(content)

            def received(self):
                if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
                    return self.rfile.read(int(self.headers.get("Content-Length") or 0))
                body = b""
                while size := int(self.rfile.readline().split(b";")[0], 16):
                    body += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
                return body

            do_GET = do_HEAD = do_POST = do_PATCH = do_PUT = do_DELETE = answer

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "leaf.pem", folder / "leaf.key")
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.port = server.server_address[1]


def events(*items):
    """Returns an answer of server-sent events; an item is `data`, or `(event, data)`."""
    text = ""
    for item in items:
        event, data = item if isinstance(item, tuple) else (None, item)
        text += f"event: {event}\n" if event else ""
        text += f"data: {data if isinstance(data, str) else json.dumps(data)}\n\n"
    return 200, {"Content-Type": "text/event-stream"}, text.encode()


REPOSITORY = {
    "id": 7, "node_id": "R_7", "name": "site", "full_name": "acme/site", "owner": {"login": "acme", "id": 1, "type": "User"}, "default_branch": "main",
    "url": "https://api.github.com/repos/acme/site", "html_url": "https://github.com/acme/site", "private": False,
}  # fmt: skip


def github(request):
    """REST: one object that has what clients look at, or an empty list for a collection. GraphQL: see `graphql`."""
    if request.path == "/graphql":
        return 200, {"X-OAuth-Scopes": "repo, read:org"}, graphql(request.json())
    if request.method == "DELETE":
        return 204, {}, b""
    if re.fullmatch(r"/repos/[^/]+/[^/]+", request.path):
        return 200, {}, REPOSITORY
    contents = re.fullmatch(r"/repos/[^/]+/[^/]+/contents/(.+)", request.path)
    if contents and request.method == "PUT":
        return 200, {}, {"content": {"path": contents[1], "sha": "b" * 40}, "commit": {"sha": "c" * 40}}
    if request.method == "GET" and re.search(r"/(pulls|issues|branches|labels)$", request.path):
        return 200, {}, []
    return 200, {"X-OAuth-Scopes": "repo"}, {
        "id": 7, "number": 7, "login": "ada", "title": "A title", "state": "open", "path": "a/b.txt", "sha": "b" * 40, "merged": True,
        "url": f"https://api.github.com{request.path}", "html_url": "https://github.com/acme/site/pull/7", "encoding": "base64", "content": "aGk=",
        "ref": "refs/heads/agent/x", "object": {"type": "commit", "sha": "c" * 40}, "name": "a", "key_id": "k", "key": "A" * 43 + "=",
        "tag_name": "v1", "upload_url": "https://uploads.github.com/x{?name,label}", "user": {"login": "ada"}, "labels": [],
    }  # fmt: skip


def graphql(asked):
    """Answers what `gh` asks of a repository, its pull requests and its issues."""
    query = asked["query"]
    names = {"nodes": [], "totalCount": 0, "pageInfo": {"hasNextPage": False, "endCursor": ""}}
    pull = {"id": "PR_7", "number": 7, "title": "A title", "state": "OPEN", "url": "https://github.com/acme/site/pull/7", "headRefName": "agent/x",
            "isDraft": False, "author": {"login": "ada"}, "createdAt": "2026-01-01T00:00:00Z", "updatedAt": "2026-01-01T00:00:00Z"}  # fmt: skip
    issue = {**pull, "id": "I_7", "__typename": "Issue", "labels": names, "comments": names, "assignees": names, "projectCards": names, "milestone": None,
             "reactionGroups": [], "body": "", "url": "https://github.com/acme/site/issues/7"}  # fmt: skip
    repository = {
        **REPOSITORY, "id": "R_7", "owner": {"login": "acme", "id": "U_1"}, "viewerPermission": "WRITE", "hasIssuesEnabled": True, "mergeCommitAllowed": True,
        "defaultBranchRef": {"name": "main", "target": {"oid": "c" * 40}}, "parent": None, "isPrivate": False, "nameWithOwner": "acme/site",
        "pullRequests": {**names, "nodes": [pull] if "number:" not in query and "PullRequestForBranch" not in query else []},
        "issues": {**names, "nodes": [issue]}, "issue": issue, "issueOrPullRequest": issue, "pullRequest": pull, "issueTemplates": [],
        "pullRequestTemplates": [], "labels": names, "assignableUsers": names, "milestones": names, "projects": names,
    }  # fmt: skip
    if "__type(" in query:
        return {"data": {name: {"fields": [], "inputFields": []} for name in re.findall(r"(\w+):\s*__type", query)} or {"__type": {"fields": []}}}
    data = {"repository": repository, "viewer": {"login": "ada", "id": "U_1"}, "search": {**names, "nodes": [pull], "issueCount": 1}}
    if "mutation" in query:
        data = {}
    data |= {name: repository for name in re.findall(r"\b(repo_\d+):", query)}
    changed = {"createPullRequest": {"pullRequest": pull}, "createIssue": {"issue": issue}, "closeIssue": {"issue": {"id": "I_7"}}}
    data |= {name: changed[name] for name in re.findall(r"\b(createPullRequest|createIssue|closeIssue)\s*\(", query)}
    return {"data": data}


def openai(request):
    listed = {"object": "list", "data": [], "has_more": False}
    if request.path.endswith("/chat/completions") and request.json().get("stream"):
        piece = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-5"}
        words = [{**piece, "choices": [{"index": 0, "delta": {"content": word}, "finish_reason": None}]} for word in ["Hel", "lo"]]
        return events(*words, {**piece, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}, "[DONE]")
    if request.path.endswith("/responses") and request.json().get("stream"):
        delta = {"type": "response.output_text.delta", "item_id": "m", "output_index": 0, "content_index": 0, "logprobs": []}
        return events(*[("response.output_text.delta", {**delta, "sequence_number": n, "delta": word}) for n, word in enumerate(["Hel", "lo"])])
    if request.method == "GET" and request.path.rsplit("/", 1)[1] in ("models", "files"):
        return 200, {}, listed
    message = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hello"}}
    return 200, {}, {
        "id": "x_1", "object": "chat.completion", "created": 1, "model": "gpt-5", "choices": [message], "output": [], "status": "completed",
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}, "deleted": True, "data": [{"embedding": [0.5], "index": 0, "object": "embedding"}],
    }  # fmt: skip


def anthropic(request):
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude", "content": [], "stop_reason": None, "stop_sequence": None,
               "usage": {"input_tokens": 1, "output_tokens": 1}}  # fmt: skip
    if request.path == "/v1/messages" and request.json().get("stream"):
        text = [("content_block_delta", {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": word}}) for word in ["Hel", "lo"]]
        return events(
            ("message_start", {"type": "message_start", "message": message}),
            ("content_block_start", {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}), *text,
            ("content_block_stop", {"type": "content_block_stop", "index": 0}),
            ("message_delta", {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": {"output_tokens": 2}}),
            ("message_stop", {"type": "message_stop"}),
        )  # fmt: skip
    if request.method == "GET" and request.path in ("/v1/models", "/v1/files", "/v1/messages/batches"):
        return 200, {}, {"data": [], "has_more": False, "first_id": None, "last_id": None}
    return 200, {}, {**message, "content": [{"type": "text", "text": "Hello"}], "stop_reason": "end_turn", "input_tokens": 3}


def stripe(request):
    if request.method == "GET" and request.path.count("/") == 2:
        return 200, {}, {"object": "list", "data": [], "has_more": False, "url": request.path}
    return 200, {}, {"id": "x_1", "object": request.path.split("/")[2].rstrip("s"), "amount": 5, "currency": "eur", "deleted": request.method == "DELETE"}


def slack(_):
    return 200, {}, {"ok": True, "channel": {"id": "C024BE91L", "name": "ops"}, "ts": "1.2", "user": {"id": "U1"}, "members": [], "messages": [], "channels": [],
                     "response_metadata": {"next_cursor": ""}}  # fmt: skip


def jira(request):
    site = f"https://{request.host}"
    if request.method == "DELETE" or (request.method, request.path.rsplit("/", 1)[1]) in (("PUT", "10007"), ("POST", "transitions")):
        return 204, {}, b""
    if request.path.endswith("/serverInfo"):
        return 200, {}, {"baseUrl": site, "version": "1001.0.0", "versionNumbers": [1001, 0, 0], "deploymentType": "Cloud"}
    if request.path.endswith("/field"):
        return 200, {}, []
    if request.path.endswith("/transitions"):
        return 200, {}, {"transitions": [{"id": "31", "name": "Done"}]}
    issue = {"id": "10007", "key": "OPS-7", "self": f"{site}/rest/api/2/issue/10007", "fields": {"summary": "Printer", "project": {"key": "OPS", "id": "1"}}}
    if "/search" in request.path:
        return 200, {}, {"issues": [issue], "total": 1, "maxResults": 50, "startAt": 0, "isLast": True}
    if request.path.endswith("/comment"):
        return 201, {}, {"id": "5", "self": f"{site}/rest/api/2/issue/10007/comment/5", "body": "hi"}
    return 200, {}, issue


def mcp(request):
    """A server of Model Context Protocol with and without sessions."""
    if request.method != "POST":
        return 405, {}, {}
    asked = request.json()
    if "id" not in asked:
        return 202, {}, b""
    method = asked["method"]
    able = {"capabilities": {"tools": {}, "resources": {}, "prompts": {}}, "serverInfo": {"name": "tickets", "version": "1"}}
    text = [{"type": "text", "text": "none"}]
    results = {
        "initialize": {"protocolVersion": "2025-06-18", **able}, "server/discover": {"supportedVersions": ["2026-07-28"], **able},
        "tools/list": {"tools": [{"name": name, "inputSchema": {"type": "object"}} for name in ("find_tickets", "delete_ticket")]},
        "tools/call": {"content": text, "isError": False}, "resources/list": {"resources": []}, "prompts/list": {"prompts": []},
    }  # fmt: skip
    result = {"resultType": "complete", "ttlMs": 0, "cacheScope": "private", **results[method]}
    return 200, {}, {"jsonrpc": "2.0", "id": asked["id"], "result": result}


def aws(request):
    if request.host.startswith(("sts.", "ec2.")):
        action = re.search(rb"Action=(\w+)", request.body)[1].decode()
        return 200, {"Content-Type": "text/xml"}, f"<{action}Response><{action}Result/></{action}Response>".encode()
    return 200, {}, {"MessageId": "m1", "MD5OfMessageBody": "49f68a5c8493ec2c0bf489821c21fc3b"} if request.host.startswith("sqs.") else b"" if "s3" in request.host else {}


APIS = {
    "api.github.com": github, "api.openai.com": openai, "api.anthropic.com": anthropic, "api.stripe.com": stripe, "slack.com": slack,
    "acme.atlassian.net": jira, "mcp.acme.example": mcp, "acme-site.s3.eu-west-1.amazonaws.com": aws,
    **{f"{service}.eu-west-1.amazonaws.com": aws for service in ("sts", "ec2", "dynamodb", "sqs")},
}  # fmt: skip
