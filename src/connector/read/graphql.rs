//! Reads GraphQL over HTTP: one operation for each root field, with its arguments as a tree.
//!
//! INVARIANT: every operation of a document is a part whatever `operationName` says, and a document that the server could
//! find elsewhere (a persisted one, a key of the URL) is named or refused.

pub(crate) mod argument;
pub(crate) mod document;
pub(crate) mod envelope;
pub(crate) mod upload;

use crate::connector::model::operation::Fact;
use crate::connector::read::form::Form;
use crate::connector::read::graphql::envelope::{Entries, Envelope};
use crate::connector::read::graphql::upload::Operations;
use crate::connector::read::json::tree::{Tree, items};
use crate::connector::read::operation::{Operation, Quota};
use crate::connector::read::room::Room;
use crate::connector::read::unreadable::Unreadable;
use crate::model::target::Query;
use crate::model::value::Value;

/// A root field and its arguments.
#[derive(Debug)]
pub(crate) struct Root<'b> {
    pub(crate) operation: Operation,
    pub(crate) arguments: Tree<'b>,
}

/// Where a request says what it asks for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Carrier<'a> {
    /// The URL of a GET.
    Query,
    /// A JSON body: one request, or a list of them.
    Json(&'a [u8]),
    /// A form, or the `operations` of a multipart one.
    Form(&'a Form<'a>),
}

/// What one request may still hold.
#[derive(Debug)]
pub(crate) struct Budget<'q, 'm> {
    pub(crate) operations: &'q mut Quota,
    pub(crate) room: &'q mut Room<'m>,
}

/// Reads a request as the root fields that it asks for.
pub(crate) fn roots<'b>(
    carrier: Carrier<'b>,
    query: &'b Query,
    budget: &mut Budget<'_, '_>,
) -> Result<Vec<Root<'b>>, Unreadable> {
    if !matches!(carrier, Carrier::Query) {
        envelope::check_url(query)?;
    }
    let envelopes = match carrier {
        Carrier::Query => vec![Envelope::of_pairs(query.pairs(), budget.room)?],
        Carrier::Json(bytes) => in_json(bytes, budget)?.envelopes,
        Carrier::Form(form) => match form.text("operations")? {
            Some(operations) => {
                envelope::check_beside(form)?;
                let operations = in_json(operations.as_bytes(), budget)?;
                if let Some(map) = form.text("map")? {
                    upload::check(map, &operations, budget.room)?;
                }
                operations.envelopes
            }
            None => vec![Envelope::of_pairs(form.texts()?.into_iter(), budget.room)?],
        },
    };
    let mut roots = Vec::new();
    for envelope in envelopes {
        match &envelope.document {
            envelope::Document::Text(text) => {
                roots.extend(document::roots(text, envelope.variables, budget)?);
            }
            envelope::Document::Persisted(id) => {
                budget.operations.take()?;
                budget.room.copy(id.len())?;
                roots.push(persisted(id, envelope.variables));
            }
        }
    }
    Ok(roots)
}

fn in_json<'b>(bytes: &'b [u8], budget: &mut Budget<'_, '_>) -> Result<Operations<'b>, Unreadable> {
    let many = items(bytes, budget.operations.left())?;
    let listed = many.is_some();
    let all = many.unwrap_or_else(|| vec![bytes]);
    if all.is_empty() {
        return Err(envelope::refuse("the list of GraphQL requests is empty"));
    }
    let envelopes = all
        .into_iter()
        .map(|bytes| Envelope::of_tree(Tree::read(bytes, budget.room)?));
    Ok(Operations {
        listed,
        envelopes: envelopes.collect::<Result<_, _>>()?,
    })
}

/// A document that the server has: its variables are what it is given.
fn persisted<'b>(id: &str, variables: Entries<'b>) -> Root<'b> {
    Root {
        operation: Operation {
            name: format!("persisted.{id}"),
            values: vec![
                (Fact::GraphqlType, Value::text("persisted")),
                (Fact::GraphqlField, Value::text(id)),
            ],
        },
        arguments: Tree::Object(variables.into_boxed_slice()),
    }
}
