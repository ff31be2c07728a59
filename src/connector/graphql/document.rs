//! A GraphQL document and its variables in, every root field of every operation out, fragments followed.
//!
//! INVARIANT: the work is bounded by the document's tokens and the parts that a request may have, whatever it spreads.

use std::collections::{BTreeSet, HashMap};

use apollo_parser::Parser;
use apollo_parser::cst;
use serde_json::{Map, Value as Json};

use super::argument::Variables;
use super::envelope::refuse;
use super::{Budget, Root, upload};
use crate::connector::Unreadable;
use crate::connector::part::{Fact, Part};
use crate::model::value::Value;

/// Levels that selections and values may be nested.
const MAX_DEPTH: usize = 64;

/// Tokens of one document.
const MAX_TOKENS: usize = 20_000;

/// Levels that selections may be nested once fragments are followed: walks recurse.
const MAX_LEVELS: usize = 128;

/// Selections that are looked at for the root fields of one operation.
const MAX_STEPS: usize = 10_000;

/// Where a walk through selections is.
#[derive(Debug, Default)]
struct Way {
    /// Fragments: those that are open while root fields are expanded, those that have been seen while names are collected.
    fragments: BTreeSet<String>,
    levels: usize,
    steps: usize,
}

/// The definitions of one document.
#[derive(Debug)]
struct Document {
    operations: Vec<cst::OperationDefinition>,
    fragments: HashMap<String, cst::SelectionSet>,
}

/// Reads a document as its root fields.
pub(super) fn roots(
    text: &str,
    variables: &Map<String, Json>,
    budget: &mut Budget<'_>,
) -> Result<Vec<Root>, Unreadable> {
    let document = Document::parse(text)?;
    let mut roots = Vec::new();
    for operation in &document.operations {
        let variables = Variables::new(operation, variables, budget.nodes)?;
        let kind = kind_of(operation);
        let name = operation.name().map(|name| name.text().to_string());
        let mut fields = Vec::new();
        let selections = operation.selection_set();
        let selections = selections.ok_or_else(|| refuse("an operation selects nothing"))?;
        let mut way = Way::default();
        document.expand(&selections, &mut way, &mut |field| {
            budget.parts.take()?;
            fields.push(field);
            Ok(())
        })?;
        // Clients add it wherever they select; it says nothing of what is done.
        let telling = fields.iter().any(|field| name_of(field) != "__typename");
        fields.retain(|field| !telling || name_of(field) != "__typename");
        for field in fields {
            roots.push(document.root(&field, (kind, name.as_deref()), &variables, budget)?);
        }
    }
    Ok(roots)
}

/// The variables of a document, with the number of lists in which each is declared to hold uploads; `None` for one that some
/// operation declares as anything else.
pub(super) type Uploads = HashMap<String, Option<usize>>;

/// Finds the uploads that a document declares.
pub(super) fn uploads(text: &str) -> Result<Uploads, Unreadable> {
    let document = Document::parse(text)?;
    let mut uploads = Uploads::new();
    let all = document.operations.iter();
    for definition in all
        .filter_map(cst::OperationDefinition::variable_definitions)
        .flat_map(|definitions| definitions.variable_definitions())
    {
        let name = definition.variable().and_then(|variable| variable.name());
        let depth = definition.ty().and_then(|kind| upload::depth(&kind));
        let name = name.map(|name| name.text().to_string()).unwrap_or_default();
        let known = uploads.entry(name).or_insert(depth);
        // `None` is the least.
        *known = (*known).min(depth);
    }
    Ok(uploads)
}

impl Document {
    fn parse(text: &str) -> Result<Self, Unreadable> {
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

    fn root(
        &self,
        field: &cst::Field,
        (kind, operation): (&'static str, Option<&str>),
        variables: &Variables<'_>,
        budget: &mut Budget<'_>,
    ) -> Result<Root, Unreadable> {
        let name = name_of(field);
        let mut selections = BTreeSet::new();
        let below = field.selection_set();
        self.names(below.as_ref(), &mut selections, &mut Way::default())?;
        let selections = selections.iter().map(|name| Value::text(name)).collect();
        let mut values = vec![
            (Fact::GraphqlType, Value::text(kind)),
            (Fact::GraphqlField, Value::text(&name)),
            (Fact::GraphqlSelections, Value::list(selections)),
        ];
        values.extend(operation.map(|name| (Fact::GraphqlOperation, Value::text(name))));
        Ok(Root {
            part: Part {
                name: format!("{kind}.{name}"),
                values,
            },
            arguments: variables.arguments(field.arguments().as_ref(), budget.nodes)?,
        })
    }

    /// Collects the names of all fields below, each fragment once: twice would only find the same.
    fn names(
        &self,
        selections: Option<&cst::SelectionSet>,
        found: &mut BTreeSet<String>,
        way: &mut Way,
    ) -> Result<(), Unreadable> {
        way.enter()?;
        for selection in selections
            .into_iter()
            .flat_map(cst::SelectionSet::selections)
        {
            match selection {
                cst::Selection::Field(field) => {
                    found.insert(name_of(&field));
                    self.names(field.selection_set().as_ref(), found, way)?;
                }
                cst::Selection::InlineFragment(fragment) => {
                    self.names(fragment.selection_set().as_ref(), found, way)?;
                }
                cst::Selection::FragmentSpread(spread) => {
                    let (name, selections) = self.fragment(&spread)?;
                    if way.fragments.insert(name) {
                        self.names(Some(selections), found, way)?;
                    }
                }
            }
        }
        way.levels -= 1;
        Ok(())
    }
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
