"""Requests that servers read in two ways, over HTTP/1.1 and HTTP/2: refused with nothing sent, or sent as one clean request.

Each case is followed by another request in the same tunnel. Where the end of the first is in doubt, the second must not be answered.
"""

import re
import socket
import sys
from concurrent.futures import ThreadPoolExecutor

import hpack
from hyperframe.frame import DataFrame, Frame, HeadersFrame, SettingsFrame
from wire import TIME_LIMIT, Checks, Gateway, Recorder, Unclean, compare

HOST = "wire.test"
H = f"Host: {HOST}\r\n"
CANARY = f"GET /canary HTTP/1.1\r\n{H}Connection: close\r\n\r\n"

CONNECTOR = """
connector: wire
name: Wire
version: 1
domains: [wire.test]
auth: none
defaults: { risk: { POST: low, DELETE: low, PUT: low } }
routes:
  - { action: body.read, match: POST /read, params: { a: $.a } }
  - { action: thing.deny, match: 'POST /denied', risk: high }
fallback: { risk: low }
"""
POLICY = """
permissions:
  - { agents: [ci], connector: wire, access: full }
  - { agents: [ci], allow: [wire.unknown] }
policies:
  - { id: no, actions: [wire.thing.deny], decision: deny }
"""


def post(fields, body, path="/stream"):
    return f"POST {path} HTTP/1.1\r\n{H}{fields}\r\n{body}"


def chunks(body, path):
    return post("Transfer-Encoding: chunked\r\n", body, path)


SMUGGLED = "GET /smuggled HTTP/1.1\r\nHost: wire.test\r\n\r\n"

# Where a message ends is in doubt: refused, and the connection closed.
LENGTHS = ["+3", "-1", "0x3", "3, 3", "3,4", "3 4", "1e1", "", "99999999999999999999", "3;", "3\v", "\f3", "٣", "3.0", "03x"]
CODINGS = ["chunked, chunked", "gzip, chunked", "identity", "xchunked", "chunked;q=1", "chunked, identity", '"chunked"', "\vchunked",
           "chunked\f", "chunked,", ",chunked x", "", "chunk\0ed", "gzip"]  # fmt: skip
SIZES = ["+2", "0x2", "-2", " 2", "2 2", "2g", "FFFFFFFFFFFFFFFFF", "10000000000000002", "2_0", "٢"]
UNFRAMED = {
    "a chunk without a size": chunks("\r\n\r\n", "/stream"),
    "a chunk without a size, but with an extension": chunks(";x\r\n\r\n", "/read"),
    "an extension with a bare line feed": chunks("3;a\nb\r\nabc\r\n0\r\n\r\n", "/stream"),
    **{f"a length of {length!r}": post(f"Content-Length: {length}\r\n", "abc") for length in LENGTHS},
    **{f"a coding of {coding!r}": post(f"Transfer-Encoding: {coding}\r\n", "3\r\nabc\r\n0\r\n\r\n") for coding in CODINGS},
    **{f"a chunk's size of {size!r} {path}": chunks(f"{size}\r\n{{}}\r\n0\r\n\r\n", path) for size in SIZES for path in ["/stream", "/read"]},
    "a coding beside a length": post("Transfer-Encoding: chunked\r\nContent-Length: 6\r\n", "0\r\n\r\nX"),
    "a length beside a coding": post("Content-Length: 6\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\nX"),
    "a length of 0 beside a coding": post("Content-Length: 0\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n" + SMUGGLED),
    "two lengths": post("Content-Length: 3\r\nContent-Length: 4\r\n", "abcd"),
    "one length twice": post("Content-Length: 3\r\nContent-Length: 3\r\n", "abc"),
    "two codings": post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", "0\r\n\r\n" + SMUGGLED),
    "a space before the colon of a coding": post("Transfer-Encoding : chunked\r\n", "0\r\n\r\n" + SMUGGLED),
    "a space before the colon of a length": post("Content-Length : 44\r\n", SMUGGLED),
    "a folded coding": post("Transfer-Encoding:\r\n chunked\r\n", "0\r\n\r\n" + SMUGGLED),
    "a length in a fold": post("X: y\r\n Content-Length: 44\r\n", SMUGGLED),
    "a coding behind a bare line feed": post("X: y\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n" + SMUGGLED),
    "a coding behind a bare carriage return": post("X: y\rTransfer-Encoding: chunked\r\n", "0\r\n\r\n" + SMUGGLED),
    "a coding in HTTP/1.0": f"POST /stream HTTP/1.0\r\n{H}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "a NUL in a name": post("Content-Le\0ngth: 44\r\n", SMUGGLED),
    "a NUL in a value": post("X: a\0b\r\n", ""),
    "a line without a colon": post("nonsense\r\n", ""),
    "a field without a name": post(": x\r\n", ""),
    "a space in front of the first field": f"GET /x HTTP/1.1\r\n {H}\r\n",
    "bare line feeds": f"GET /x HTTP/1.1\nHost: {HOST}\n\n",
    "a bare line feed at the end of a head": f"GET /x HTTP/1.1\r\n{H}\n",
    **{
        f"{name} {path}": chunks(body, path)
        for path in ["/stream", "/read"]
        for name, body in {
            "a chunk without its end": "2\r\n{}X\r\n0\r\n\r\n",
            "a chunk that ends with a bare line feed": "2\r\n{}\n0\r\n\r\n",
            "a size that ends with a bare line feed": "2\n{}\r\n0\r\n\r\n",
            "a size that ends with a bare carriage return": "2\rX{}\r\n0\r\n\r\n",
        }.items()
    },
    "two spaces in the request line": f"GET  /x HTTP/1.1\r\n{H}\r\n",
    "a tab in the request line": f"GET\t/x\tHTTP/1.1\r\n{H}\r\n",
    "a fourth word in the request line": f"GET /x HTTP/1.1 x\r\n{H}\r\n",
    "a version of its own": f"GET /x HTTP/9.9\r\n{H}\r\n",
    "a version in lower case": f"GET /x http/1.1\r\n{H}\r\n",
    "a request without a version": "GET /x\r\n\r\n",
    "the preface of HTTP/2": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a switch to HTTP/2": f"GET /x HTTP/1.1\r\n{H}Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQ\r\n\r\n",
}  # fmt: skip

