//! Reads requests to AWS: takes a host and headers, gives `service`, `region`, `operation` and what headers say. The query protocol
//! names the operation as `Action`.

use http::HeaderName;

use crate::connector::read::request::Request;
use crate::connector::read::unreadable::{Unreadable, form};
use crate::model::aws_endpoint::endpoint;

const TARGET: HeaderName = HeaderName::from_static("x-amz-target");

/// Returns the operation, `ListTables`, of a target such as `DynamoDB_20120810.ListTables`.
fn operation(target: &str) -> Result<&str, Unreadable> {
    let (service, operation) = target.rsplit_once('.').unwrap_or(("", target));
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    if operation.is_empty() || !service.bytes().chain(operation.bytes()).all(plain) {
        return Err(form(
            "the header `x-amz-target` names no operation".to_owned(),
        ));
    }
    Ok(operation)
}

/// Reads a label; `None` where the request does not say.
pub(crate) fn read(label: &str, request: &Request<'_>) -> Result<Option<String>, Unreadable> {
    let endpoint = || endpoint(request.host);
    Ok(match label {
        "service" => endpoint().map(|endpoint| endpoint.service),
        "region" => endpoint().map(|endpoint| endpoint.region),
        _ => match request.header(&TARGET)? {
            Some(target) => Some(operation(target)?.to_owned()),
            None => None,
        },
    })
}
