//! Finds connectors and schemes by the names that a user gives, or says which may be meant.

use crate::admin::service::connectors::SchemeView;
use crate::cli::failure::Failure;
use crate::config::suggest;
use crate::connector::{Catalog, Connector};
use crate::model::show::escape;

/// Finds a connector, or says which one may be meant.
pub(in crate::cli) fn find_connector<'a>(
    catalog: &'a Catalog,
    id: &str,
) -> Result<&'a Connector, Failure> {
    catalog.get(id).map(AsRef::as_ref).ok_or_else(|| {
        let known: Vec<&str> = catalog
            .connectors()
            .map(|connector| connector.id())
            .collect();
        Failure::failed(
            "unknown_connector",
            format!("there is no connector `{}`", escape(id)),
        )
        .help(suggest::help(id, &known))
    })
}

/// Finds a scheme of a connector, the first where none is wanted.
pub(super) fn find_scheme<'a>(
    connector: &str,
    schemes: &'a [SchemeView],
    wanted: Option<&str>,
) -> Result<&'a SchemeView, Failure> {
    let found = match wanted {
        Some(id) => schemes.iter().find(|scheme| scheme.id == id),
        None => schemes.first(),
    };
    found.ok_or_else(|| match (wanted, schemes.is_empty()) {
        (_, true) => Failure::failed(
            "no_scheme",
            format!("connector `{connector}` takes no credential"),
        ),
        (wanted, false) => {
            let known: Vec<&str> = schemes.iter().map(|scheme| scheme.id.as_str()).collect();
            let shown = escape(wanted.unwrap_or_default()).into_owned();
            Failure::failed(
                "unknown_scheme",
                format!("connector `{connector}` has no scheme `{shown}`"),
            )
            .help(suggest::help(wanted.unwrap_or_default(), &known))
        }
    })
}
