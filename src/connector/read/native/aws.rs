//! AWS: a host and headers in; `service`, `region`, `operation` and what headers say out. The query protocol names the operation as `Action`.

use http::HeaderName;

use crate::connector::read::request::Request;
use crate::connector::read::unreadable::{Unreadable, form};
use crate::model::target::Host;

const TARGET: HeaderName = HeaderName::from_static("x-amz-target");

/// Ends of AWS hosts, from the left.
const SUFFIXES: [&[&str]; 3] = [
    &["amazonaws", "com"],
    &["amazonaws", "com", "cn"],
    &["api", "aws"],
];

/// What global endpoints are signed for.
const GLOBAL: &str = "us-east-1";

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

/// Returns service and region of an endpoint: `sts.eu-west-1.amazonaws.com`, `bucket.s3.eu-west-1.amazonaws.com`,
/// `s3-eu-west-1.amazonaws.com`, `iam.amazonaws.com`.
fn endpoint(host: &Host) -> Option<(String, String)> {
    let labels: Vec<&str> = host.labels().collect();
    let front = SUFFIXES
        .iter()
        .find_map(|suffix| labels.strip_suffix(*suffix))?;
    let (last, before) = front.split_last()?;
    let (service, region) = if is_region(last) {
        let mut before = before.iter().rev().copied();
        (before.find(|label| *label != "dualstack")?, *last)
    } else {
        match last.split_once('-') {
            Some((service, region)) if is_region(region) => (service, region),
            _ => (*last, GLOBAL),
        }
    };
    let service = service.strip_suffix("-fips").unwrap_or(service);
    Some((service.to_owned(), region.to_owned()))
}

/// `eu-west-1`, `us-gov-east-1`: letters in the middle, digits at the end.
fn is_region(label: &str) -> bool {
    let words: Vec<&str> = label.split('-').collect();
    let (Some((first, rest)), Some((last, _))) = (words.split_first(), words.split_last()) else {
        return false;
    };
    let middle = rest.get(..rest.len().saturating_sub(1)).unwrap_or_default();
    let letters =
        |word: &&str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase());
    first.len() == 2
        && letters(first)
        && !middle.is_empty()
        && middle.iter().all(letters)
        && !last.is_empty()
        && last.bytes().all(|byte| byte.is_ascii_digit())
}

/// Reads a label; `None` where the request does not say.
pub(crate) fn read(label: &str, request: &Request<'_>) -> Result<Option<String>, Unreadable> {
    let endpoint = || endpoint(request.host);
    Ok(match label {
        "service" => endpoint().map(|(service, _)| service),
        "region" => endpoint().map(|(_, region)| region),
        _ => match request.header(&TARGET)? {
            Some(target) => Some(operation(target)?.to_owned()),
            None => None,
        },
    })
}
