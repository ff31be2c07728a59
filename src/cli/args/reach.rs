//! Tells what each command works on, so that `--server` and `--offline` are honoured or refused and never passed over.

use super::{AuditCommand, Command, ConnectorCommand, CredentialCommand, PolicyCommand};

/// What a command works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum Reach {
    /// The gateway that runs here or at `--server`, or with `--offline` files and store.
    Anywhere,
    /// A gateway that runs, here or at `--server`.
    Gateway,
    /// Files and store of this machine, whether a gateway runs or not.
    Here,
    /// This machine, where a gateway runs or will.
    GatewayHere,
    /// Files of this machine; it has a `--server` of its own, the URL of an API.
    Description,
}

impl Reach {
    /// Returns whether `--server` can name the gateway that is asked.
    pub(in crate::cli) fn takes_server(self) -> bool {
        matches!(self, Self::Anywhere | Self::Gateway)
    }

    /// Returns whether `--offline` is honoured.
    pub(in crate::cli) fn takes_offline(self) -> bool {
        matches!(self, Self::Anywhere | Self::Here | Self::Description)
    }
}

impl Command {
    /// Returns what the command works on.
    pub(in crate::cli) fn reach(&self) -> Reach {
        match self {
            Self::Status(_) | Self::Approval(_) | Self::Dashboard(_) => Reach::Gateway,
            Self::Serve(_) | Self::Run(_) => Reach::GatewayHere,
            Self::Explain(_)
            | Self::Agent(_)
            | Self::Operator(_)
            | Self::Permission(_)
            | Self::Kill(_)
            | Self::Config(_) => Reach::Anywhere,
            Self::Policy(command) => match command {
                PolicyCommand::List { .. } | PolicyCommand::Show { .. } => Reach::Anywhere,
                PolicyCommand::Check(_)
                | PolicyCommand::Test { .. }
                | PolicyCommand::Diff { .. }
                | PolicyCommand::Replay(_) => Reach::Here,
            },
            Self::Connector(command) => match command {
                ConnectorCommand::List
                | ConnectorCommand::Show { .. }
                | ConnectorCommand::Add(_) => Reach::Anywhere,
                ConnectorCommand::Health { .. } => Reach::Gateway,
                ConnectorCommand::Import(_) | ConnectorCommand::Coverage(_) => Reach::Description,
                ConnectorCommand::Check { .. }
                | ConnectorCommand::Test { .. }
                | ConnectorCommand::New(_)
                | ConnectorCommand::Suggest(_) => Reach::Here,
            },
            Self::Credential(command) => match command {
                CredentialCommand::Test { .. } => Reach::Gateway,
                // A browser, and where secrets are read from, are this machine's.
                CredentialCommand::Add(args) if args.oauth || !args.sources.is_empty() => {
                    Reach::Here
                }
                CredentialCommand::Add(_)
                | CredentialCommand::List
                | CredentialCommand::Rebind(_)
                | CredentialCommand::Remove { .. }
                | CredentialCommand::Rotate(_) => Reach::Anywhere,
            },
            Self::Audit(command) => match command {
                AuditCommand::Tail { .. }
                | AuditCommand::Query { .. }
                | AuditCommand::Export { .. } => Reach::Anywhere,
                // A directory and a file of checkpoints lie on this machine.
                AuditCommand::Verify(args) if args.dir.is_some() || args.anchor.is_some() => {
                    Reach::Here
                }
                AuditCommand::Verify(_) => Reach::Anywhere,
                AuditCommand::RotateKey => Reach::Here,
            },
            Self::Env(_)
            | Self::Vault(_)
            | Self::Check(_)
            | Self::Ca
            | Self::Completions(_)
            | Self::Man(_)
            | Self::Init(_)
            | Self::Schema(_) => Reach::Here,
        }
    }
}
