"""Ten thousand requests in one tunnel, and an upload of a gibibyte over HTTP/1.1: all of it arrives, in flat memory."""

import re
import socket
import ssl
import sys
import threading

from desync import CONNECTOR, HOST, POLICY
from wire import Checks, Gateway, answers

REQUESTS = 10_000
UPLOAD = 1 << 30
CHUNK = bytes(1 << 20)
# Buffers of both connections, and what the allocator keeps of them.
GROWTH = 16 << 20


class Counter:
    """A TLS server that keeps connections and answers each request with the length of its body."""

    def __init__(self, folder):
        self.connections = 0
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(folder / "leaf.pem", folder / "leaf.key")
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            plain, _ = self.listener.accept()
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connections += 1
            threading.Thread(target=self.serve, args=(plain,), daemon=True).start()

    def serve(self, plain):
        with self.context.wrap_socket(plain, server_side=True) as stream:
            data = b""
            while chunk := stream.recv(1 << 16):
                data += chunk
                head, found, rest = data.partition(b"\r\n\r\n")
                if not found:
                    continue
                length = re.search(rb"(?i)\r\ncontent-length: *([0-9]+)", head)
                wanted, got = int(length[1] if length else 0), len(rest)
                while got < wanted:
                    got += len(stream.recv(1 << 16)) or sys.exit("the upload broke off")
                text = str(got).encode()
                stream.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(text), text))
                data = b""


def resident(gateway):
    """Bytes of memory that the gateway holds; None where there is no /proc."""
    try:
        with open(f"/proc/{gateway.process.pid}/status") as status:
            return 1024 * int(re.search(r"VmRSS:\s+([0-9]+)", status.read())[1])
    except FileNotFoundError:
        return None


def ask(stream, head, body=()):
    stream.sendall(head)
    for chunk in body:
        stream.sendall(chunk)
    received = b""
    while not re.search(rb"(?is)content-length: *([0-9]+).*\r\n\r\n[0-9]+\Z", received):
        received += stream.recv(1 << 16) or sys.exit(f"the gateway closed: {received}")
    return answers(received)[0]


def flat(checks, claim, gateway, before):
    after = resident(gateway)
    if before is not None:
        checks.that(f"{claim} takes no memory", after - before < GROWTH, f"grew by {(after - before) >> 20} MiB")


def main():
    checks = Checks()
    gateway = Gateway(sys.argv[1])
    gateway.certify(HOST)
    counter = Counter(gateway.folder)
    gateway.hosts[HOST] = counter.port
    gateway.connector("wire", CONNECTOR)
    gateway.policy = POLICY
    with gateway, gateway.tunnel(HOST) as stream:
        get = f"GET /x HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()
        before = None
        for number in range(REQUESTS):
            answer = ask(stream, get)
            if answer.status != 200 or answer.headers["connection"] != "keep-alive":
                sys.exit(f"request {number}: {answer}")
            # By then everything that is made once is made.
            if number == REQUESTS // 10:
                before = resident(gateway)
        checks.that("one connection upstream does for all of them", counter.connections <= 2, counter.connections)
        flat(checks, f"a tunnel of {REQUESTS} requests", gateway, before)
        before = resident(gateway)
        put = f"PUT /x HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: {UPLOAD}\r\n\r\n".encode()
        answer = ask(stream, put, (CHUNK for _ in range(UPLOAD // len(CHUNK))))
        checks.that("the upload arrives whole", answer.body == str(UPLOAD).encode(), answer)
        flat(checks, "an upload of a gibibyte", gateway, before)
    checks.end("load")


if __name__ == "__main__":
    main()
