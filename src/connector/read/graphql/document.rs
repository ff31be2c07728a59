//! Reads every root field of every operation of a GraphQL document, with fragments followed.
//!
//! INVARIANT: the work is bounded by the document's tokens and the parts that a request may have, whatever it spreads.

use std::collections::{BTreeSet, HashMap};

use apollo_parser::{Parser, cst};

use crate::connector::model::operation::Fact;
use crate::connector::read::graphql::argument::{Given, Variables};
use crate::connector::read::graphql::envelope::{Entries, refuse};
use crate::connector::read::graphql::{Budget, Root};
use crate::connector::read::operation::Operation;
use crate::connector::read::room::Room;
use crate::connector::read::unreadable::Unreadable;
use crate::model::value::{MAX_LIST, Value};

/// Levels that selections and values may be nested.
const MAX_DEPTH: usize = 64;

/// Tokens of one document.
const MAX_TOKENS: usize = 20_000;

/// Levels that selections may be nested once fragments are followed: walks recurse.
const MAX_LEVELS: usize = 128;

/// Selections that are looked at for the root fields of one operation.
const MAX_STEPS: usize = 10_000;

/// Selections that are looked at for the names below all root fields.
const MAX_NAMED: usize = 100_000;

/// Where a walk through selections is.
#[derive(Debug, Default)]
struct Way {
    /// Fragments: those that are open while root fields are expanded, those that have been seen while names are collected.
    fragments: BTreeSet<String>,
    levels: usize,
    steps: usize,
}

/// The names of fields below a root field, while they are collected.
#[derive(Debug)]
struct Found<'r, 'm> {
    names: BTreeSet<String>,
    way: Way,
    /// Over all root fields: each of them may spread the same fragments.
    steps: &'r mut usize,
    room: &'r mut Room<'m>,
}

/// The definitions of one document.
#[derive(Debug)]
pub(crate) struct ParsedDocument {
    pub(crate) operations: Vec<cst::OperationDefinition>,
    fragments: HashMap<String, cst::SelectionSet>,
}

/// Reads a document as its root fields.
pub(crate) fn roots<'b>(
    text: &str,
    variables: Entries<'b>,
    budget: &mut Budget<'_, '_>,
) -> Result<Vec<Root<'b>>, Unreadable> {
    // The parser keeps the text of each token.
    budget.room.copy(text.len())?;
    let document = ParsedDocument::parse(text)?;
    let given = Given::new(variables);
    let mut steps = 0;
    let mut roots = Vec::new();
    for operation in &document.operations {
        let variables = Variables::new(operation, &given, budget.room)?;
        let kind = kind_of(operation);
        let name = operation.name().map(|name| name.text().to_string());
        let mut fields = Vec::new();
        let selections = operation.selection_set();
        let selections = selections.ok_or_else(|| refuse("an operation selects nothing"))?;
        let mut way = Way::default();
        document.expand(&selections, &mut way, &mut |field| {
            budget.operations.take()?;
            fields.push(field);
            Ok(())
        })?;
        // Clients add it wherever they select; it says nothing of what is done.
        let telling = fields.iter().any(|field| name_of(field) != "__typename");
        fields.retain(|field| !telling || name_of(field) != "__typename");
        for field in fields {
            let mut found = Found {
                names: BTreeSet::new(),
                way: Way::default(),
                steps: &mut steps,
                room: budget.room,
            };
            document.names(field.selection_set().as_ref(), &mut found)?;
            let names = found.names;
            roots.push(Root {
                operation: operation_of(&field, (kind, name.as_deref()), &names, budget.room)?,
                arguments: variables.arguments(field.arguments().as_ref(), budget.room)?,
            });
        }
    }
    Ok(roots)
}

impl ParsedDocument {
    pub(crate) fn parse(text: &str) -> Result<Self, Unreadable> {
        let tree = Parser::new(text)
            .recursion_limit(MAX_DEPTH)
            .token_limit(MAX_TOKENS)
            .parse();
        if tree.errors().next().is_some() {
            return Err(refuse(
                "the GraphQL document cannot be read, or is too large or too deep",
            ));
        }
        let mut document = Self {
            operations: Vec::new(),
            fragments: HashMap::new(),
        };
        for definition in tree.document().definitions() {
            match definition {
                cst::Definition::OperationDefinition(operation) => {
                    document.operations.push(operation);
                }
                cst::Definition::FragmentDefinition(fragment) => document.add(&fragment)?,
                _ => return Err(refuse("the GraphQL document defines types")),
            }
        }
        if document.operations.is_empty() {
            return Err(refuse("the GraphQL document has no operation"));
        }
        Ok(document)
    }

    fn add(&mut self, fragment: &cst::FragmentDefinition) -> Result<(), Unreadable> {
        let name = fragment.fragment_name().and_then(|name| name.name());
        let (Some(name), Some(selections)) = (name, fragment.selection_set()) else {
            return Err(refuse("a fragment selects nothing"));
        };
        match self.fragments.insert(name.text().to_string(), selections) {
            Some(_) => Err(refuse("two fragments have one name")),
            None => Ok(()),
        }
    }

