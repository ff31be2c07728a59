import json
import os
import pathlib
import tempfile

from calls import command, denied_command

os.chdir(tempfile.mkdtemp(dir="."))
# A program's own file reads the token that `run` names, as on CI.
pathlib.Path(".npmrc").write_text("//registry.npmjs.org/:_authToken=${NPM_TOKEN}\n")
pathlib.Path("package.json").write_text(json.dumps({"name": "site", "version": "1.0.0"}))
command("npm.package.get npm.package.download", "npm", "install", "--no-audit", "tiny")
command("npm.package.get", "npm", "view", "tiny", "version")
command("npm.me.get", "npm", "whoami")
command("npm.package.search", "npm", "search", "tiny")
command("npm.tag.list", "npm", "dist-tag", "ls", "tiny")
command("npm.audit.run", "npm", "audit")
denied_command("npm.package.get npm.package.publish", "npm", "publish")
