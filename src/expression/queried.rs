//! Finds the names of a query that a condition reads, and the names of a request that a server may take for one of them.
//!
//! INVARIANT: a condition never answers about a request that spells a name it reads in another way. It fails instead, so
//! `?Force=1` does not pass a deny on `"force" in request.query`.

use std::collections::BTreeSet;

use cel::common::ast::{CallExpr, Expr, IdedExpr, operators};

use super::{grammar, tree};
use crate::model::target::{Query, may_be, same_key, split_name};

/// The names of a query that one condition reads.
#[derive(Debug)]
pub(crate) struct Queried {
    names: Box<[Box<str>]>,
    /// A name is looked up that only the request tells: each name in it may be the one that is meant.
    computed: bool,
}

/// What is found on the way through a tree.
#[derive(Default)]
struct Finder<'a> {
    names: BTreeSet<&'a str>,
    /// Literals and fields anywhere. They are names where the query is read as a whole: a comprehension compares them with its
    /// variable.
    words: BTreeSet<&'a str>,
    whole: bool,
    computed: bool,
}

impl Queried {
    /// Returns what a linked tree reads, `None` where it reads no query. Its names must not be joined yet.
    pub(crate) fn of(root: &IdedExpr) -> Option<Self> {
        let mut finder = Finder::default();
        finder.visit(root);
        if finder.whole {
            finder.names.append(&mut finder.words);
        }
        let reads = finder.computed || !finder.names.is_empty();
        reads.then(|| Self {
            names: finder.names.into_iter().map(Into::into).collect(),
            computed: finder.computed,
        })
    }

    /// Returns a name of the query that some server may take for one that is read, although it is spelled differently.
    pub(crate) fn misspelt<'q>(&self, query: &'q Query) -> Option<&'q str> {
        let mut given = query.pairs().map(|(name, _)| name);
        given.find(|given| {
            (self.computed && !has_one_spelling(given))
                || self.names.iter().any(|read| is_alike(read, given))
        })
    }
}

impl<'a> Finder<'a> {
    fn visit(&mut self, node: &'a IdedExpr) {
        match &node.expr {
            Expr::Select(select) if is_query(&select.operand) => {
                self.names.insert(&select.field);
            }
            // Any other field of `request` says nothing of the query.
            Expr::Select(select) if is_request(&select.operand) && !is_query(node) => {}
            Expr::Call(call) if self.looks_up(call) => {}
            Expr::Comprehension(looped) if is_query(&looped.iter_range) => {
                self.whole = true;
                for (child, _) in grammar::children(node).into_iter().skip(1) {
                    self.visit(child);
                }
            }
            // Under a name of its own the query could be read by anything.
            _ if is_query(node) || is_request(node) => {
                self.whole = true;
                self.computed = true;
            }
            other => {
                if let Expr::Select(select) = other {
                    self.words.insert(&select.field);
                }
                self.words.extend(tree::text(node));
                for (child, _) in grammar::children(node) {
                    self.visit(child);
                }
            }
        }
    }

    /// Takes a call that looks something up in the query or in `request`, or tells the query's size.
    fn looks_up(&mut self, call: &'a CallExpr) -> bool {
        let (key, holder) = match (call.func_name.as_str(), call.args.as_slice()) {
            (operators::IN, [key, holder]) | (operators::INDEX, [holder, key]) => (key, holder),
            ("size", _) => {
                let mut operands = call.target.as_deref().into_iter().chain(&call.args);
                return operands.all(is_query);
            }
            _ => return false,
        };
        match tree::text(key) {
            // `has(request.body_bytes)`
            Some(_) if is_request(holder) => true,
            Some(name) if is_query(holder) => {
                self.names.insert(name);
                true
            }
            None if is_query(holder) => {
                self.computed = true;
                self.visit(key);
                true
            }
            _ => false,
        }
    }
}

fn is_request(node: &IdedExpr) -> bool {
    matches!(&node.expr, Expr::Ident(name) if name == "request")
}

fn is_query(node: &IdedExpr) -> bool {
    matches!(&node.expr, Expr::Select(select) if select.field == "query" && is_request(&select.operand))
}

/// Returns whether no other name can be taken for this one but by its case.
fn has_one_spelling(name: &str) -> bool {
    name.bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

/// Returns whether some server may take `given` for `read`, which is written differently.
fn is_alike(read: &str, given: &str) -> bool {
    if read == given {
        return false;
    }
    let Some((root, keys)) = split_name(read) else {
        // The beginning of names, or no name at all.
        let root = read.split('[').next().unwrap_or(read);
        return !given.starts_with(read) && !root.is_empty() && may_be(root, given);
    };
    if !may_be(root, given) {
        return false;
    }
    // A name without brackets may hold the others' keys, or be split at its dots.
    let given = split_name(given).into_iter().flat_map(|(_, keys)| keys);
    keys.zip(given)
        .all(|(read, given)| is_same_key(read, given))
}

/// Returns whether two keys in brackets may be one: `[]` is any number, and `[01]` is `[1]`.
fn is_same_key(read: &str, given: &str) -> bool {
    let bare = |key: &str| key.bytes().all(|byte| byte.is_ascii_digit());
    read.is_empty()
        || given.is_empty()
        || same_key(read, given)
        || (bare(read)
            && bare(given)
            && read.trim_start_matches('0') == given.trim_start_matches('0'))
}
