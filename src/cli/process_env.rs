//! Reads the process's surroundings once: environment, terminal, clock, working directory.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::IsTerminal;
use std::path::PathBuf;

use super::socket_activation::SocketActivation;
use crate::model::clock::Clock;

/// Surroundings of the process; a test can make its own.
#[derive(Debug, Clone)]
pub struct ProcessEnv {
    /// The environment that the process was started with.
    pub environment: BTreeMap<OsString, OsString>,
    /// Standard input is a person.
    pub stdin_is_terminal: bool,
    /// Standard output is a person's.
    pub stdout_is_terminal: bool,
    /// Any standard stream is a terminal, so that the terminal itself sends signals to the foreground group.
    pub has_terminal: bool,
    /// Tells the time; a test sets it.
    pub clock: Clock,
    /// Directory where relative paths start.
    pub directory: PathBuf,
    /// Sockets that another process has bound for the gateway.
    pub activated: SocketActivation,
    /// Gives memory that is free back to the system: the allocator's matter, which only the binary knows.
    pub give_back: fn(),
}

impl ProcessEnv {
    /// Reads the surroundings of this process.
    #[must_use]
    pub fn of_process() -> Self {
        // Before the environment is read, because children must not inherit these variables.
        let activated = SocketActivation::to_process();
        let stdin_is_terminal = std::io::stdin().is_terminal();
        let stdout_is_terminal = std::io::stdout().is_terminal();
        Self {
            activated,
            give_back: || {},
            environment: std::env::vars_os().collect(),
            stdin_is_terminal,
            stdout_is_terminal,
            has_terminal: stdin_is_terminal
                || stdout_is_terminal
                || std::io::stderr().is_terminal(),
            clock: Clock::system(),
            directory: std::env::current_dir().unwrap_or_else(|_| PathBuf::from(".")),
        }
    }

    /// Returns whether a person reads standard output and wants colour (no-color.org).
    pub(super) fn shows_colour(&self) -> bool {
        self.stdout_is_terminal && self.variable("NO_COLOR").is_none()
    }

    /// Chooses the state directory, whatever the configuration says.
    pub(super) fn set_data_dir(&mut self, dir: &std::path::Path) {
        self.environment
            .remove(OsStr::new("TOLLGATE_DATA_DIR_FILE"));
        let dir = self.directory.join(dir).into_os_string();
        self.environment.insert("TOLLGATE_DATA_DIR".into(), dir);
    }

    /// Returns a variable that is set, not empty, and UTF-8.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.environment
            .get(OsStr::new(name))
            .and_then(|value| value.to_str())
            .filter(|value| !value.is_empty())
    }

    /// Returns the variables that are UTF-8, for configuration.
    #[must_use]
    pub fn text_variables(&self) -> BTreeMap<String, String> {
        let text = |text: &OsString| text.to_str().map(str::to_owned);
        self.environment
            .iter()
            .filter_map(|(name, value)| Some((text(name)?, text(value)?)))
            .collect()
    }
}
