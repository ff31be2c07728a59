import subprocess
import tempfile

from calls import command, denied_command

folder = tempfile.mkdtemp(dir=".")
copy, site = f"{folder}/copy", "https://github.com/acme/site.git"
push = "github.repo.push.begin github.repo.push"
command("github.repo.fetch", "git", "ls-remote", site)
command("github.repo.fetch", "git", "clone", "-q", site, copy)
command("github.repo.fetch", "git", "clone", "-q", "--depth", "1", site, f"{folder}/shallow")
command("github.repo.fetch", "git", "-C", copy, "fetch", "-q")
subprocess.run(["git", "-C", copy, "commit", "-q", "--allow-empty", "-m", "more"], check=True)
command(push, "git", "-C", copy, "push", "-q", "origin", "HEAD:refs/heads/agent/x")
command(push, "git", "-C", copy, "push", "-q", "origin", "HEAD:refs/tags/v1")
denied_command(push, "git", "-C", copy, "push", "origin", "HEAD:refs/heads/main")
