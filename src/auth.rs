//! Puts credentials on requests by the schemes of connectors. `auth/template.rs` lists the ways; each has a file in `auth/`.
//!
//! A compiled scheme names only fields that it declares, so applying it can fail only for what the vault holds.

mod basic;
mod bearer;
mod body;
mod compile;
mod cookie;
mod header;
mod hmac;
mod manifest;
mod mint;
mod outgoing;
mod path;
mod placement;
mod put_on;
mod query;
mod sigv4;
mod template;
mod text;

use std::collections::{BTreeMap, BTreeSet};

use crate::config::diagnostic::{Report, Source};
use crate::model::on_leak::{OnLeak, Required};
use crate::model::on_reflect::OnReflect;
use crate::model::secret::Secret;
use mint::Minter;
use template::Template;

pub use hmac::{HashAlgorithm, KeyEncoding, SignatureEncoding};
pub use manifest::{
    BasicManifest, ExchangeManifest, FieldManifest, GithubAppManifest, HmacManifest, JwtManifest,
    OAuth2Manifest, SchemeManifest, Sigv4Manifest, ThenManifest,
};
pub use mint::{
    AuthorizationRequest, DeviceCode, MintError, MintInput, MintStep, Minted, SignIn, SignInKind,
    Signed, Stage, TokenAnswer, TokenRequest,
};
pub use outgoing::{Outgoing, Payload, Places, RequestFacts, Rewritten, SigningScope};
pub use sigv4::SignaturePlace;

/// A scheme, checked and ready to apply.
#[derive(Debug, Clone)]
pub struct Scheme {
    /// Unique in the connector.
    pub id: String,
    fields: Vec<Field>,
    templates: Vec<Template>,
    minter: Option<Minter>,
    placement: Box<str>,
    env: Vec<(String, String)>,
    on_reflect: OnReflect,
    on_leak: OnLeak,
    required: Option<Required>,
}

/// One field of a scheme.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Name of the field, `[a-z][a-z0-9_]*`.
    pub name: String,
    /// Whether its bytes are a secret.
    pub secret: bool,
    /// Whether it may be left empty.
    pub optional: bool,
}

/// The opened fields of one credential: all of the scheme's fields, secret or not.
pub type Fields = BTreeMap<String, Secret>;

/// Reasons why a credential cannot be put on.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The stored credential lacks it.
    #[error("the credential has no field `{0}`")]
    MissingField(String),
    /// Control characters or bytes that a header cannot hold.
    #[error("field `{0}` cannot be written into a header")]
    NotAHeaderValue(String),
    /// It holds what a segment of a path cannot, or leads out of its place.
    #[error("field `{0}` cannot be written into a path")]
    NotAPath(String),
    /// The request has no place for it.
    #[error("the request has no place for the credential: {0}")]
    NoPlace(&'static str),
    /// The request cannot be signed.
    #[error("the request cannot be signed: {0}")]
    Unsignable(&'static str),
}

// === impl Scheme ===

impl Scheme {
    /// Compiles a scheme; every problem goes into the report.
    pub fn compile(
        manifest: &SchemeManifest,
        source: &Source,
        report: &mut Report,
    ) -> Option<Self> {
        compile::compile(manifest, &BTreeSet::new(), source, report)
    }

    /// As [`Scheme::compile`], where the operator lets these variables be set too.
    pub fn compile_with(
        manifest: &SchemeManifest,
        variables: &BTreeSet<String>,
        source: &Source,
        report: &mut Report,
    ) -> Option<Self> {
        compile::compile(manifest, variables, source, report)
    }

    /// Returns the fields in file order.
    #[must_use]
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// Returns where this scheme writes what, as one text: credentials are bound to it.
    #[must_use]
    pub fn placement(&self) -> &str {
        &self.placement
    }

    /// Returns where this scheme writes, sorted.
    #[must_use]
    pub fn places(&self) -> Places {
        let mut places = Places::default();
        for template in &self.templates {
            let headers = template.headers();
            let headers = headers.iter().map(|name| name.as_str().to_owned());
            places.headers.extend(headers);
            let query = template.query().into_iter().map(str::to_owned);
            places.query.extend(query);
            if let Template::Body(way) = template {
                places.body.extend(way.places());
            }
        }
        places.headers.sort_unstable();
        places.query.sort_unstable();
        places
    }

    /// Returns the variables that SDKs look for, sorted, with `{placeholder}` and `{field}` still in them.
    #[must_use]
    pub fn env(&self) -> &[(String, String)] {
        &self.env
    }

    /// Returns whether requests carry a token that is minted of the credential.
    #[must_use]
    pub fn mints(&self) -> bool {
        self.minter.is_some()
    }

    /// Returns the parameter of requests by which minted tokens differ; `None` where one serves all.
    #[must_use]
    pub fn mint_slot(&self) -> Option<&'static str> {
        self.minter.as_ref().and_then(Minter::slot)
    }

    /// Returns every URL that the bytes of a credential go to, sorted; one that ends in `/` stands for all below it.
    ///
    /// # Errors
    ///
    /// If a public field makes no URL.
    pub fn mint_urls(&self, public: &BTreeMap<String, String>) -> Result<Vec<String>, MintError> {
        let urls = self.minter.as_ref().map(|minter| minter.urls(public));
        let mut urls = urls.transpose()?.unwrap_or_default();
        urls.sort();
        urls.dedup();
        Ok(urls)
    }

    /// Returns how a person signs in for a credential; `None` where nobody does.
    #[must_use]
    pub fn sign_in(&self) -> Option<SignIn<'_>> {
        self.minter.as_ref().and_then(Minter::sign_in)
    }

    /// Begins to mint a token; `None` where the scheme mints none.
    ///
    /// # Errors
    ///
    /// If the fields do not serve.
    pub fn mint(&self, input: MintInput<'_>) -> Result<Option<MintStep>, MintError> {
        let minter = self.minter.as_ref();
        minter.map(|minter| minter.begin(input)).transpose()
    }

    /// Goes on with the answer that was waited for.
    ///
    /// # Errors
    ///
    /// If it gives no token.
    pub fn mint_next(
        &self,
        input: MintInput<'_>,
        stage: &Stage,
        answer: &TokenAnswer,
    ) -> Result<MintStep, MintError> {
        match &self.minter {
            Some(minter) => minter.next(input, stage, answer),
            None => Err(MintError::Malformed("was not asked for")),
        }
    }

    /// Returns what happens to an answer that holds a credential of this scheme.
    #[must_use]
    pub fn on_reflect(&self) -> OnReflect {
        self.on_reflect
    }

    /// Returns what happens to a request that holds a placeholder where the credential does not go.
    #[must_use]
    pub fn on_leak(&self) -> OnLeak {
        self.on_leak
    }

    /// Returns whether a request must hold the agent's placeholder where the credential goes.
    #[must_use]
    pub fn requires_placeholder(&self) -> bool {
        self.required == Some(Required::Placeholder)
    }

    /// Returns whether the credential is part of the path.
    #[must_use]
    pub fn writes_path(&self) -> bool {
        let is_path = |template: &Template| matches!(template, Template::Path(_));
        self.templates.iter().any(is_path)
    }
}
