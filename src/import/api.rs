//! Describes an API independently of its description's format: hosts, ways to authenticate, operations with their fields.

/// The format of tables, which do not tell base paths from paths.
pub(crate) const TABLE: &str = "table";

/// What a description says, as far as a connector can hold it.
#[derive(Debug, Clone, Default)]
pub struct Api {
    /// What the description calls itself in one word.
    pub(crate) name: Option<String>,
    /// For people; may be empty.
    pub(crate) title: String,
    /// Version of the API, as described.
    pub(crate) version: Option<String>,
    /// Where it is documented.
    pub(crate) docs: Option<String>,
    /// `OpenAPI 3.0.3`, `Google discovery`, `GraphQL`, `curl`.
    pub(crate) format: String,
    /// Where it is, the first is the main one; empty where the description does not say.
    pub(crate) servers: Vec<Server>,
    /// Requests need no credential.
    pub(crate) public: bool,
    /// Ways to authenticate, the default first.
    pub(crate) ways: Vec<Way>,
    /// Places beside those of `ways` where the API takes a credential: `query:access_token`.
    pub(crate) credentials_in: Vec<String>,
    /// In the order of the description.
    pub(crate) operations: Vec<Operation>,
    /// What a person must look at that belongs to no operation.
    pub(crate) judge: Vec<String>,
}

/// A host with a base path; `{name}` stands for a label or segment that varies.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Server {
    /// With a port where that is not 443.
    pub(crate) host: String,
    /// Starts with `/` and does not end with one; empty for none.
    pub(crate) base: String,
}

/// One way to authenticate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Way {
    /// Id of the scheme, `[a-z][a-z0-9_-]*`, unique.
    pub(crate) id: String,
    /// Everything that is put on together.
    pub(crate) marks: Vec<Mark>,
}

/// One thing that is put on a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Mark {
    /// `Authorization: Bearer`, with the name of the field.
    Bearer(&'static str),
    /// User name and password in `Authorization: Basic`.
    Basic,
    /// A header with what stands before the secret, as `Bot `.
    Header(String, &'static str),
    /// The name of a query key.
    Query(String),
}

/// One thing that can be asked of the API.
#[derive(Debug, Clone, Default)]
pub struct Operation {
    /// HTTP method in upper case.
    pub(crate) method: String,
    /// Where it is, if elsewhere than the rest.
    pub(crate) elsewhere: Option<Server>,
    /// Below the base path, with `{name}` as the description spells it; `{*name}` for several segments.
    pub(crate) path: String,
    /// The description's own name for it.
    pub(crate) id: Option<String>,
    /// What it is about, from the outside in, where the description says that apart from the path.
    pub(crate) resource: Option<Vec<String>>,
    /// Groups that the description assigns.
    pub(crate) tags: Vec<String>,
    /// The operation's title, one line.
    pub(crate) title: Option<String>,
    /// Where it is documented.
    pub(crate) docs: Option<String>,
    /// Path, query, header and body fields.
    pub(crate) fields: Vec<Field>,
    /// How its body is sent.
    pub(crate) body: Body,
    /// In which other readable ways it may be sent.
    pub(crate) also: Vec<Body>,
    /// The answer of the operation.
    pub(crate) answer: OperationAnswer,
    /// Where several are asked for at one path, which one it is.
    pub(crate) part: Option<RequestPart>,
    /// What a person must look at.
    pub(crate) judge: Vec<String>,
    /// What tells it from others on its path.
    pub(crate) sign: Option<Sign>,
}

/// What a request that may hold several asks for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum RequestPart {
    /// A root field of GraphQL: `mutation.createPullRequest`.
    Graphql(String),
    /// A method of JSON-RPC: `tools/call`.
    Rpc(String),
}

impl RequestPart {
    /// Returns the text by which routes are looked up.
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Graphql(text) | Self::Rpc(text) => text,
        }
    }

    /// Returns the key of a route that says it.
    pub(crate) fn key(&self) -> &'static str {
        match self {
            Self::Graphql(_) => "graphql",
            Self::Rpc(_) => "rpc",
        }
    }
}

/// What in a request tells one operation from others that have its path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Sign {
    /// A field of an urlencoded form.
    Form(String),
    /// A header and its value.
    Header(String, String),
}

/// What Google's paths end with where the body is the content of a thing.
pub(crate) const UPLOAD: &str = "?uploadType";

/// How a body is sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Body {
    /// The operation has no body.
    #[default]
    Absent,
    /// The body is sent as `application/json`.
    Json,
    /// The body is sent as `application/x-www-form-urlencoded`.
    Form,
    /// The body is sent as `multipart/form-data`.
    Multipart,
    /// JSON under another media type, as `application/merge-patch+json`.
    JsonAs(String),
    /// Nothing that can be read.
    Other,
}

/// The answer of the operation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct OperationAnswer {
    /// A list of things, bare or in an envelope.
    pub(crate) list: bool,
    /// `JSONPath`s of texts that are named like a secret.
    pub(crate) secrets: Vec<String>,
    /// Names of its top-level texts.
    pub(crate) texts: Vec<String>,
}

/// One value that a request can carry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Field {
    /// As it is sent.
    pub(crate) name: String,
    pub(crate) place: FieldPlace,
    pub(crate) shape: Shape,
    pub(crate) required: bool,
}

/// Where a field is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum FieldPlace {
    Path,
    Query,
    Header,
    /// A top-level key of the body, or, after the first dot-less wrapper, of the one object in it.
    Body,
    /// An argument of a GraphQL field.
    Argument,
}

/// What a field can hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) kind: Kind,
    /// Whether the value is a list.
    pub(crate) list: bool,
    /// Format of the value: `uuid`, `date-time`, …
    pub(crate) format: Option<String>,
    /// As the description writes it.
    pub(crate) pattern: Option<String>,
    /// All values that there are; empty where that is not said.
    pub(crate) values: Vec<String>,
    /// For a body field: the wrapper that it is in.
    pub(crate) within: Option<String>,
    /// The description says that it is not for everybody's eyes.
    pub(crate) secret: bool,
}

/// The kind of a value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Int,
    Number,
    Bool,
    /// A map, a list of lists: nothing that a policy compares.
    Structure,
    /// Several kinds, or not said.
    #[default]
    Any,
}

impl Api {
    /// Returns how many operations there are.
    #[must_use]
    pub fn operations(&self) -> usize {
        self.operations.len()
    }

    /// Returns the operations in the order of the description.
    #[must_use]
    pub fn list(&self) -> &[Operation] {
        &self.operations
    }
}

impl Shape {
    /// Returns the shape of a plain text.
    pub(crate) fn text() -> Self {
        Self {
            kind: Kind::Text,
            ..Self::default()
        }
    }
}