    fn fragment(
        &self,
        spread: &cst::FragmentSpread,
    ) -> Result<(String, &cst::SelectionSet), Unreadable> {
        let name = spread.fragment_name().and_then(|name| name.name());
        let name = name.map(|name| name.text().to_string()).unwrap_or_default();
        match self.fragments.get(&name) {
            Some(selections) => Ok((name, selections)),
            None => Err(refuse(
                "the GraphQL document spreads a fragment that it lacks",
            )),
        }
    }

    /// Hands on the fields of a selection, those of fragments too.
    fn expand(
        &self,
        selections: &cst::SelectionSet,
        way: &mut Way,
        take: &mut dyn FnMut(cst::Field) -> Result<(), Unreadable>,
    ) -> Result<(), Unreadable> {
        way.enter()?;
        for selection in selections.selections() {
            way.step()?;
            match selection {
                cst::Selection::Field(field) => take(field)?,
                cst::Selection::InlineFragment(fragment) => {
                    if let Some(selections) = fragment.selection_set() {
                        self.expand(&selections, way, take)?;
                    }
                }
                cst::Selection::FragmentSpread(spread) => {
                    let (name, selections) = self.fragment(&spread)?;
                    if !way.fragments.insert(name.clone()) {
                        return Err(refuse("fragments spread each other"));
                    }
                    self.expand(selections, way, take)?;
                    way.fragments.remove(&name);
                }
            }
        }
        way.levels -= 1;
        Ok(())
    }

    /// Collects the names of all fields below, each fragment once: twice would only find the same.
    fn names(
        &self,
        selections: Option<&cst::SelectionSet>,
        found: &mut Found<'_, '_>,
    ) -> Result<(), Unreadable> {
        found.way.enter()?;
        for selection in selections
            .into_iter()
            .flat_map(cst::SelectionSet::selections)
        {
            found.step()?;
            match selection {
                cst::Selection::Field(field) => {
                    found.insert(name_of(&field))?;
                    self.names(field.selection_set().as_ref(), found)?;
                }
                cst::Selection::InlineFragment(fragment) => {
                    self.names(fragment.selection_set().as_ref(), found)?;
                }
                cst::Selection::FragmentSpread(spread) => {
                    let (name, selections) = self.fragment(&spread)?;
                    if found.way.fragments.insert(name) {
                        self.names(Some(selections), found)?;
                    }
                }
            }
        }
        found.way.levels -= 1;
        Ok(())
    }
}

impl Found<'_, '_> {
    /// One more than a list may have tells that it has too many.
    fn insert(&mut self, name: String) -> Result<(), Unreadable> {
        if self.names.len() <= MAX_LIST && !self.names.contains(&name) {
            // Here, and as a value.
            self.room.copy(2 * (name.len() + size_of::<String>()))?;
            self.names.insert(name);
        }
        Ok(())
    }

    fn step(&mut self) -> Result<(), Unreadable> {
        *self.steps += 1;
        if *self.steps > MAX_NAMED {
            return Err(refuse("the GraphQL document spreads too much"));
        }
        Ok(())
    }
}

/// Makes the operation that a root field is.
fn operation_of(
    field: &cst::Field,
    (kind, operation): (&'static str, Option<&str>),
    selections: &BTreeSet<String>,
    room: &mut Room<'_>,
) -> Result<Operation, Unreadable> {
    let name = name_of(field);
    room.copy(3 * name.len() + operation.map_or(0, str::len))?;
    let selections = selections.iter().map(|name| Value::text(name)).collect();
    let mut values = vec![
        (Fact::GraphqlType, Value::text(kind)),
        (Fact::GraphqlField, Value::text(&name)),
        (Fact::GraphqlSelections, Value::list(selections)),
    ];
    values.extend(operation.map(|name| (Fact::GraphqlOperation, Value::text(name))));
    Ok(Operation {
        name: format!("{kind}.{name}"),
        values,
    })
}

impl Way {
    fn enter(&mut self) -> Result<(), Unreadable> {
        self.levels += 1;
        if self.levels > MAX_LEVELS {
            return Err(refuse("the GraphQL document is nested too deeply"));
        }
        Ok(())
    }

    fn step(&mut self) -> Result<(), Unreadable> {
        self.steps += 1;
        if self.steps > MAX_STEPS {
            return Err(refuse("the GraphQL document spreads too much"));
        }
        Ok(())
    }
}

/// The name, not the alias: an alias is only what the answer calls it.
fn name_of(field: &cst::Field) -> String {
    field
        .name()
        .map(|name| name.text().to_string())
        .unwrap_or_default()
}

fn kind_of(operation: &cst::OperationDefinition) -> &'static str {
    match operation.operation_type() {
        Some(kind) if kind.mutation_token().is_some() => "mutation",
        Some(kind) if kind.subscription_token().is_some() => "subscription",
        Some(_) | None => "query",
    }
}