# Their end is clear and they are refused; the next request may be answered, once.
REFUSED = {
    "no host": "GET /x HTTP/1.1\r\n\r\n",
    "two hosts": f"GET /x HTTP/1.1\r\n{H}Host: other.test\r\n\r\n",
    "one host twice": f"GET /x HTTP/1.1\r\n{H}{H}\r\n",
    "an empty host": "GET /x HTTP/1.1\r\nHost:\r\n\r\n",
    **{
        f"a host of {host!r}": f"GET /x HTTP/1.1\r\nHost: {host}\r\n\r\n"
        for host in ["other.test", "wire.test, other.test", "wire.test@other.test", "other.test#wire.test", "wire.test:80", "wire.test/x",
                     "wire.test\tother.test", "wire.test:443:443", "wire.test:+443", "wire.test:0443x", "[wire.test]", "wire.test\\other.test"]
    },
    **{
        f"a target of {target!r}": f"GET {target} HTTP/1.1\r\n{H}\r\n"
        for target in ["http://wire.test/x", "https://other.test/x", "https://wire.test@other.test/x", "https://other.test:443/x", "//other.test/x",
                       "*", "x", "wire.test:443", "?x", "/../x", "/a/%2e%2e/x", "/a%2fb", "/a;b", "/a\\b", "/%00", "/x#y", "https:///x", "/\xff"]
    },
    "a nominated host": f"GET /x HTTP/1.1\r\n{H}Connection: close, host\r\n\r\n",
    "a NUL in the request line": f"GET /x\0y HTTP/1.1\r\n{H}\r\n",
    "an inner CONNECT": f"CONNECT {HOST}:443 HTTP/1.1\r\n{H}\r\n",
    "TRACE": f"TRACE /x HTTP/1.1\r\n{H}\r\n",
    "an override of the method": post("X-HTTP-Method-Override: DELETE\r\nContent-Length: 0\r\n", ""),
    "an override of the path": f"GET /x HTTP/1.1\r\n{H}X-Original-URL: /admin\r\n\r\n",
    "a request inside a refused body": post(f"Content-Length: {len(SMUGGLED)}\r\n", SMUGGLED, "/denied"),
    "a request inside a refused body in chunks": chunks(f"{len(SMUGGLED):x}\r\n{SMUGGLED}\r\n0\r\n\r\n", "/denied"),
    "a request inside a body that cannot be read": post(f"Content-Length: {len(SMUGGLED)}\r\n", SMUGGLED, "/read"),
}  # fmt: skip

