//! Reads an API from a GraphQL schema: each root field is an operation, its arguments are fields.

mod named;

use std::collections::BTreeMap;

use apollo_parser::Parser;
use apollo_parser::cst::{self, CstNode, Definition};

use named::{Named, kind, text};

use super::api::{Api, Body, Field, FieldPlace, Operation, OperationAnswer, RequestPart, Shape};
use super::secrets;
use crate::config::diagnostic::{Diagnostic, Place, Report, Source};

/// Bytes of one schema; GitHub's has 1.2 MiB.
const MAX_BYTES: usize = 16 * 1024 * 1024;
/// Levels of a schema's syntax.
const MAX_DEPTH: usize = 64;
/// Words and signs of one schema; GitHub's has 200,000.
const MAX_TOKENS: usize = 4_000_000;
/// Problems told of one schema.
const MAX_PROBLEMS: usize = 20;

/// What the types of a schema say, by name.
#[derive(Debug, Default)]
struct Types {
    /// The operation's word and the type whose fields are its roots.
    roots: Vec<(&'static str, String)>,
    objects: BTreeMap<String, Vec<cst::FieldDefinition>>,
    inputs: BTreeMap<String, Vec<cst::InputValueDefinition>>,
    values: BTreeMap<String, Vec<String>>,
}

/// Reads a schema.
///
/// # Errors
/// What is wrong with its syntax, with places.
pub(crate) fn read(source: &Source) -> Result<Api, Report> {
    let mut report = Report::default();
    if source.text.len() > MAX_BYTES {
        let message = format!("a schema is at most {} MiB", MAX_BYTES >> 20);
        report.push(Diagnostic::error("too-large", message).at(place(source, 0)));
        return Err(report);
    }
    let tree = Parser::new(&source.text)
        .recursion_limit(MAX_DEPTH)
        .token_limit(MAX_TOKENS)
        .parse();
    for error in tree.errors().take(MAX_PROBLEMS) {
        let message = format!(
            "this is not a GraphQL schema: {}",
            first_line(error.message())
        );
        report.push(Diagnostic::error("graphql-syntax", message).at(place(source, error.index())));
    }
    if report.has_errors() {
        return Err(report);
    }
    let types = Types::of(&tree.document());
    let mut api = Api {
        format: "GraphQL".to_owned(),
        judge: vec![
            "a schema does not say where the API is: list its hosts under `domains`".to_owned(),
        ],
        ..Api::default()
    };
    for (kind, name) in &types.roots {
        for field in types.objects.get(name).into_iter().flatten() {
            api.operations.extend(types.operation(kind, field));
        }
    }
    if api.operations.is_empty() {
        let problem = Diagnostic::error("not-a-description", "this schema has no root fields");
        report.push(
            problem
                .at(place(source, 0))
                .help("it has `type Query { … }`, or says its root types under `schema`"),
        );
        return Err(report);
    }
    Ok(api)
}

// === impl Types ===

impl Types {
    fn of(document: &cst::Document) -> Self {
        let mut types = Self::default();
        for definition in document.definitions() {
            types.add(&definition);
        }
        if types.roots.is_empty() {
            for (kind, name) in [
                ("query", "Query"),
                ("mutation", "Mutation"),
                ("subscription", "Subscription"),
            ] {
                types.roots.push((kind, name.to_owned()));
            }
        }
        types
    }

    fn add(&mut self, definition: &Definition) {
        match definition {
            Definition::SchemaDefinition(schema) => self.roots.extend(
                schema
                    .root_operation_type_definitions()
                    .filter_map(|definition| root(&definition)),
            ),
            Definition::SchemaExtension(schema) => self.roots.extend(
                schema
                    .root_operation_type_definitions()
                    .filter_map(|definition| root(&definition)),
            ),
            Definition::ObjectTypeDefinition(object) => {
                self.object(object.name(), object.fields_definition())
            }
            Definition::ObjectTypeExtension(object) => {
                self.object(object.name(), object.fields_definition())
            }
            Definition::InputObjectTypeDefinition(input) => {
                self.input(input.name(), input.input_fields_definition())
            }
            Definition::InputObjectTypeExtension(input) => {
                self.input(input.name(), input.input_fields_definition())
            }
            Definition::EnumTypeDefinition(values) => {
                let names = values
                    .enum_values_definition()
                    .into_iter()
                    .flat_map(|values| values.enum_value_definitions());
                let names = names.filter_map(|value| text(value.enum_value()?.name()));
                self.values
                    .entry(text(values.name()).unwrap_or_default())
                    .or_default()
                    .extend(names);
            }
            _ => {}
        }
    }

