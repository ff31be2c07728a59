//! Reads what native overrides tell of a request.

pub(crate) mod aws;

use crate::connector::model::native::{Native, NativeSource};
use crate::connector::read::request::Request;
use crate::connector::read::unreadable::Unreadable;

impl NativeSource {
    /// Reads a label in the host and the headers; `None` where they do not say.
    pub(crate) fn read(&self, request: &Request<'_>) -> Result<Option<String>, Unreadable> {
        match self.native {
            Native::Aws => aws::read(self.label, request),
        }
    }
}
