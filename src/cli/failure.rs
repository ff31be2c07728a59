//! Defines how a command ends: an exit code, and for a failure its message and problem document.

use std::borrow::Cow;

use serde_json::{Value as Json, json};

use crate::config::diagnostic::Report;
use crate::model::show::escape;

/// How a command that ran ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    /// Exit code 0: done.
    Done,
    /// 1: a check found problems, or an act failed.
    Problems,
    /// Exit code 2: wrong usage.
    Usage,
    /// 3: gateway or store not reached.
    Unreached,
    /// As the child of `run` ended.
    Child(u8),
}

/// Result of every command.
pub(super) type Outcome = Result<Exit, Failure>;

/// Reasons why a command ends early.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// The reader of standard output has closed the pipe.
    ClosedPipe,
    /// A problem to print on standard error.
    Told(Problem),
}

/// A failure in words; `detail` is one line, lower-case, user input in backticks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) exit: Exit,
    pub(super) code: Cow<'static, str>,
    pub(super) detail: String,
    pub(super) help: Option<String>,
    /// Problems in files that led to it.
    pub(super) report: Option<Report>,
    /// The gateway's own document, where it is the gateway that refuses.
    pub(super) answer: Option<Box<Json>>,
}

// === impl Exit ===

impl Exit {
    /// Returns the number for the system.
    pub(super) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Problems => 1,
            Self::Usage => 2,
            Self::Unreached => 3,
            Self::Child(code) => code,
        }
    }
}

// === impl Failure ===

impl Failure {
    /// An act failed: exit 1.
    pub(super) fn failed(code: impl Into<Cow<'static, str>>, detail: impl Into<String>) -> Self {
        Self::told(Exit::Problems, code.into(), detail.into())
    }

    /// The command was not understood: exit 2.
    pub(super) fn usage(detail: impl Into<String>) -> Self {
        Self::told(Exit::Usage, "usage".into(), detail.into())
    }

    /// Gateway or store did not answer: exit 3.
    pub(super) fn unreached(code: &'static str, detail: impl Into<String>) -> Self {
        Self::told(Exit::Unreached, code.into(), detail.into())
    }

    /// The command of `run` did not start: 126 or 127, as shells say it.
    pub(super) fn child(exit: u8, detail: impl Into<String>) -> Self {
        Self::told(Exit::Child(exit), "not_started".into(), detail.into())
    }

    fn told(exit: Exit, code: Cow<'static, str>, detail: String) -> Self {
        Self::Told(Problem {
            exit,
            code,
            detail,
            help: None,
            report: None,
            answer: None,
        })
    }

    /// Returns whether gateway or store did not answer at all.
    pub(super) fn is_unreached(&self) -> bool {
        matches!(self, Self::Told(problem) if problem.exit == Exit::Unreached)
    }

    /// Returns it as the API's handlers do.
    pub(super) fn into_problem(self) -> crate::admin::Problem {
        match self {
            Self::ClosedPipe => crate::admin::Problem::conflict("closed", "the reader is gone"),
            Self::Told(problem) => {
                let found = crate::admin::Problem::conflict(&problem.code, problem.detail);
                found.help(problem.help.unwrap_or_default())
            }
        }
    }

    /// Returns a refusal of what was not understood as wrong usage, as arguments of this command are.
    pub(super) fn bad_is_usage(mut self) -> Self {
        if let Self::Told(problem) = &mut self
            && problem.code == "bad_request"
        {
            problem.exit = Exit::Usage;
            problem.code = "usage".into();
            problem.answer = None;
        }
        self
    }

    /// Shows the problems in files that led to it.
    pub(super) fn because(mut self, report: Report) -> Self {
        if let Self::Told(problem) = &mut self {
            problem.report = Some(report);
        }
        self
    }

    /// Keeps the document in which the gateway refuses.
    pub(super) fn answered(mut self, document: Json) -> Self {
        if let Self::Told(problem) = &mut self {
            problem.answer = Some(Box::new(document));
        }
        self
    }

    /// Returns the text for standard error; empty for a closed pipe.
    pub(super) fn to_text(&self) -> String {
        match self {
            Self::ClosedPipe => String::new(),
            Self::Told(problem) => problem.to_text(),
        }
    }

    /// Says what to do.
    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        if let Self::Told(problem) = &mut self {
            problem.help = Some(help.into());
        }
        self
    }
}

/// Standard output failed: quietly for a closed pipe.
impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::BrokenPipe => Self::ClosedPipe,
            _ => Self::failed("output", format!("the output cannot be written: {error}")),
        }
    }
}

/// For problems that only concern the tool itself, such as a runtime that does not start.
impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::failed("failed", format!("{error:#}"))
    }
}

// === impl Problem ===

impl Problem {
    /// Returns the problems in files, the failure itself, and what to do, for a terminal.
    pub(super) fn to_text(&self) -> String {
        let report = self.report.as_ref().map(Report::to_text);
        let report = report.or_else(|| {
            let told = self.answer.as_ref()?.get("report")?.as_str()?;
            Some(told.split('\n').map(escape).collect::<Vec<_>>().join("\n"))
        });
        let report = report.map(|report| format!("{report}\n"));
        let help = self
            .help
            .as_ref()
            .map(|help| help.lines().map(escape).collect::<Vec<_>>())
            .map(|lines| format!("\n  help: {}", lines.join("\n        ")));
        format!(
            "{}error: {}{}",
            report.unwrap_or_default(),
            escape(&self.detail),
            help.unwrap_or_default()
        )
    }

    /// Returns the `application/problem+json` document (RFC 9457).
    pub(super) fn document(&self) -> Json {
        let title = match self.exit {
            Exit::Usage => "usage",
            Exit::Unreached => "not reached",
            Exit::Done | Exit::Problems | Exit::Child(_) => "failed",
        };
        let mut document = json!({ "type": "about:blank", "title": title, "code": self.code, "detail": self.detail });
        if let (Some(help), Some(fields)) = (&self.help, document.as_object_mut()) {
            fields.insert("help".to_owned(), json!(help));
        }
        if let (Some(report), Some(fields)) = (&self.report, document.as_object_mut())
            && let Json::Object(shown) = report.to_json()
        {
            fields.extend(shown);
        }
        if let (Some(Json::Object(answer)), Some(fields)) =
            (self.answer.as_deref(), document.as_object_mut())
        {
            for (name, value) in answer {
                if !["title", "status", "report"].contains(&name.as_str()) {
                    fields.insert(name.clone(), value.clone());
                }
            }
        }
        document
    }
}
