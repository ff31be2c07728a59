//! Turns values of a GraphQL document, and the variables of its request, into one JSON tree.
//!
//! INVARIANT: a variable that is put in many places is shared by them, and counts in each of them against the values that a
//! body may have.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use apollo_parser::cst;

use crate::connector::read::graphql::envelope::{Entries, refuse};
use crate::connector::read::json::tree::Tree;
use crate::connector::read::room::Room;
use crate::connector::read::unreadable::Unreadable;

/// What the request gives under the names of variables.
#[derive(Debug)]
pub(crate) struct Given<'b>(HashMap<Cow<'b, str>, Variable<'b>>);

/// A value that any number of places can hold.
#[derive(Debug, Clone)]
struct Variable<'b> {
    tree: Arc<Tree<'b>>,
    nodes: usize,
    /// Bytes of keys, which are compared wherever it is used.
    keys: usize,
}

/// The variables that one operation declares, with what the request gives them.
#[derive(Debug)]
pub(crate) struct Variables<'b> {
    /// `None` for one that is neither given nor has a default.
    values: HashMap<String, Option<Variable<'b>>>,
}

impl<'b> Given<'b> {
    pub(crate) fn new(variables: Entries<'b>) -> Self {
        let pairs = variables.into_iter();
        Self(
            pairs
                .map(|(name, tree)| (name, Variable::new(tree)))
                .collect(),
        )
    }
}

impl<'b> Variable<'b> {
    fn new(tree: Tree<'b>) -> Self {
        let (nodes, keys) = tree.weight();
        let tree = Arc::new(tree);
        Self { tree, nodes, keys }
    }

    /// Counts what it costs to use it once more.
    fn put(&self, room: &mut Room<'_>) -> Result<Tree<'b>, Unreadable> {
        room.nodes(self.nodes)?;
        room.walk(self.keys)?;
        Ok(Tree::Shared(Arc::clone(&self.tree)))
    }
}

impl<'b> Variables<'b> {
    pub(crate) fn new(
        operation: &cst::OperationDefinition,
        given: &Given<'b>,
        room: &mut Room<'_>,
    ) -> Result<Self, Unreadable> {
        let mut declared = Self {
            values: HashMap::new(),
        };
        let definitions = operation.variable_definitions();
        for definition in definitions
            .iter()
            .flat_map(cst::VariableDefinitions::variable_definitions)
        {
            let name = definition.variable().and_then(|variable| variable.name());
            let name = name.map(|name| name.text().to_string());
            let name = name.ok_or_else(|| refuse("a variable has no name"))?;
            let default = definition
                .default_value()
                .and_then(|default| default.value());
            let value = match (given.0.get(name.as_str()), default) {
                (Some(value), _) => Some(value.clone()),
                // A default is a constant: there is nothing in it to look up.
                (None, Some(default)) => Some(Variable::new(Self::none().value(&default, room)?)),
                (None, None) => None,
            };
            room.copy(name.len() + size_of::<(String, Option<Variable<'_>>)>())?;
            if declared.values.insert(name, value).is_some() {
                return Err(refuse("a variable is declared twice"));
            }
        }
        Ok(declared)
    }

    fn none() -> Self {
        Self {
            values: HashMap::new(),
        }
    }

    /// Returns a field's arguments as an object.
    pub(crate) fn arguments(
        &self,
        arguments: Option<&cst::Arguments>,
        room: &mut Room<'_>,
    ) -> Result<Tree<'b>, Unreadable> {
        let arguments = arguments.into_iter().flat_map(cst::Arguments::arguments);
        let pairs = arguments.map(|argument| (argument.name(), argument.value()));
        self.object(pairs, room)
    }

    fn object(
        &self,
        pairs: impl Iterator<Item = (Option<cst::Name>, Option<cst::Value>)>,
        room: &mut Room<'_>,
    ) -> Result<Tree<'b>, Unreadable> {
        let mut names = HashSet::new();
        let mut object = Entries::new();
        for pair in pairs {
            let (Some(name), Some(value)) = pair else {
                return Err(refuse("an argument has no value"));
            };
            let value = self.value(&value, room)?;
            let name = name.text().to_string();
            room.copy(2 * name.len() + size_of::<(Cow<'_, str>, Tree<'_>)>())?;
            if !names.insert(name.clone()) {
                return Err(refuse("an argument is given twice"));
            }
            object.push((Cow::Owned(name), value));
        }
        Ok(Tree::Object(object.into_boxed_slice()))
    }

    fn value(&self, value: &cst::Value, room: &mut Room<'_>) -> Result<Tree<'b>, Unreadable> {
        room.node()?;
        room.copy(size_of::<Tree<'_>>())?;
        Ok(match value {
            cst::Value::Variable(variable) => return self.variable(variable, room),
            cst::Value::StringValue(text) => {
                let text = String::from(text);
                room.copy(text.len())?;
                Tree::Text(Cow::Owned(text))
            }
            cst::Value::BooleanValue(truth) => Tree::Bool(truth.true_token().is_some()),
            cst::Value::NullValue(_) => Tree::Null,
            cst::Value::EnumValue(name) => match name.name() {
                Some(name) => {
                    let name = name.text().to_string();
                    room.copy(name.len())?;
                    Tree::Text(Cow::Owned(name))
                }
                None => Tree::Null,
            },
            cst::Value::IntValue(number) => {
                let text = number.int_token().map(|token| token.text().to_owned());
                let number = text.and_then(|text| text.parse::<i64>().ok());
                Tree::Int(
                    number.ok_or_else(|| refuse("an argument is an integer outside 64 bits"))?,
                )
            }
            cst::Value::FloatValue(number) => {
                let number = f64::try_from(number)
                    .ok()
                    .filter(|number| number.is_finite());
                Tree::Number(
                    number.ok_or_else(|| refuse("an argument is a number outside 64 bits"))?,
                )
            }
            cst::Value::ListValue(list) => {
                let items = list.values().map(|item| self.value(&item, room));
                Tree::List(items.collect::<Result<_, _>>()?)
            }
            cst::Value::ObjectValue(object) => {
                let fields = object.object_fields();
                let pairs = fields.map(|field| (field.name(), field.value()));
                return self.object(pairs, room);
            }
        })
    }

    fn variable(
        &self,
        variable: &cst::Variable,
        room: &mut Room<'_>,
    ) -> Result<Tree<'b>, Unreadable> {
        let name = variable.name().map(|name| name.text().to_string());
        let value = name.as_ref().and_then(|name| self.values.get(name));
        let value =
            value.ok_or_else(|| refuse("the GraphQL document uses an undeclared variable"))?;
        match value {
            None => Ok(Tree::Null),
            Some(value) => value.put(room),
        }
    }
}
