//! Shows the connectors of the active snapshot.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Service;
use crate::admin::problem::Problem;
use crate::config::diagnostic::Report;
use crate::config::suggest;
use crate::connector::{Catalog, Connector, ParamOrigins, ParamView};
use crate::model::show::escape;
use crate::model::vocabulary::Unknown;
use crate::snapshot::{Inputs, Snapshot};

/// A field of a credential.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct FieldView {
    /// Name of the field.
    pub name: String,
    /// Whether it is sealed and never shown.
    pub secret: bool,
    /// Whether it may be left empty.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
}

/// A way to put a credential on requests.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SchemeView {
    /// Id within the connector.
    pub id: String,
    /// In the order of the file.
    pub fields: Vec<FieldView>,
    /// Where requests hold a credential, such as `header authorization: Bearer {token}`.
    #[serde(default)]
    pub placement: String,
}

/// A connector, without its routes.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ConnectorView {
    /// Id, unique among connectors.
    pub id: String,
    /// Name that people read.
    pub name: String,
    /// Version of the API.
    pub version: Option<String>,
    /// Where the API is documented.
    pub docs: Option<String>,
    /// With base paths, as the file writes them.
    pub domains: Vec<String>,
    /// Whether the API takes no credential.
    pub public: bool,
    /// The first is the default.
    pub auth: Vec<SchemeView>,
    /// How many routes it has.
    pub routes: usize,
}

/// A route of a connector.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RouteInfo {
    /// Full name of the action; holes in braces where the request says it.
    pub action: String,
    /// As the file writes it.
    #[serde(rename = "match")]
    pub matches: String,
    /// As the file writes it.
    pub when: Option<String>,
    /// The highest that it can be.
    pub risk: String,
    /// Display name of the action.
    pub name: Option<String>,
    /// Where it is documented.
    pub docs: Option<String>,
    /// With names of parameters in braces.
    pub summary: Option<String>,
    /// What policies can ask about, in the order of the file.
    #[serde(default)]
    pub params: Vec<ParamInfo>,
}

/// A parameter of a route.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ParamInfo {
    /// The name that policies read as `params.NAME`.
    pub name: String,
    /// `string`, `int`, `number` or `bool`; null where values are as the request has them.
    #[serde(rename = "type")]
    pub value_type: Option<String>,
    /// Whether each request of the route has it.
    pub required: bool,
    /// Whether its values are hidden.
    pub secret: bool,
    /// Where it is read, the first place first: `body $.title`, `query project`, `path {item}`.
    #[serde(default)]
    pub from: Vec<String>,
}

/// A connector with its routes.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct WholeConnector {
    /// Id, unique among connectors.
    pub id: String,
    /// Name that people read.
    pub name: String,
    /// Version of the API.
    pub version: Option<String>,
    /// Where the API is documented.
    pub docs: Option<String>,
    /// With base paths, as the file writes them.
    pub domains: Vec<String>,
    /// Whether the API takes no credential.
    pub public: bool,
    /// The first is the default.
    pub auth: Vec<SchemeView>,
    /// In the order of the file.
    pub routes: Vec<RouteInfo>,
    /// The action of a request that matches no route.
    #[serde(default)]
    pub fallback: String,
    /// Risk of that action.
    #[serde(default)]
    pub fallback_risk: String,
    /// The request that shows whether a credential works, as in `GET /user`; null where the file names none.
    #[serde(default)]
    pub health: Option<String>,
    /// Tests that the file holds.
    #[serde(default)]
    pub tests: usize,
}

/// A part of the connectors.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ConnectorList {
    /// Sorted by their ids.
    pub connectors: Vec<ConnectorView>,
    /// Cursor of the next part; absent at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

impl ConnectorView {
    /// Returns what a list shows of a connector.
    #[must_use]
    pub fn of(connector: &Connector) -> Self {
        Self {
            id: connector.id().to_owned(),
            name: connector.name().to_owned(),
            version: connector.version().map(str::to_owned),
            docs: connector.docs().map(str::to_owned),
            domains: connector.authorities().collect(),
            public: connector.is_public(),
            auth: connector.schemes().iter().map(scheme).collect(),
            routes: connector.routes().count(),
        }
    }
}

