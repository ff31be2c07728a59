"""Git hosting and package registries with one repository and one package, `tiny` 1.0.0, for `upstream.Upstream`."""

import base64
import hashlib
import io
import json
import os
import shutil
import subprocess
import tarfile
import zipfile

GIT = {f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in (("NAME", "Ada"), ("EMAIL", "ada@acme.example"))}


def git(*words, **options):
    return subprocess.run(["git", *words], capture_output=True, check=True, env={**os.environ, **GIT}, **options)


def repository(folder, files):
    """Makes a bare repository with one commit of the files on `main`."""
    work, bare = folder / "work", folder / "site.git"
    git("init", "-q", "-b", "main", str(work))
    if files:
        shutil.copytree(files, work, dirs_exist_ok=True)
    (work / "README").write_text("hello from upstream\n")
    git("-C", str(work), "add", ".")
    git("-C", str(work), "commit", "-q", "-m", "first")
    git("clone", "-q", "--bare", str(work), str(bare))
    return bare


def git_host(bare):
    """Serves git's smart protocol, `gitprotocol-http(5)`."""

    def answer(request):
        service = request.query.removeprefix("service=git-") if request.query else request.path.rpartition("/git-")[2]
        environment = {**os.environ, "GIT_PROTOCOL": request.headers.get("git-protocol", "")}
        start, mode, kind = b"", [], "result"
        if request.query:
            line = f"# service=git-{service}\n"
            start, mode, kind = f"{len(line) + 4:04x}{line}0000".encode(), ["--advertise-refs"], "advertisement"
        words = ["git", service, "--stateless-rpc", *mode, str(bare)]
        done = subprocess.run(words, input=request.body, capture_output=True, env=environment)
        return 200, {"Content-Type": f"application/x-git-{service}-{kind}"}, start + done.stdout

    return answer


def tarball(files):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
    return out.getvalue()


def wheel(files):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return out.getvalue()


NPM_FILE = tarball({"package/package.json": json.dumps({"name": "tiny", "version": "1.0.0", "main": "index.js"}), "package/index.js": "module.exports = 7;\n"})
CRATE = tarball({"tiny-1.0.0/Cargo.toml": '[package]\nname = "tiny"\nversion = "1.0.0"\nedition = "2021"\n', "tiny-1.0.0/src/lib.rs": "pub fn seven() -> u8 { 7 }\n"})
WHEEL = wheel({
    "tiny.py": "SEVEN = 7\n",
    "tiny-1.0.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0.0\n",
    "tiny-1.0.0.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    "tiny-1.0.0.dist-info/RECORD": "tiny.py,,\ntiny-1.0.0.dist-info/METADATA,,\ntiny-1.0.0.dist-info/WHEEL,,\ntiny-1.0.0.dist-info/RECORD,,\n",
})  # fmt: skip


def npm(request):
    if request.method == "PUT":
        return 201, {}, {"ok": True}
    if request.path == "/tiny/-/tiny-1.0.0.tgz":
        return 200, {"Content-Type": "application/octet-stream"}, NPM_FILE
    if request.path == "/tiny":
        integrity = "sha512-" + base64.b64encode(hashlib.sha512(NPM_FILE).digest()).decode()
        files = {"tarball": "https://registry.npmjs.org/tiny/-/tiny-1.0.0.tgz", "integrity": integrity, "shasum": hashlib.sha1(NPM_FILE).hexdigest()}
        return 200, {}, {"name": "tiny", "dist-tags": {"latest": "1.0.0"}, "time": {"1.0.0": "2026-01-01T00:00:00.000Z"}, "maintainers": [{"name": "ada", "email": "ada@acme.example"}],
                         "versions": {"1.0.0": {"name": "tiny", "version": "1.0.0", "dist": files}}}  # fmt: skip
    if request.path == "/-/whoami":
        return 200, {}, {"username": "ada"}
    if request.path.startswith("/-/v1/search"):
        return 200, {}, {"objects": [], "total": 0, "time": "now"}
    if request.path.endswith("/dist-tags"):
        return 200, {}, {"latest": "1.0.0"}
    return (200, {}, {}) if request.path.startswith("/-/npm/v1/security") else (404, {}, {"error": "not found"})


def pypi(request):
    page = f'<a href="https://files.pythonhosted.org/packages/aa/tiny-1.0.0-py3-none-any.whl#sha256={hashlib.sha256(WHEEL).hexdigest()}">tiny</a>'
    page = page.replace("tiny", request.path.split("/")[2])
    return 200, {"Content-Type": "text/html"}, page.encode()


def crates_index(request):
    if request.path == "/config.json":
        return 200, {}, {"dl": "https://static.crates.io/crates", "api": "https://crates.io"}
    line = {"name": "tiny", "vers": "1.0.0", "deps": [], "cksum": hashlib.sha256(CRATE).hexdigest(), "features": {}, "yanked": False}
    return (200, {"Content-Type": "text/plain"}, json.dumps(line).encode() + b"\n") if request.path == "/ti/ny/tiny" else (404, {}, b"")


def crates(request):
    if request.path == "/api/v1/crates/tiny/owners":
        return 200, {}, {"users": [{"id": 1, "login": "ada", "name": "Ada"}]}
    if request.path.endswith(("/yank", "/unyank")):
        return 200, {}, {"ok": True}
    return 200, {}, {"crates": [{"name": "tiny", "description": "Seven", "max_version": "1.0.0"}], "meta": {"total": 1}}


def registries(folder, files=None):
    """Returns what answers for each host; `files` are what the repository has."""
    return {
        "github.com": git_host(repository(folder, files)), "registry.npmjs.org": npm, "pypi.org": pypi,
        "files.pythonhosted.org": lambda _: (200, {"Content-Type": "application/octet-stream"}, WHEEL),
        "index.crates.io": crates_index, "static.crates.io": lambda _: (200, {"Content-Type": "application/gzip"}, CRATE), "crates.io": crates,
    }  # fmt: skip
