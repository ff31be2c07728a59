//! Compiles the literals of a parsed tree: patterns, networks, risks and zones are checked here, once.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use cel::common::ast::{CallExpr, EntryExpr, Expr, IdedExpr, LiteralValue, operators};

use super::functions::{self, Constant};
use super::grammar::{LIBRARY, Parsed};
use super::optional::{self, Optional};
use super::{ExpressionError, tree};
use crate::model::action::UnknownRisk;

/// Results of linking besides the tree.
#[derive(Debug, Default)]
pub(crate) struct Linked {
    /// `@0`, `@1`, … in the tree: names that cannot be written.
    pub(crate) constants: Vec<Constant>,
    /// The nodes that were written as `has(…)`.
    pub(crate) tests: BTreeSet<u64>,
}

/// Replaces literals that are known at load with compiled ones.
pub(crate) fn link(parsed: &mut Parsed) -> Result<Linked, ExpressionError> {
    let mut root = std::mem::take(&mut parsed.root);
    let mut linker = Linker {
        parsed,
        linked: Linked::default(),
    };
    linker.visit(&mut root)?;
    let linked = linker.linked;
    parsed.root = root;
    Ok(linked)
}

struct Linker<'a> {
    parsed: &'a Parsed,
    linked: Linked,
}

impl Linker<'_> {
    fn visit(&mut self, node: &mut IdedExpr) -> Result<(), ExpressionError> {
        let id = node.id;
        match optional::read(node) {
            Optional::No => {}
            Optional::Means(expr, test) => {
                node.expr = *expr;
                self.linked.tests.insert(test);
            }
            Optional::Misused => {
                return Err(self.error(id, "`.?` is not read here").help(optional::HELP));
            }
        }
        match &mut node.expr {
            Expr::Unspecified => return Err(self.error(id, "the expression cannot be parsed")),
            Expr::Ident(_) | Expr::Literal(_) => {}
            Expr::Call(call) => {
                for child in call.target.as_deref_mut().into_iter().chain(&mut call.args) {
                    self.visit(child)?;
                }
                if let Some(linked) = self.call(id, call)? {
                    node.expr = linked;
                }
            }
            Expr::Comprehension(looped) => {
                for child in [
                    &mut looped.iter_range,
                    &mut looped.accu_init,
                    &mut looped.loop_cond,
                ] {
                    self.visit(child)?;
                }
                self.visit(&mut looped.loop_step)?;
                self.visit(&mut looped.result)?;
            }
            Expr::List(list) => list
                .elements
                .iter_mut()
                .try_for_each(|child| self.visit(child))?,
            Expr::Select(select) => {
                self.visit(&mut select.operand)?;
                if select.test {
                    // `has(a.b)` becomes `"b" in a`: reading an absent label is "", so only `in` can tell.
                    self.linked.tests.insert(id);
                    let key = literal(id, &select.field);
                    let operand = std::mem::take(&mut *select.operand);
                    node.expr = call_of(operators::IN, vec![key, operand]);
                }
            }
            Expr::Map(_) => return Err(self.error(id, "maps are not supported")),
            Expr::Struct(message) => {
                for entry in &mut message.entries {
                    if let EntryExpr::StructField(field) = &mut entry.expr {
                        self.visit(&mut field.value)?;
                    }
                }
                return Err(self.error(id, "messages are not supported"));
            }
        }
        Ok(())
    }

    fn call(&mut self, id: u64, call: &mut CallExpr) -> Result<Option<Expr>, ExpressionError> {
        match (
            call.func_name.as_str(),
            call.args.len() + usize::from(call.target.is_some()),
        ) {
            (operators::INDEX, 2) => Ok(field(call)),
            ("matches" | "glob", 2) => self.pattern(call).map(Some),
            ("cidr", 2) => {
                let source = self.literal_of(call, "cidr")?;
                let network = source.parse().map_err(|_| {
                    self.error(id, &format!("`{}` is not a network", source.escape_debug()))
                        .help("as in `10.0.0.0/8`")
                })?;
                Ok(Some(self.compiled(
                    functions::WITHIN,
                    call,
                    Constant::Network(network),
                )))
            }
            ("risk", 1) if call.target.is_none() => {
                let source = self.literal_of(call, "risk")?;
                let risk = source
                    .parse()
                    .map_err(|error: UnknownRisk| self.error(id, &error.to_string()))?;
                Ok(Some(Expr::Ident(self.keep(Constant::Risk(risk)))))
            }
            ("timestamp" | "duration", 1) => {
                if call.args.first().and_then(tree::text).is_some() {
                    self.try_out(id, &Expr::Call(call.clone()))?;
                }
                Ok(None)
            }
            (name, 2) if name.starts_with("get") && call.target.is_some() => {
                self.literal_of(call, name)?;
                self.try_zone(id, call)?;
                Ok(None)
            }
            _ => Ok(None),
        }
    }

    fn pattern(&mut self, call: &mut CallExpr) -> Result<Expr, ExpressionError> {
        let name = call.func_name.clone();
        let source = self.literal_of(call, &name)?;
        let (what, compiled) = match name.as_str() {
            "glob" => ("glob", functions::pattern_of_glob(&source)),
            _ => ("pattern", functions::compile(&source)),
        };
        let pattern = compiled.map_err(|error| self.bad(call, what, &source, &error))?;
        Ok(self.compiled(functions::MATCHES, call, Constant::Pattern(pattern)))
    }

    /// Tries a zone on a moment that is at hand.
    fn try_zone(&self, id: u64, call: &CallExpr) -> Result<(), ExpressionError> {
        let epoch = IdedExpr {
            id,
            expr: Expr::Literal(LiteralValue::Int(0.into())),
        };
        let moment = IdedExpr {
            id,
            expr: call_of("timestamp", vec![epoch]),
        };
        let probe = CallExpr {
            target: Some(Box::new(moment)),
            ..call.clone()
        };
        self.try_out(id, &Expr::Call(probe))
    }

    /// Evaluates something that reads no variable, for the error that it would always have.
    fn try_out(&self, id: u64, probe: &Expr) -> Result<(), ExpressionError> {
        let context = cel::Context::with_env(Arc::clone(&LIBRARY));
        let probe = IdedExpr {
            id,
            expr: probe.clone(),
        };
        let tried = catch_unwind(AssertUnwindSafe(|| {
            cel::Value::resolve_val(&probe, &context).map(drop)
        }));
        match tried {
            Ok(Ok(())) => Ok(()),
            Ok(Err(cel::ExecutionError::FunctionError { function, message })) => {
                Err(self.error(id, &format!("`{function}`: {message}")))
            }
            Ok(Err(error)) => Err(self.error(id, &error.to_string())),
            Err(_) => Err(self.error(id, "the expression cannot be evaluated")),
        }
    }

    fn literal_of(&self, call: &CallExpr, name: &str) -> Result<String, ExpressionError> {
        let last = call.args.last();
        last.and_then(tree::text).map(str::to_owned).ok_or_else(|| {
            self.error(
                last.map_or(0, |node| node.id),
                &format!("`{name}` takes a literal, so that it is checked at load"),
            )
        })
    }

    fn bad(
        &self,
        call: &CallExpr,
        what: &str,
        source: &str,
        error: &regex::Error,
    ) -> ExpressionError {
        let reason = match error {
            regex::Error::CompiledTooBig(_) => "it is too large".to_owned(),
            other => other
                .to_string()
                .lines()
                .last()
                .unwrap_or_default()
                .trim_start_matches("error: ")
                .to_owned(),
        };
        let id = call.args.last().map_or(0, |node| node.id);
        self.error(
            id,
            &format!("`{}` is not a {what}: {reason}", source.escape_debug()),
        )
    }

    fn compiled(&mut self, name: &str, call: &mut CallExpr, constant: Constant) -> Expr {
        let id = call.args.last().map_or(0, |node| node.id);
        call.args.pop();
        let text = call
            .target
            .take()
            .map(|target| *target)
            .or_else(|| call.args.pop())
            .unwrap_or_default();
        let constant = IdedExpr {
            id,
            expr: Expr::Ident(self.keep(constant)),
        };
        call_of(name, vec![text, constant])
    }

    fn keep(&mut self, constant: Constant) -> String {
        let constants = &mut self.linked.constants;
        constants.push(constant);
        format!("@{}", constants.len() - 1)
    }

    fn error(&self, id: u64, message: &str) -> ExpressionError {
        ExpressionError {
            offset: self.parsed.offset(id),
            ..ExpressionError::new(message)
        }
    }
}

/// `a["b"]` reads what `a.b` reads.
fn field(call: &mut CallExpr) -> Option<Expr> {
    let name = call.args.last().and_then(tree::text)?.to_owned();
    call.args.pop();
    let operand = call.args.pop()?;
    Some(Expr::Select(cel::common::ast::SelectExpr {
        operand: Box::new(operand),
        field: name,
        test: false,
    }))
}

fn literal(id: u64, text: &str) -> IdedExpr {
    IdedExpr {
        id,
        expr: Expr::Literal(LiteralValue::String(text.to_owned().into())),
    }
}

fn call_of(name: &str, args: Vec<IdedExpr>) -> Expr {
    Expr::Call(CallExpr {
        func_name: name.to_owned(),
        target: None,
        args,
    })
}
