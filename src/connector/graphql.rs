//! GraphQL over HTTP: a request in, one part for each root field of each operation out, with its arguments as a tree.
//!
//! INVARIANT: every operation of a document is a part whatever `operationName` says, and a document that the server could
//! find elsewhere (a persisted one, a key of the URL) is named or refused.

mod argument;
mod document;
mod envelope;
mod upload;

use serde_json::{Map, Value as Json};

use super::Unreadable;
use super::body::{Form, items, read_tree};
use super::part::{Fact, Part, Quota};
use crate::model::target::Query;
use crate::model::value::Value;
use envelope::Envelope;
use upload::Operations;

/// A root field and its arguments.
#[derive(Debug)]
pub(super) struct Root {
    pub(super) part: Part,
    pub(super) arguments: Json,
}

/// Where a request says what it asks for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Carrier<'a> {
    /// The URL of a GET.
    Query,
    /// A JSON body: one request, or a list of them.
    Json(&'a [u8]),
    /// A form, or the `operations` of a multipart one.
    Form(&'a Form<'a>),
}

/// What one request may still hold.
#[derive(Debug)]
pub(super) struct Budget<'q> {
    pub(super) parts: &'q mut Quota,
    pub(super) nodes: &'q mut usize,
}

/// Reads a request as the root fields that it asks for.
pub(super) fn roots(
    carrier: Carrier<'_>,
    query: &Query,
    budget: &mut Budget<'_>,
) -> Result<Vec<Root>, Unreadable> {
    if !matches!(carrier, Carrier::Query) {
        envelope::check_url(query)?;
    }
    let envelopes = match carrier {
        Carrier::Query => vec![Envelope::of_pairs(query.pairs(), budget.nodes)?],
        Carrier::Json(bytes) => in_json(bytes, budget)?.envelopes,
        Carrier::Form(form) => match form.text("operations")? {
            Some(operations) => {
                envelope::check_beside(form)?;
                let operations = in_json(operations.as_bytes(), budget)?;
                if let Some(map) = form.text("map")? {
                    upload::check(map, &operations, budget.nodes)?;
                }
                operations.envelopes
            }
            None => vec![Envelope::of_pairs(form.texts()?.into_iter(), budget.nodes)?],
        },
    };
    let mut roots = Vec::new();
    for envelope in &envelopes {
        match &envelope.document {
            envelope::Document::Text(text) => {
                roots.extend(document::roots(text, &envelope.variables, budget)?);
            }
            envelope::Document::Persisted(id) => {
                budget.parts.take()?;
                roots.push(persisted(id, &envelope.variables));
            }
        }
    }
    Ok(roots)
}

fn in_json(bytes: &[u8], budget: &mut Budget<'_>) -> Result<Operations, Unreadable> {
    let many = items(bytes, budget.parts.left())?;
    let listed = many.is_some();
    let all = many.unwrap_or_else(|| vec![bytes]);
    if all.is_empty() {
        return Err(envelope::refuse("the list of GraphQL requests is empty"));
    }
    let envelopes = all
        .into_iter()
        .map(|bytes| Envelope::of_tree(read_tree(bytes, budget.nodes)?));
    Ok(Operations {
        listed,
        envelopes: envelopes.collect::<Result<_, _>>()?,
    })
}

/// A document that the server has: its variables are what it is given.
fn persisted(id: &str, variables: &Map<String, Json>) -> Root {
    Root {
        part: Part {
            name: format!("persisted.{id}"),
            values: vec![
                (Fact::GraphqlType, Value::text("persisted")),
                (Fact::GraphqlField, Value::text(id)),
            ],
        },
        arguments: Json::Object(variables.clone()),
    }
}