/// Returns what is shown of a scheme.
#[must_use]
pub fn scheme(scheme: &crate::auth::Scheme) -> SchemeView {
    let fields = scheme.fields().iter().map(|field| FieldView {
        name: field.name.clone(),
        secret: field.secret,
        optional: field.optional,
    });
    SchemeView {
        id: scheme.id.clone(),
        fields: fields.collect(),
        placement: super::placement::in_words(scheme.placement()),
    }
}

impl WholeConnector {
    /// Returns everything that is shown of a connector.
    #[must_use]
    pub fn of(connector: &Connector) -> Self {
        let view = ConnectorView::of(connector);
        let text = |text: Option<&str>| text.map(str::to_owned);
        let mut read = connector.params().into_iter();
        let routes = connector.routes().map(|route| RouteInfo {
            params: read_at(&route.params, &read.next().unwrap_or_default()),
            action: route.action.to_owned(),
            matches: route.matches.to_owned(),
            when: text(route.when),
            risk: route.risk.as_str().to_owned(),
            name: text(route.name),
            docs: text(route.docs),
            summary: text(route.summary),
        });
        Self {
            routes: routes.collect(),
            fallback: connector.fallback().0.to_owned(),
            fallback_risk: connector.fallback().1.as_str().to_owned(),
            health: connector.health().map(|health| {
                let query = health.query.as_ref();
                let query = query.map_or_else(String::new, |query| format!("?{query}"));
                format!("{} {}{query}", health.method, health.path)
            }),
            tests: connector.tests().len(),
            id: view.id,
            name: view.name,
            version: view.version,
            docs: view.docs,
            domains: view.domains,
            public: view.public,
            auth: view.auth,
        }
    }
}

/// Returns parameters with where they are read.
fn read_at(params: &[ParamView<'_>], read: &[ParamOrigins]) -> Vec<ParamInfo> {
    let from = |name: &str| {
        let known = read.iter().find(|known| known.name == name);
        known.map(|known| known.from.clone()).unwrap_or_default()
    };
    let params = params.iter();
    params
        .map(|param| ParamInfo {
            from: from(param.name),
            ..ParamInfo::of(param)
        })
        .collect()
}

impl ParamInfo {
    fn of(param: &ParamView<'_>) -> Self {
        Self {
            name: param.name.to_owned(),
            value_type: param.value_type.map(|kind| kind.to_string()),
            required: param.required,
            secret: param.secret,
            from: Vec::new(),
        }
    }
}

/// Finds a connector, or says which one may be meant.
///
/// # Errors
/// `unknown_connector`.
pub fn find<'c>(catalog: &'c Catalog, id: &str) -> Result<&'c Connector, Problem> {
    catalog.get(id).map(AsRef::as_ref).ok_or_else(|| {
        let known = catalog.connectors().map(|connector| connector.id());
        let known: Vec<&str> = known.collect();
        let detail = format!("there is no connector `{}`", escape(id));
        Problem::unknown("unknown_connector", detail).help(suggest::help(id, &known))
    })
}

impl Service {
    /// Lists connectors by id.
    ///
    /// # Errors
    /// `files` where no snapshot is active and the files have errors.
    pub async fn connectors(&self) -> Result<Vec<ConnectorView>, Problem> {
        let snapshot = self.snapshot().await?;
        let connectors = snapshot.catalog().connectors();
        Ok(connectors
            .map(|connector| ConnectorView::of(connector))
            .collect())
    }

    /// Shows a connector whole.
    ///
    /// # Errors
    /// `unknown_connector`.
    pub async fn connector(&self, id: &str) -> Result<WholeConnector, Problem> {
        let snapshot = self.snapshot().await?;
        find(snapshot.catalog(), id).map(WholeConnector::of)
    }

    /// Returns the active snapshot, or compiles the files.
    pub(super) async fn snapshot(&self) -> Result<Arc<Snapshot>, Problem> {
        if let Some(active) = self.host().active() {
            return Ok(active);
        }
        let broken = |report: Report| {
            Problem::conflict("files", "connectors and policies cannot be used").because(&report)
        };
        let view = self.view().await?;
        let inputs = Inputs {
            unknown: Unknown::Tolerated,
            ..self.host().inputs(&view).map_err(broken)?
        };
        let (snapshot, report) = Snapshot::compile(&inputs);
        snapshot.map(Arc::new).ok_or_else(|| broken(report))
    }
}
