//! Finds the operator of an `Authorization` header and checks its role.

use std::collections::BTreeSet;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;

use super::Facts;
use super::answer::problem;
use crate::config::Role;

/// A person who runs the gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator {
    /// Name, unique among operators.
    pub name: String,
    /// The operator's role, which decides what it may do.
    pub role: Role,
    /// Named by policies' `approvers`.
    pub groups: BTreeSet<String>,
}

/// Returns the operator whose token this is, where the role is at least `needed`. A refusal is boxed, since it is rare and large.
pub(super) fn authorize(
    facts: &Facts,
    headers: &HeaderMap,
    needed: Role,
) -> Result<Operator, Box<Response>> {
    let token = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| {
            let (scheme, token) = value.split_once(' ')?;
            scheme
                .eq_ignore_ascii_case("bearer")
                .then_some(token.trim())
        });
    let operator = token
        .and_then(|token| (facts.operator)(token))
        .ok_or_else(|| {
            let detail = "an operator token is needed: `Authorization: Bearer tgo_…`";
            let mut refused = problem(StatusCode::UNAUTHORIZED, "operator_required", detail);
            refused
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            Box::new(refused)
        })?;
    if operator.role < needed {
        let detail = format!(
            "operator `{}` may not do this: it needs the role `{}`",
            operator.name,
            needed.as_str()
        );
        return Err(Box::new(problem(
            StatusCode::FORBIDDEN,
            "role_required",
            &detail,
        )));
    }
    Ok(operator)
}