# Sent, as one clean request each.
PASSED = {
    "a plain request": f"GET /x?a=1&b=%20 HTTP/1.1\r\n{H}\r\n",
    "a request inside a body": post(f"Content-Length: {len(SMUGGLED)}\r\n", SMUGGLED),
    "extensions of chunks": chunks('3;a=b;c="d"\r\nabc\r\n0;e\r\n\r\n', "/stream"),
    "trailers": chunks("3\r\nabc\r\n0\r\nContent-Length: 44\r\nX-Role: admin\r\n\r\n", "/stream"),
    "a coding in capitals": post("TRANSFER-ENCODING: Chunked\r\n", "3\r\nabc\r\n0\r\n\r\n"),
    "a nominated length": post("Connection: content-length\r\nContent-Length: 3\r\n", "abc"),
    "nominated fields": f"GET /x HTTP/1.1\r\n{H}Connection: authorization, cookie\r\nCookie: a=b\r\n\r\n",
    "a name with an underscore": post("Content_Length: 44\r\nContent-Length: 3\r\n", "abc"),
    "an absolute target": f"GET https://{HOST}/x HTTP/1.1\r\n{H}\r\n",
    "a length with a body of GET": f"GET /x HTTP/1.1\r\n{H}Content-Length: {len(SMUGGLED)}\r\n\r\n{SMUGGLED}",
    "an expectation": post("Content-Length: 3\r\nExpect: 100-continue\r\n", "abc"),
    "two requests at once": f"GET /one HTTP/1.1\r\n{H}\r\nGET /two HTTP/1.1\r\n{H}\r\n",
}


def http1(gateway, case):
    name, text = case
    return name, gateway.exchange(HOST, (text + CANARY).encode("latin-1" if "\xff" in text else "utf-8"))


def http2_fields(**more):
    """The fields of a plain request, some of them replaced, or left out where they are None."""
    pseudo = {"method": "GET", "scheme": "https", "authority": HOST, "path": "/x", **more}
    return [(f":{name}", value) for name, value in pseudo.items() if value is not None]


PLAIN = http2_fields()
BODY = http2_fields(method="POST", path="/stream")
LINE = "GET /x HTTP/1.1\r\nHost: wire.test\r\n\r\nGET"
HTTP2_REFUSED = {
    **{f"no :{name}": (http2_fields(**{name: None}), b"") for name in ["method", "path", "scheme", "authority"]},
    **{f"two of {field[0]}": ([*PLAIN, field], b"") for field in PLAIN},
    **{f"a method of {value!r}": (http2_fields(method=value), b"") for value in ["", "GE T", LINE, "GET\0", "CONNECT", "TRACE", "G\xc9T"]},
    **{
        f"a path of {value!r}": (http2_fields(path=value), b"")
        for value in ["", "x", "*", "/a b", "/x HTTP/1.1\r\nX: y\r\n\r\n", "/a\nb", "/a\0b", "https://other.test/x", "//other.test/x", "/../x"]
    },
    **{
        f"an authority of {value!r}": (http2_fields(authority=value), b"")
        for value in ["", "other.test", "wire.test@other.test", "wire.test:80", "wire.test\r\nX: y", "wire.test/x", "wire.test other.test"]
    },
    **{f"a scheme of {value!r}": (http2_fields(scheme=value), b"") for value in ["", "http", "ftp", "https://other.test/?", "https\r\nX: y"]},
    "a pseudo-header behind a field": ([*PLAIN[1:], ("x", "y"), PLAIN[0]], b""),
    "an unknown pseudo-header": ([*PLAIN, (":other", "x")], b""),
    "a pseudo-header of answers": ([*PLAIN, (":status", "200")], b""),
    "a protocol that was not offered": ([*http2_fields(method="CONNECT"), (":protocol", "websocket")], b""),
    "a host of its own": ([*PLAIN, ("host", "other.test")], b""),
    **{
        f"the field {name!r}: {value!r}": ([*BODY, (name, value)], b"abc")
        for name, value in [("X-Upper", "x"), ("x y", "x"), ("x:y", "x"), ("x\r\ny", "x"), ("x\0", "x"), ("", "x"), ("x", "a\r\nb: c"), ("x", "a\nb"),
                            ("x", "a\rb"), ("x", "a\0b"), ("connection", "close"), ("connection", "content-length"), ("keep-alive", "1"),
                            ("proxy-connection", "close"), ("transfer-encoding", "chunked"), ("upgrade", "websocket"), ("te", "gzip"),
                            ("content-length", "2"), ("content-length", "4"), ("content-length", "+3"),
                            ("content-length", "3, 3"), ("content-length", "-1"), ("content-length", "")]
    },
    "two lengths": ([*BODY, ("content-length", "3"), ("content-length", "4")], b"abc"),
    "a body beyond a length of 0": ([*BODY, ("content-length", "0")], b"abc"),
    "a fragment": (http2_fields(path="/x#y"), b""),
}  # fmt: skip
HTTP2_PASSED = {
    "a plain request": (PLAIN, b""),
    "a body": (BODY, b"abc"),
    "a body with its length": ([*BODY, ("content-length", "3")], b"abc"),
    "a request inside a body": (BODY, SMUGGLED.encode()),
    "cookies in crumbs": ([*PLAIN, ("cookie", "a=1"), ("cookie", "b=2")], b""),
}


