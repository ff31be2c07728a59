//! Gives the help of every command an example, and builds the command line from the declared arguments with them.

use clap::{Command, CommandFactory as _};

use super::Cli;

/// Commands by their words, and an example of each.
const EXAMPLES: &[(&str, &str)] = &[
    (
        "serve",
        "tollgate serve --config /etc/tollgate/tollgate.yaml",
    ),
    (
        "run",
        "tollgate run --agent ci curl https://api.github.com/user",
    ),
    ("env", "eval \"$(tollgate env --agent ci --new-token)\""),
    ("check", "tollgate check --strict"),
    (
        "explain",
        "tollgate explain DELETE https://api.github.com/repos/acme/site --agent ci",
    ),
    ("ca", "tollgate ca > tollgate-ca.pem"),
    (
        "status",
        "tollgate status --server https://gateway.corp:7071",
    ),
    ("config show", "tollgate config show --all"),
    ("dashboard", "tollgate dashboard --no-open"),
    ("connector list", "tollgate connector list"),
    ("connector show", "tollgate connector show github"),
    (
        "connector check",
        "tollgate connector check connectors.d/tickets.yaml",
    ),
    (
        "connector test",
        "tollgate connector test connectors.d/tickets.yaml",
    ),
    (
        "connector new",
        "tollgate connector new tickets --from-curl 'curl https://tickets.example.com/v1/tickets'",
    ),
    (
        "connector import",
        "tollgate connector import --openapi tickets.json --out connectors.d/tickets.yaml",
    ),
    (
        "connector coverage",
        "tollgate connector coverage github --operations github.json --min 90",
    ),
    (
        "connector suggest",
        "tollgate connector suggest github --since 7d",
    ),
    (
        "connector add",
        "printf '%s' \"$TOKEN\" | tollgate connector add --type jira --name 'Jira Cloud' --domain acme.atlassian.net",
    ),
    (
        "credential add",
        "printf '%s' \"$TOKEN\" | tollgate credential add github --agent ci",
    ),
    (
        "credential rotate",
        "printf '%s' \"$NEW_TOKEN\" | tollgate credential rotate github",
    ),
    ("credential test", "tollgate credential test github"),
    ("connector health", "tollgate connector health --all"),
    (
        "vault export",
        "tollgate vault export --out credentials.tollgate",
    ),
    ("vault import", "tollgate vault import credentials.tollgate"),
    ("vault rotate-key", "tollgate vault rotate-key"),
    ("credential list", "tollgate credential list"),
    ("credential rebind", "tollgate credential rebind github"),
    (
        "credential remove",
        "tollgate credential remove github --cascade",
    ),
    (
        "agent add",
        "tollgate agent add ci --label team=web --expires 90d",
    ),
    ("agent list", "tollgate agent list"),
    ("agent label", "tollgate agent label ci team=web tier=prod"),
    ("agent remove", "tollgate agent remove ci --cascade"),
    ("agent token list", "tollgate agent token list ci"),
    (
        "agent token add",
        "tollgate agent token add ci --expires 12h",
    ),
    (
        "agent token revoke",
        "tollgate agent token revoke ci 0123456789ab",
    ),
    ("operator add", "tollgate operator add ada --role approver"),
    ("operator list", "tollgate operator list"),
    ("operator rotate", "tollgate operator rotate ada"),
    ("operator remove", "tollgate operator remove ada"),
    (
        "permission set",
        "tollgate permission set --agent ci --connector github --access read_only --dry-run",
    ),
    ("permission list", "tollgate permission list"),
    ("permission remove", "tollgate permission remove 3"),
    (
        "permission export",
        "tollgate permission export > policies.d/stored.yaml",
    ),
    ("policy check", "tollgate policy check policies.d"),
    ("policy test", "tollgate policy test"),
    ("policy diff", "tollgate policy diff main branch --markdown"),
    (
        "policy replay",
        "tollgate policy replay --since 7d --policies candidate.d --fail-on-newly-allowed",
    ),
    ("policy list", "tollgate policy list --hits 7d"),
    ("policy show", "tollgate policy show no-deletion"),
    ("approval list", "tollgate approval list"),
    (
        "approval show",
        "tollgate approval show 01JD3Q7VH6XJ2J4N1Z8Z6E7F5G",
    ),
    (
        "approval approve",
        "tollgate approval approve 01JD3Q7VH6XJ2J4N1Z8Z6E7F5G",
    ),
    (
        "approval deny",
        "tollgate approval deny 01JD3Q7VH6XJ2J4N1Z8Z6E7F5G",
    ),
    (
        "kill on",
        "tollgate kill on --agent ci --reason 'token leaked'",
    ),
    ("kill off", "tollgate kill off --agent ci"),
    ("kill status", "tollgate kill status"),
    ("audit tail", "tollgate audit tail --follow --agent ci"),
    (
        "audit query",
        "tollgate audit query --decision deny --since 2h",
    ),
    ("audit verify", "tollgate audit verify --key sha256:0123"),
    ("audit rotate-key", "tollgate audit rotate-key"),
    (
        "audit export",
        "tollgate audit export --format csv --since 7d",
    ),
    (
        "completions",
        "tollgate completions bash > /etc/bash_completion.d/tollgate",
    ),
    ("man", "tollgate man --out /usr/local/share/man/man1"),
    ("schema", "tollgate schema --write --actions"),
    ("init", "tollgate init gateway --policy own-branch"),
];

/// Returns the command line with an example in the help of each command.
pub(in crate::cli) fn command() -> Command {
    with_examples(Cli::command(), "")
}

fn with_examples(command: Command, path: &str) -> Command {
    let names: Vec<String> = command
        .get_subcommands()
        .map(|known| known.get_name().to_owned())
        .collect();
    let command = names.into_iter().fold(command, |command, name| {
        let path = format!("{path} {name}").trim().to_owned();
        command.mut_subcommand(name, |known| with_examples(known, &path))
    });
    let example = EXAMPLES.iter().find(|(words, _)| *words == path);
    match example {
        Some((_, example)) => command.after_help(format!("Example:\n  {example}")),
        None => command,
    }
}

#[cfg(test)]
mod tests {
    use clap::Command;

    use super::command;

    fn leaves(command: &Command, path: &str, found: &mut Vec<(String, String)>) {
        let mut inner = command.get_subcommands().peekable();
        if inner.peek().is_none() {
            let help = command.get_after_help().map(ToString::to_string);
            found.push((path.to_owned(), help.unwrap_or_default()));
        }
        for known in inner {
            leaves(known, &format!("{path} {}", known.get_name()), found);
        }
    }

    #[test]
    fn the_help_of_every_command_has_an_example_of_that_command() {
        let mut found = Vec::new();
        leaves(&command(), "tollgate", &mut found);
        for (path, help) in found {
            assert!(help.contains(&path), "{path}: {help}");
        }
    }

    #[test]
    fn every_example_is_a_command_line_that_is_understood() {
        for (_, example) in super::EXAMPLES {
            let start = example.find("tollgate ").unwrap();
            let end = example.rfind(" > ").unwrap_or(example.len());
            let line = example.get(start..end).unwrap().trim_end_matches(")\"");
            // What stands in quotes is one word.
            let quoted = line.split('\'').enumerate();
            let words = quoted.flat_map(|(at, text)| match at % 2 {
                0 => text.split_whitespace().collect(),
                _ => vec![text],
            });
            let parsed = command().try_get_matches_from(words);
            assert!(parsed.is_ok(), "{example}: {}", parsed.unwrap_err());
        }
    }
}
