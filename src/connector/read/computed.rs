//! Computes a parameter of a route's other parameters.
//!
//! INVARIANT: an expression that fails refuses the request; it never leaves its parameter out.

use crate::connector::model::parameter::Param;
use crate::connector::read::unreadable::{Unreadable, form};
use crate::expression::{Datum, Program, Scope};
use crate::model::action::Parameters;
use crate::model::value::Value;

/// What an expression sees.
#[derive(Debug)]
struct OtherParams<'a>(&'a Parameters);

impl Scope for OtherParams<'_> {
    fn read(&self, root: &str, field: &str) -> Option<Datum<'_>> {
        let value = (root == "params").then(|| self.0.get(field)).flatten();
        value.map(Datum::Value)
    }
}

impl Param {
    /// Computes the value from the route's other parameters.
    pub(crate) fn compute(
        &self,
        program: &Program,
        params: &Parameters,
    ) -> Result<Value, Unreadable> {
        let value = program.value(&OtherParams(params)).map_err(|_| {
            form(format!(
                "`{}` cannot be computed from what the request says",
                self.name
            ))
        })?;
        self.typed(&value)
    }
}
