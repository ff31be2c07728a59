import os

from calls import call, denied
from github import Auth, Github

hub = Github(auth=Auth.Token(os.environ["GITHUB_TOKEN"]), retry=None)
site = hub.get_repo("acme/site", lazy=True)
call("github.repo.get", lambda: hub.get_repo("acme/site"))
call("github.issue.create", lambda: site.create_issue("Printer", labels=["bug"]))
call("github.pr.list", lambda: list(site.get_pulls()))
call("github.pr.create", lambda: site.create_pull(base="main", head="agent/x", title="A title"))
call("github.file.create", lambda: site.create_file("a/b.txt", "first", b"hi", branch="agent/x"))
call("github.file.update", lambda: site.update_file("a/b.txt", "second", b"ho", "b" * 40, branch="agent/x"))
call("github.pr.merge", lambda: site.get_pull(7).merge())
call("github.branch.create", lambda: site.create_git_ref("refs/heads/agent/y", "c" * 40))
denied("github.repo.delete", lambda: site.delete())
