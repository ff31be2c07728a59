//! Reads the names of types that a schema writes with brackets and exclamation marks.

use apollo_parser::cst;

use crate::import::api::Kind;

/// A type without its marks.
pub(crate) struct Named {
    pub(crate) name: String,
    /// One level of brackets or more.
    pub(crate) list: bool,
}

impl Named {
    pub(crate) fn of(written: &cst::Type) -> Self {
        let named = |name: Option<cst::NamedType>| Self {
            name: text(name.and_then(|name| name.name())).unwrap_or_default(),
            list: false,
        };
        let listed = |list: Option<cst::ListType>| Self {
            name: list
                .and_then(|list| list.ty())
                .map(|inner| Self::of(&inner).name)
                .unwrap_or_default(),
            list: true,
        };
        match written {
            cst::Type::NamedType(name) => named(Some(name.clone())),
            cst::Type::ListType(list) => listed(Some(list.clone())),
            cst::Type::NonNullType(inner) => match inner.list_type() {
                Some(list) => listed(Some(list)),
                None => named(inner.named_type()),
            },
        }
    }
}

/// Scalars of a schema's own are mostly texts: dates, URLs, ids.
pub(crate) fn kind(name: &str, is_enum: bool) -> Kind {
    match name {
        "Int" => Kind::Int,
        "Float" => Kind::Number,
        "Boolean" => Kind::Bool,
        "String" | "ID" => Kind::Text,
        _ if is_enum => Kind::Text,
        _ => Kind::Any,
    }
}

/// Returns a name as text.
pub(crate) fn text(name: Option<cst::Name>) -> Option<String> {
    name.map(|name| name.text().to_string())
}
