from calls import command, denied_command

here = ["-R", "acme/site"]
query = "github.repo.query"
command(query, "gh", "pr", "list", *here)
command(query, "gh", "issue", "list", *here)
command("github.repo.get", "gh", "api", "repos/acme/site")
command(f"{query} github.issue.create", "gh", "issue", "create", *here, "--title", "Printer", "--body", "hi")
command(f"{query} github.issue.close", "gh", "issue", "close", "7", *here)
command("github.secret.public_key.get", "gh", "api", "repos/acme/site/actions/secrets/public-key")
denied_command("github.repo.delete", "gh", "api", "-X", "DELETE", "repos/acme/site")
denied_command(f"{query} github.issue.delete", "gh", "issue", "delete", "7", *here, "--confirm")
