//! Tells the admin service and `run` what a configuration declares.

use std::path::PathBuf;

use super::{Workspace, files_failure};
use crate::admin::{Operator, service};
use crate::cli::failure::Failure;
use crate::config::diagnostic::{Report, Source};
use crate::config::sources::read_dirs;

impl Workspace {
    /// The certificate that agents must trust.
    pub(in crate::cli) fn ca_certificate(&self) -> PathBuf {
        self.config()
            .ca
            .as_ref()
            .map_or_else(|| self.state.ca_certificate(), |ca| ca.cert.clone())
    }

    /// The policy files alone.
    pub(in crate::cli) fn policy_sources(&self) -> Result<Vec<Source>, Failure> {
        self.read_policies().map_err(files_failure)
    }

    /// The policy files alone, or what is wrong with the directories.
    pub(in crate::cli) fn read_policies(&self) -> Result<Vec<Source>, Report> {
        read_dirs(
            &self.config().policies,
            &self.directory,
            self.root.as_deref(),
        )
        .map(|files| files.sources)
    }

    /// Returns what the configuration declares, for the admin service.
    pub(in crate::cli) fn declared(&self) -> service::Declared {
        let agents = self.config().agents.iter();
        let operators = self.config().operators.iter();
        service::Declared {
            agents: agents
                .map(|declared| service::DeclaredAgent {
                    agent: declared.agent.clone(),
                    has_token: declared.names_token,
                })
                .collect(),
            operators: operators
                .map(|declared| Operator {
                    name: declared.name.clone(),
                    role: declared.role,
                    groups: declared.groups.clone(),
                })
                .collect(),
            credentials: self
                .config()
                .credentials
                .iter()
                .map(|declared| service::DeclaredCredential {
                    id: declared.id.clone(),
                    connector: declared.connector.clone(),
                    scheme: declared.scheme.clone(),
                })
                .collect(),
        }
    }
}
