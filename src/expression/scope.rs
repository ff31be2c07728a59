//! Hands values of a request to CEL; each is converted when an expression reads it, and not before.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use cel::ExecutionError;
use cel::common::traits::{Container, Indexer};
use cel::common::types::{
    CelBool, CelDouble, CelInt, CelList, CelMap, CelMapKey, CelString, MAP_TYPE, Type,
};
use cel::common::value::{CowVal, Val};
use cel::context::VariableResolver;

use super::functions::{Constant, constant};
use super::grammar::LIBRARY;
use crate::model::action::Risk;
use crate::model::target::Query;
use crate::model::value::{MAX_LIST, MAX_TEXT, Value};

/// A value as an expression reads it.
#[derive(Debug, Clone)]
pub enum Datum<'a> {
    /// A boolean, `true` or `false`.
    Bool(bool),
    /// A signed 64-bit integer.
    Int(i64),
    /// A UTF-8 string, borrowed from the request where that is possible.
    Text(Cow<'a, str>),
    /// A risk; `low` is the least.
    Risk(Risk),
    /// Read to the second.
    Time(SystemTime),
    /// Names to texts; an absent one reads "".
    Labels(&'a BTreeMap<String, String>),
    /// Names to lists of texts, decoded.
    Query(&'a Query),
    /// A parameter of the action, or an item of one.
    Value(&'a Value),
}

/// Values that an expression is evaluated over.
pub trait Scope: fmt::Debug + Send + Sync {
    /// Returns `root.field`; `None` where the request does not say.
    fn read(&self, root: &str, field: &str) -> Option<Datum<'_>>;
}

/// A scope and a program's constants, for one evaluation.
#[derive(Debug)]
pub(crate) struct Variables<'a> {
    pub(crate) scope: &'a dyn Scope,
    pub(crate) constants: &'a [Constant],
    /// Something over a limit was read: no answer may be built on it.
    pub(crate) oversize: AtomicBool,
}

impl VariableResolver for Variables<'_> {
    /// CEL asks for the longest path first: `agent.labels.team`, then `agent.labels`, then `agent`.
    fn resolve<'b>(&'b self, name: &str) -> Option<CowVal<'b, 'b>> {
        if name.starts_with('@') {
            return constant(self.constants, name).map(|constant| CowVal::Borrowed(constant));
        }
        let Some((root, path)) = name.split_once('.') else {
            return Some(CowVal::owned(Fields {
                variables: self,
                root: name.to_owned(),
            }));
        };
        if let Some((field, key)) = path.split_once('.') {
            return match self.scope.read(root, field)? {
                Datum::Labels(labels) => Some(label(labels, key)),
                Datum::Query(query) => {
                    let mut values = query.all(key).peekable();
                    values.peek()?;
                    Some(CowVal::owned(self.texts(values)))
                }
                _ => None,
            };
        }
        self.scope.read(root, path).map(|datum| self.convert(datum))
    }
}

impl Variables<'_> {
    fn convert<'b>(&'b self, datum: Datum<'b>) -> CowVal<'b, 'b> {
        match datum {
            Datum::Bool(truth) => CowVal::owned(CelBool::from(truth)),
            Datum::Int(number) => CowVal::owned(CelInt::from(number)),
            Datum::Text(text) => CowVal::owned(CelString::from(text)),
            Datum::Risk(risk) => CowVal::owned(Constant::Risk(risk)),
            Datum::Time(time) => moment(time),
            Datum::Labels(labels) => CowVal::owned(Labels(labels)),
            Datum::Query(query) => CowVal::owned(self.query(query)),
            Datum::Value(value) => CowVal::Owned(self.value(value)),
        }
    }

    fn query<'b>(&'b self, query: &'b Query) -> CelMap<'b> {
        if query.pairs().count() > MAX_LIST {
            self.oversize.store(true, Ordering::Relaxed);
            return CelMap::default();
        }
        let names = query.pairs().map(|(name, _)| name);
        let entries: HashMap<CelMapKey<'b>, Box<dyn Val + 'b>> = names
            .map(|name| {
                let values: Box<dyn Val + 'b> = Box::new(self.texts(query.all(name)));
                (CelMapKey::from(self.short(name)), values)
            })
            .collect();
        CelMap::from(entries)
    }

    fn texts<'b>(&'b self, texts: impl Iterator<Item = &'b str>) -> CelList<'b> {
        let mut items: Vec<Box<dyn Val + 'b>> = Vec::new();
        for text in texts {
            items.push(Box::new(CelString::from(self.short(text))));
        }
        if items.len() > MAX_LIST {
            self.oversize.store(true, Ordering::Relaxed);
        }
        CelList::from(items)
    }

    fn short<'b>(&self, text: &'b str) -> &'b str {
        if text.len() > MAX_TEXT {
            self.oversize.store(true, Ordering::Relaxed);
            return "";
        }
        text
    }

    fn value<'b>(&'b self, value: &'b Value) -> Box<dyn Val + 'b> {
        match value {
            Value::Bool(truth) => Box::new(CelBool::from(*truth)),
            Value::Int(number) => Box::new(CelInt::from(*number)),
            Value::Number(number) => Box::new(CelDouble::from(*number)),
            Value::Text(text) => Box::new(CelString::from(&**text)),
            Value::List(items) => {
                let items: Vec<Box<dyn Val + 'b>> =
                    items.iter().map(|item| self.value(item)).collect();
                Box::new(CelList::from(items))
            }
            Value::Oversize(_) => {
                self.oversize.store(true, Ordering::Relaxed);
                Box::new(CelBool::from(false))
            }
        }
    }
}

