//! Says where bodies of an API hold credentials.

use crate::connector::model::body_path::PathId;
use crate::connector::model::name_path::NamePath;

/// The places in bodies where the API takes a credential.
#[derive(Debug, Default)]
pub(crate) struct BodyPlaces {
    pub(crate) form: Vec<NamePath>,
    /// With the text as written.
    pub(crate) json: Vec<(PathId, Box<str>)>,
}

impl BodyPlaces {
    pub(crate) fn is_empty(&self) -> bool {
        self.form.is_empty() && self.json.is_empty()
    }
}