    fn object(&mut self, name: Option<cst::Name>, fields: Option<cst::FieldsDefinition>) {
        let fields = fields
            .into_iter()
            .flat_map(|fields| fields.field_definitions());
        self.objects
            .entry(text(name).unwrap_or_default())
            .or_default()
            .extend(fields);
    }

    fn input(&mut self, name: Option<cst::Name>, fields: Option<cst::InputFieldsDefinition>) {
        let fields = fields
            .into_iter()
            .flat_map(|fields| fields.input_value_definitions());
        self.inputs
            .entry(text(name).unwrap_or_default())
            .or_default()
            .extend(fields);
    }

    fn operation(&self, kind: &str, field: &cst::FieldDefinition) -> Option<Operation> {
        let name = text(field.name())?;
        let answered = Named::of(&field.ty()?);
        let objects = self.objects.get(&answered.name);
        let names = || {
            objects
                .into_iter()
                .flatten()
                .filter_map(|field| text(field.name()))
        };
        let page = ["nodes", "edges", "items"];
        let mut fields = Vec::new();
        for argument in field
            .arguments_definition()
            .into_iter()
            .flat_map(|arguments| arguments.input_value_definitions())
        {
            self.argument(&argument, "", &mut fields);
        }
        Some(Operation {
            method: "POST".to_owned(),
            path: "/graphql".to_owned(),
            id: Some(name.clone()),
            title: field
                .description()
                .and_then(|description| described(&description)),
            fields,
            body: Body::Json,
            answer: OperationAnswer {
                list: answered.list || names().any(|name| page.contains(&name.as_str())),
                secrets: names()
                    .filter(|name| secrets::is_secret(name))
                    .map(|secret| secrets::step(&secrets::step("$.data", &name), &secret))
                    .collect(),
                texts: Vec::new(),
            },
            part: Some(RequestPart::Graphql(format!("{kind}.{name}"))),
            ..Operation::default()
        })
    }

    /// Adds an argument; one that is an input object adds what is in it, one level deep.
    fn argument(
        &self,
        argument: &cst::InputValueDefinition,
        within: &str,
        fields: &mut Vec<Field>,
    ) {
        let (Some(name), Some(written)) = (text(argument.name()), argument.ty()) else {
            return;
        };
        let named = Named::of(&written);
        let path = if within.is_empty() {
            name
        } else {
            format!("{within}.{name}")
        };
        if let Some(inputs) = self.inputs.get(&named.name) {
            if within.is_empty() && !named.list {
                inputs
                    .iter()
                    .for_each(|input| self.argument(input, &path, fields));
            }
            return;
        }
        let values = self.values.get(&named.name);
        fields.push(Field {
            name: path,
            place: FieldPlace::Argument,
            shape: Shape {
                kind: kind(&named.name, values.is_some()),
                list: named.list,
                values: values.cloned().unwrap_or_default(),
                ..Shape::default()
            },
            required: false,
        });
    }
}

fn root(definition: &cst::RootOperationTypeDefinition) -> Option<(&'static str, String)> {
    let operation = definition.operation_type()?;
    let kind = if operation.mutation_token().is_some() {
        "mutation"
    } else if operation.subscription_token().is_some() {
        "subscription"
    } else {
        "query"
    };
    Some((kind, text(definition.named_type()?.name())?))
}

fn described(description: &cst::Description) -> Option<String> {
    let text = description.string_value()?.source_string();
    let inner = text.trim().trim_matches('"');
    let line = inner.lines().map(str::trim).find(|line| !line.is_empty())?;
    Some(line.to_owned())
}

fn first_line(text: &str) -> String {
    text.lines()
        .next()
        .unwrap_or_default()
        .chars()
        .take(160)
        .collect()
}

/// Finds line and column of a byte.
fn place(source: &Source, index: usize) -> Place {
    let front = source.text.get(..index).unwrap_or_default();
    Place {
        source: source.clone(),
        line: front.matches('\n').count() + 1,
        column: front
            .rsplit('\n')
            .next()
            .unwrap_or_default()
            .chars()
            .count()
            + 1,
        note: String::new(),
    }
}