/// A moment that no timestamp can hold reads as absent would: as something that compares with nothing.
fn moment<'b>(time: SystemTime) -> CowVal<'b, 'b> {
    let seconds = match time.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_secs()).unwrap_or(i64::MAX),
        Err(before) => {
            i64::try_from(before.duration().as_secs()).map_or(i64::MIN, |seconds| -seconds)
        }
    };
    let args = vec![CowVal::owned(CelInt::from(seconds))];
    let converted = LIBRARY
        .find_overload("timestamp", &args)
        .and_then(|convert| convert(args).ok());
    converted.unwrap_or_else(|| CowVal::owned(CelBool::from(false)))
}

fn label<'b>(labels: &'b BTreeMap<String, String>, key: &str) -> CowVal<'b, 'b> {
    CowVal::owned(CelString::from(labels.get(key).map_or("", String::as_str)))
}

fn key_of(key: &dyn Val) -> Result<&str, ExecutionError> {
    let wrong = || ExecutionError::UnexpectedType {
        got: key.get_type().name().to_owned(),
        want: "string".to_owned(),
    };
    key.downcast_ref::<CelString<'_>>()
        .map(CelString::inner)
        .ok_or_else(wrong)
}

/// A name whose fields are read one by one.
#[derive(Debug, Clone)]
struct Fields<'a> {
    variables: &'a Variables<'a>,
    root: String,
}

impl Val for Fields<'_> {
    fn get_type(&self) -> &Type {
        &MAP_TYPE
    }
    fn cel_type() -> &'static Type {
        &MAP_TYPE
    }
    fn as_container(&self) -> Option<&dyn Container> {
        Some(self)
    }
    fn as_indexer<'b, 'v>(&'b self) -> Option<&'b (dyn Indexer + 'v)>
    where
        Self: 'v,
    {
        Some(self)
    }
    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v>
    where
        Self: 'v,
    {
        Box::new(self.clone())
    }
}

impl Container for Fields<'_> {
    fn contains(&self, key: &dyn Val) -> Result<bool, ExecutionError> {
        Ok(self
            .variables
            .scope
            .read(&self.root, key_of(key)?)
            .is_some())
    }
}

impl Indexer for Fields<'_> {
    fn get<'b, 'v>(&'b self, key: &dyn Val) -> Result<CowVal<'b, 'v>, ExecutionError>
    where
        Self: 'v,
    {
        Err(ExecutionError::no_such_key(&format!(
            "{}.{}",
            self.root,
            key_of(key)?
        )))
    }
    fn steal<'v>(self: Box<Self>, key: &dyn Val) -> Result<Box<dyn Val + 'v>, ExecutionError>
    where
        Self: 'v,
    {
        Err(ExecutionError::no_such_key(&format!(
            "{}.{}",
            self.root,
            key_of(key)?
        )))
    }
}

#[derive(Debug, Clone)]
struct Labels<'a>(&'a BTreeMap<String, String>);

impl Val for Labels<'_> {
    fn get_type(&self) -> &Type {
        &MAP_TYPE
    }
    fn cel_type() -> &'static Type {
        &MAP_TYPE
    }
    fn as_container(&self) -> Option<&dyn Container> {
        Some(self)
    }
    fn as_indexer<'b, 'v>(&'b self) -> Option<&'b (dyn Indexer + 'v)>
    where
        Self: 'v,
    {
        Some(self)
    }
    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v>
    where
        Self: 'v,
    {
        Box::new(self.clone())
    }
}

impl Container for Labels<'_> {
    fn contains(&self, key: &dyn Val) -> Result<bool, ExecutionError> {
        Ok(self.0.contains_key(key_of(key)?))
    }
}

impl<'a> Indexer for Labels<'a> {
    fn get<'b, 'v>(&'b self, key: &dyn Val) -> Result<CowVal<'b, 'v>, ExecutionError>
    where
        Self: 'v,
    {
        let labels: &'a BTreeMap<String, String> = self.0;
        Ok(CowVal::owned(CelString::from(
            labels.get(key_of(key)?).map_or("", String::as_str),
        )))
    }
    fn steal<'v>(self: Box<Self>, key: &dyn Val) -> Result<Box<dyn Val + 'v>, ExecutionError>
    where
        Self: 'v,
    {
        self.get(key).map(CowVal::into_owned)
    }
}