def http2(gateway, tls, case):
    """Sends handmade frames; returns the case's name, and the status or None for a reset."""
    name, (fields, body) = case
    with gateway.tunnel(HOST, tls) as stream:
        stream.settimeout(TIME_LIMIT)
        block = b"".join(literal(name) for name in fields)
        flags = ["END_HEADERS"] if body else ["END_HEADERS", "END_STREAM"]
        sent = [SettingsFrame(0), HeadersFrame(1, data=block, flags=flags)]
        sent += [DataFrame(1, data=body, flags=["END_STREAM"])] if body else []
        try:
            stream.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"".join(frame.serialize() for frame in sent))
            return name, status_of(stream)
        except (ConnectionError, EOFError):
            return name, None


def literal(field):
    """A field that is in no table (RFC 7541 section 6.2.2), whatever is in it."""
    out = b"\0"
    for text in field:
        data = text.encode("latin-1")
        assert len(data) < 127
        out += bytes([len(data)]) + data
    return out


def status_of(stream):
    decoder = hpack.Decoder()
    while True:
        header = read(stream, 9)
        frame, length = Frame.parse_frame_header(memoryview(header))
        frame.parse_body(memoryview(read(stream, length)))
        kind = type(frame).__name__
        if kind == "GoAwayFrame" or (kind == "RstStreamFrame" and frame.stream_id == 1):
            return None
        if kind == "HeadersFrame" and frame.stream_id == 1:
            return int(dict(decoder.decode(frame.data))[":status"])


def read(stream, length):
    data = b""
    while len(data) < length:
        chunk = stream.recv(length - len(data))
        if not chunk:
            raise EOFError
        data += chunk
    return data


def main():
    checks = Checks()
    gateway = Gateway(sys.argv[1])
    gateway.certify(HOST)
    recorder = Recorder(gateway.folder)
    gateway.hosts[HOST] = recorder.port
    gateway.connector("wire", CONNECTOR)
    gateway.policy = POLICY
    with gateway, ThreadPoolExecutor(8) as pool:
        answered = {}
        for group in [UNFRAMED, REFUSED, PASSED]:
            for name, found in pool.map(lambda case: http1(gateway, case), group.items()):
                answered[name] = found
        for name in UNFRAMED:
            found = answered[name]
            checks.that(f"{name} is refused and ends the connection", len(found) == 1 and 400 <= found[0].status < 500, found)
        for name in REFUSED:
            found = answered[name]
            canary = len(found) == 2 and "x-seen" in found[1].headers
            checks.that(f"{name} is refused", found and 400 <= found[0].status < 500 and (len(found) == 1 or canary), found)
        for name in PASSED:
            # What comes at the same time may be answered, or end with the connection.
            passed = [one for one in answered[name] if "x-seen" in one.headers]
            checks.that(f"{name} is passed", 0 < len(passed) == len(answered[name]), answered[name])
        paths = {re.match(rb"\S+ (\S+)", recorder.connections[number])[1] for number in recorder.answered}
        checks.that("nothing that was hidden is sent", not paths & {b"/smuggled", b"/admin"}, paths)

        tls = second_version(gateway)
        before = set(recorder.answered)
        for name, status in pool.map(lambda case: http2(gateway, tls, case), HTTP2_REFUSED.items()):
            checks.that(f"HTTP/2: {name} is refused with an answer", 400 <= (status or 0) < 500, status)
        checks.that("HTTP/2: nothing refused is sent whole", recorder.answered == before,
                    [recorder.connections[number] for number in recorder.answered - before])  # fmt: skip
        for name, status in pool.map(lambda case: http2(gateway, tls, case), HTTP2_PASSED.items()):
            checks.that(f"HTTP/2: {name} is passed", status == 200, status)
        compare(checks, recorder, gateway.decided(), answered.items())
    checks.end("desync")


def second_version(gateway):
    import ssl

    tls = ssl.create_default_context(cafile=gateway.folder / "state" / "ca.pem")
    tls.set_alpn_protocols(["h2"])
    return tls


if __name__ == "__main__":
    main()
