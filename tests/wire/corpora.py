"""The raw requests in the test suites of well-known HTTP servers, through the gateway: each is refused, or arrives as what was judged.

They are fetched from the package index at test time and stay below `target/`; nothing of them is kept here.
"""

import ast
import pathlib
import re
import subprocess
import sys
import tarfile
from concurrent.futures import ThreadPoolExecutor

from desync import CONNECTOR, H, HOST, POLICY
from wire import Checks, Gateway, Recorder, compare

PACKAGES = ["gunicorn==23.0.0", "httptools==0.6.4", "h11==0.16.0", "waitress==3.0.2"]
# Less means that a suite has moved and this file looks past it.
LEAST = {"gunicorn": 90, "httptools": 50, "h11": 40, "waitress": 90}
# A start line of a request, generously.
START = re.compile(rb"\A[\r\n]*[^\s:]{1,20} +\S[^\r\n]*\r?\n")


def fetch(environment):
    """Returns the folder with the packages' sources, fetched once."""
    folder = pathlib.Path(environment) / "corpora"
    missing = [package for package in PACKAGES if not archive(folder, package).exists()]

    def download(package):
        pip = [f"{environment}/bin/pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:", "--dest", folder, package]
        return subprocess.run(pip, timeout=300).returncode

    with ThreadPoolExecutor(3) as pool:
        for package, code in zip(missing, pool.map(download, missing)):
            if code != 0:
                sys.exit(f"tests/wire needs the sources of {package}, and the package index does not give them")
    return folder


def archive(folder, package):
    name, _, version = package.partition("==")
    return folder / f"{name}-{version}.tar.gz"


def members(path):
    with tarfile.open(path) as tar:
        for member in tar:
            if member.isfile() and re.search(r"(^|/)(tests?|vendor)/", member.name):
                yield member.name, tar.extractfile(member).read()


def requests(name, data):
    """Returns the raw requests in one file."""
    if name.endswith(".http"):
        # gunicorn writes a line's end as `\\r\\n`; line ends of the file itself mean nothing.
        data = data.replace(b"\r", b"").replace(b"\n", b"")
        for written, meant in [(b"\\r\\n", b"\r\n"), (b"\\0", b"\0"), (b"\\n", b"\n"), (b"\\t", b"\t"), (b"\\r", b"\r")]:
            data = data.replace(written, meant)
        return [data]
    if name.endswith(".py"):
        return [constant for constant in constants(data) if START.match(constant)]
    if name.endswith("test.c"):
        # The tests of Node's first parser: `.raw= "…" "…"`.
        raws = re.findall(rb'\.raw= *((?:"(?:\\.|[^"\\])*"\s*)+)', data)
        joined = (b"".join(re.findall(rb'"((?:\\.|[^"\\])*)"', raw)) for raw in raws)
        return [text for text in map(unescape, joined) if not text.startswith(b"HTTP/")]
    return []


def unescape(text):
    """What a C string literal means; Python's escapes are the same ones."""
    escaped = "".join(chr(byte) if byte < 0x80 else f"\\x{byte:02x}" for byte in text)
    return ast.literal_eval('b"' + escaped + '"')


def constants(source):
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, bytes):
            yield node.value
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and " HTTP/" in node.value:
            yield node.value.encode("latin-1", "replace")


def variants(raw):
    """A suite's request is for another host, or for none. As it is it tests what the gateway takes; for our host, what it sends."""
    yield raw
    first, found, rest = raw.lstrip(b"\r\n").partition(b"\n")
    if not found:
        return
    ours, count = re.subn(rb"(?im)^(host:)[^\r\n]*", rb"\1 " + HOST.encode(), rest)
    yield first + b"\n" + (ours if count else H.encode() + rest)


def load(checks, folder):
    cases = {}
    for package in PACKAGES:
        name = package.partition("==")[0]
        found = {}
        for file, data in members(archive(folder, package)):
            for number, raw in enumerate(requests(file, data)):
                found.setdefault(raw, f"{file} {number}")
        checks.that(f"{name} has raw requests", len(found) >= LEAST[name], len(found))
        print(f"{package}: {len(found)} requests")
        for raw, place in found.items():
            for number, variant in enumerate(variants(raw)):
                cases.setdefault(variant, f"{place}{' for our host' if number else ''}")
    return cases


def main():
    checks = Checks()
    cases = load(checks, fetch(sys.argv[2]))
    gateway = Gateway(sys.argv[1])
    gateway.certify(HOST)
    recorder = Recorder(gateway.folder)
    gateway.hosts[HOST] = recorder.port
    gateway.connector("wire", CONNECTOR)
    gateway.policy = POLICY
    with gateway, ThreadPoolExecutor(32) as pool:
        answered = list(pool.map(lambda case: (case[1], gateway.exchange(HOST, case[0], 3)), cases.items()))
        compare(checks, recorder, gateway.decided(), answered)
    passed = len(recorder.answered)
    print(f"{len(cases)} requests: {passed} passed, the others refused")
    # Both must happen, or nothing was tested.
    checks.that("some are passed and some are refused", 50 < passed < len(cases) - 50)
    checks.end("corpora")


if __name__ == "__main__":
    main()
