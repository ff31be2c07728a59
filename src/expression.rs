//! Compiles CEL expressions under limits, so that no expression can stall or end the process.

mod calls;
mod check;
mod comparing;
mod functions;
mod grammar;
mod guards;
mod link;
mod names;
mod optional;
mod parts;
mod plain;
mod predicate;
mod program;
mod queried;
mod scope;
mod tree;
mod types;

pub use parts::{Part, parts};
pub use predicate::{Order, Predicate, Test, Unanswered, Values};
pub use program::{EvaluationError, Outcome, Program, ProgramDraft};
pub use scope::{Datum, Scope};
pub use types::{Environment, Record, Type};

/// A text that is not a usable expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ExpressionError {
    /// The problem, one line in lower case.
    pub message: String,
    /// Characters from the start of the expression, where known.
    pub offset: Option<usize>,
    /// What the author can do about it, if that is known.
    pub help: Option<String>,
}

/// A literal in an expression.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// The literal `null`; it is no value that a parameter can have.
    Null,
    /// A boolean, `true` or `false`.
    Bool(bool),
    /// A signed 64-bit integer, as in `1` or `-1`.
    Int(i64),
    /// An unsigned 64-bit integer, as in `1u`.
    Uint(u64),
    /// A 64-bit float, as in `1.5`.
    Double(f64),
    /// A UTF-8 string, as in `"a"`.
    Text(String),
}

/// An expression as a tree, for callers that compile it themselves (a connector's `when`).
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    /// A literal value, known at load.
    Literal(Literal),
    /// A list of expressions, `[a, b]`.
    List(Vec<Self>),
    /// A variable's name, as in `a`.
    Name(String),
    /// `a.b`, and `a["b"]` with a literal key.
    Field(Box<Self>, String),
    /// An item of a list or map, `a[0]` or `a[b]`.
    Index(Box<Self>, Box<Self>),
    /// Tests that a field exists, `has(a.b)`.
    Has(Box<Self>, String),
    /// `!a`, `a && b`, `a == b`, `a in b`, `f(a)`: operators by their spelling, `target` for `a.f(b)`.
    Call {
        /// `!`, `&&`, `||`, `==`, `!=`, `<`, `<=`, `>`, `>=`, `in`, `+`, `-`, `*`, `/`, `%`, `?:`, or a function's name.
        function: String,
        /// The value that a method is called on.
        target: Option<Box<Self>>,
        /// Operands of the operator, or arguments of the function.
        args: Vec<Self>,
    },
    /// A comprehension (`all`, `exists`, …), a map or a message: nothing that `when` may use.
    Other(&'static str),
}

/// Parses an expression within the limits of size, nodes and depth.
///
/// # Errors
///
/// If the text is malformed or over a limit; the error has the place.
pub fn parse(source: &str) -> Result<Node, ExpressionError> {
    let parsed = grammar::parse(source)?;
    match optional::first(&parsed.root) {
        None => Ok(tree::node(&parsed.root)),
        Some(id) => Err(ExpressionError {
            offset: parsed.offset(id),
            ..ExpressionError::new("unsupported syntax `.?`")
        }),
    }
}

impl ExpressionError {
    fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            offset: None,
            help: None,
        }
    }

    fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into()).filter(|help: &String| !help.is_empty());
        self
    }
}
