//! Parses CEL within limits of size, nodes, depth and nesting.
//!
//! INVARIANT: a tree that leaves this file is at most [`MAX_DEPTH`] deep, so walking, evaluating or dropping it fits any stack.

use std::sync::{Arc, LazyLock};

use cel::common::ast::{EntryExpr, Expr, IdedExpr, SourceInfo};

use super::ExpressionError;
use super::functions;

/// Longest expression in bytes.
pub(crate) const MAX_SOURCE: usize = 2 * 1024;
/// Most nodes after macros are expanded.
const MAX_NODES: usize = 1_000;
/// The deepest nesting that is accepted.
const MAX_DEPTH: usize = 64;
/// How deep comprehensions may lie in one another.
const MAX_LOOPS: usize = 1;
/// A chain of `MAX_SOURCE` one-byte links needs about 4 MiB of stack in a debug build; only the pages used are ever touched.
const PARSER_STACK: usize = 64 * 1024 * 1024;

/// Everything that expressions can call; building it takes 20 µs, so there is one.
pub(crate) static LIBRARY: LazyLock<Arc<cel::Env>> =
    LazyLock::new(|| Arc::new(functions::library()));

/// A tree within the limits, and where its nodes stand in the text.
#[derive(Debug)]
pub(crate) struct Parsed {
    /// The root of the tree.
    pub(crate) root: IdedExpr,
    offsets: SourceInfo,
}

impl Parsed {
    /// Returns the characters before a node, where they are known.
    pub(crate) fn offset(&self, id: u64) -> Option<usize> {
        let (start, _) = self.offsets.offset_for(id)?;
        usize::try_from(start).ok()
    }
}

/// Parses on a thread of its own: the parser recurses as deep as the text nests, and a stack that overflows ends the process.
pub(crate) fn parse(source: &str) -> Result<Parsed, ExpressionError> {
    if source.len() > MAX_SOURCE {
        return Err(ExpressionError::new(format!(
            "the expression is longer than {MAX_SOURCE} bytes"
        )));
    }
    if source.trim().is_empty() {
        return Err(ExpressionError::new("the expression is empty"));
    }
    let failed = || ExpressionError::new("the expression cannot be parsed");
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new()
            .name("expression".to_owned())
            .stack_size(PARSER_STACK);
        let handle = thread
            .spawn_scoped(scope, || parse_here(source))
            .map_err(|_| failed())?;
        // A panic of the parser is its own kind of bad input.
        handle.join().unwrap_or_else(|_| Err(failed()))
    })
}

/// Drops a tree over the limits before it returns, still on the large stack.
fn parse_here(source: &str) -> Result<Parsed, ExpressionError> {
    let parser = LIBRARY.parser().enable_optional_syntax(true);
    let (root, offsets) = parser
        .parse_with_source_info(source)
        .map_err(|errors| first(source, &errors))?;
    let mut meter = Meter { nodes: 0 };
    meter.measure(&root, 1, 0)?;
    Ok(Parsed { root, offsets })
}

/// Later errors of one text are mostly consequences of the first.
fn first(source: &str, errors: &cel::ParseErrors) -> ExpressionError {
    let Some(error) = errors.errors.first() else {
        return ExpressionError::new("the expression cannot be parsed");
    };
    let message = plain(&error.msg);
    let line = usize::try_from(error.pos.0)
        .ok()
        .and_then(|line| line.checked_sub(1));
    let before: Option<usize> = line.map(|line| {
        source
            .split_inclusive('\n')
            .take(line)
            .map(|text| text.chars().count())
            .sum()
    });
    let column = usize::try_from(error.pos.1).unwrap_or(0).saturating_sub(1);
    let offset = before.map(|before| before + column);
    ExpressionError {
        offset,
        ..ExpressionError::new(message)
    }
}

/// Rewords the parser's message without its list of expected tokens.
fn plain(message: &str) -> String {
    let line = message
        .lines()
        .next()
        .unwrap_or_default()
        .replace('\'', "`");
    let line = line.strip_prefix("Syntax error: ").unwrap_or(&line);
    let short = line.split(" expecting ").next().unwrap_or(line);
    if short.contains("<EOF>") {
        return "the expression ends too early".to_owned();
    }
    if let Some(found) = short.strip_prefix("token recognition error at: ") {
        return format!("cannot read `{}`", found.trim_matches('`').trim());
    }
    for prefix in [
        "mismatched input ",
        "extraneous input ",
        "no viable alternative at input ",
    ] {
        if let Some(found) = short.strip_prefix(prefix) {
            return format!("unexpected {found}");
        }
    }
    short.trim_end_matches('.').to_owned()
}

struct Meter {
    nodes: usize,
}

impl Meter {
    fn measure(
        &mut self,
        node: &IdedExpr,
        depth: usize,
        loops: usize,
    ) -> Result<(), ExpressionError> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err(ExpressionError::new(format!(
                "the expression has more than {MAX_NODES} parts"
            )));
        }
        if depth > MAX_DEPTH {
            return Err(ExpressionError::new(format!(
                "the expression nests deeper than {MAX_DEPTH} levels"
            ))
            .help(
                "chains of `+` and of calls nest too; use a list with `in`, or several policies",
            ));
        }
        for (child, inside) in children(node) {
            let loops = loops + usize::from(inside);
            if loops > MAX_LOOPS {
                return Err(
                    ExpressionError::new("a comprehension is inside another one")
                        .help("`all`, `exists`, `exists_one`, `map` and `filter` cannot be nested"),
                );
            }
            self.measure(child, depth + 1, loops)?;
        }
        Ok(())
    }
}

/// Returns a node's children, each with whether it is run once for every item of a comprehension.
pub(crate) fn children(node: &IdedExpr) -> Vec<(&IdedExpr, bool)> {
    let once = |node| (node, false);
    match &node.expr {
        Expr::Unspecified | Expr::Ident(_) | Expr::Literal(_) => Vec::new(),
        Expr::Call(call) => call
            .target
            .as_deref()
            .into_iter()
            .chain(&call.args)
            .map(once)
            .collect(),
        Expr::Comprehension(looped) => vec![
            (&looped.iter_range, false),
            (&looped.accu_init, false),
            (&looped.result, false),
            (&looped.loop_cond, true),
            (&looped.loop_step, true),
        ],
        Expr::List(list) => list.elements.iter().map(once).collect(),
        Expr::Select(select) => vec![(&*select.operand, false)],
        Expr::Map(map) => map
            .entries
            .iter()
            .flat_map(|entry| entry_children(&entry.expr))
            .map(once)
            .collect(),
        Expr::Struct(message) => message
            .entries
            .iter()
            .flat_map(|entry| entry_children(&entry.expr))
            .map(once)
            .collect(),
    }
}

fn entry_children(entry: &EntryExpr) -> Vec<&IdedExpr> {
    match entry {
        EntryExpr::StructField(field) => vec![&field.value],
        EntryExpr::MapEntry(entry) => vec![&entry.key, &entry.value],
    }
}
