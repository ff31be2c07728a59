//! Writes where a parameter is read, as `params:` says it.

use crate::import::api::{Body, Field, FieldPlace, Kind};
use crate::import::secrets;
use crate::model::value::ValueType;

/// Returns whether a source is read as a list.
pub(crate) fn listed(from: &str) -> bool {
    from.ends_with("[*]")
}

/// Returns the word by which names from different places are told apart.
pub(crate) fn prefix(place: FieldPlace) -> &'static str {
    match place {
        FieldPlace::Query => "query",
        FieldPlace::Header => "header",
        FieldPlace::Path | FieldPlace::Body => "body",
        FieldPlace::Argument => "arg",
    }
}

/// Returns where a field is read.
pub(crate) fn source(field: &Field, body: &Body) -> Option<String> {
    let name = &field.name;
    let list = if field.shape.list { "[*]" } else { "" };
    if name.is_empty() || name.chars().any(char::is_control) {
        return None;
    }
    Some(match field.place {
        FieldPlace::Path => return None,
        // `filter[id]=a&filter[id]=b`: neither one name nor a list of names.
        FieldPlace::Query
            if field.shape.list && name.trim_end_matches("[]").contains(['[', ']']) =>
        {
            return None;
        }
        FieldPlace::Query if field.shape.list => {
            format!("query:{}[*]", name.trim_end_matches("[]"))
        }
        FieldPlace::Query if name.contains(['[', ']']) => return None,
        FieldPlace::Query => format!("query:{name}"),
        FieldPlace::Header => format!("header:{name}"),
        FieldPlace::Argument => format!("arg:{name}{list}"),
        FieldPlace::Body => match (body, &field.shape.within) {
            (Body::Form | Body::Multipart, _)
                if name.contains(['[', ']']) && !name.ends_with("[]") =>
            {
                return None;
            }
            (Body::Form | Body::Multipart, None) => {
                format!("form:{}{list}", name.trim_end_matches("[]"))
            }
            (Body::Form | Body::Multipart, Some(within)) => format!("form:{within}[{name}]{list}"),
            (_, None) => format!("{}{list}", secrets::step("$", name)),
            (_, Some(within)) => {
                format!("{}{list}", secrets::step(&secrets::step("$", within), name))
            }
        },
    })
}

/// Returns the type of a field, where it must be said.
pub(crate) fn value_type(field: &Field) -> Option<ValueType> {
    match field.shape.kind {
        // What is a text anyway need not say so.
        Kind::Text if matches!(field.place, FieldPlace::Query | FieldPlace::Header) => None,
        Kind::Text => Some(ValueType::String),
        Kind::Int => Some(ValueType::Int),
        Kind::Number => Some(ValueType::Number),
        Kind::Bool => Some(ValueType::Bool),
        Kind::Structure | Kind::Any => None,
    }
}
