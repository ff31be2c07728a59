//! CEL with limits: text to a checked program or to a tree, and nothing an expression says can stall or end the process.

mod calls;
mod check;
mod comparing;
mod functions;
mod grammar;
mod guards;
mod link;
mod names;
mod optional;
mod plain;
mod program;
mod scope;
mod tree;
mod types;

pub use program::{Draft, Outcome, Program};
pub use scope::{Datum, Scope};
pub use types::{Environment, Record, Type};

/// Why a text is not a usable expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ExpressionError {
    /// One line, lower-case.
    pub message: String,
    /// Characters from the start of the expression, where known.
    pub offset: Option<usize>,
    /// What to do.
    pub help: Option<String>,
}

/// A literal in an expression.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// `null`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// `1`, `-1`
    Int(i64),
    /// `1u`
    Uint(u64),
    /// `1.5`
    Double(f64),
    /// `"a"`
    Text(String),
}

/// An expression as a tree, for callers that compile it themselves (a connector's `when`).
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    /// A literal.
    Literal(Literal),
    /// `[a, b]`
    List(Vec<Self>),
    /// `a`
    Name(String),
    /// `a.b`, and `a["b"]` with a literal key.
    Field(Box<Self>, String),
    /// `a[0]`, `a[b]`
    Index(Box<Self>, Box<Self>),
    /// `has(a.b)`
    Has(Box<Self>, String),
    /// `!a`, `a && b`, `a == b`, `a in b`, `f(a)`: operators by their spelling, `target` for `a.f(b)`.
    Call {
        /// `!`, `&&`, `||`, `==`, `!=`, `<`, `<=`, `>`, `>=`, `in`, `+`, `-`, `*`, `/`, `%`, `?:`, or a function's name.
        function: String,
        /// What a method is called on.
        target: Option<Box<Self>>,
        /// Operands or arguments.
        args: Vec<Self>,
    },
    /// A comprehension (`all`, `exists`, …), a map or a message: nothing that `when` may use.
    Other(&'static str),
}

/// Reads an expression into a tree, within the limits of size, nodes and depth.
///
/// # Errors
/// Says what is wrong and where.
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
