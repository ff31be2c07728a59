//! Reads service and region out of the host names of AWS.

use crate::model::target::Host;

/// What a host of AWS serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwsEndpoint {
    /// As the host names it, such as `s3`.
    pub service: String,
    /// Region, such as `eu-west-1`.
    pub region: String,
}

/// Ends of AWS hosts, from the left.
const SUFFIXES: [&[&str]; 3] = [
    &["amazonaws", "com"],
    &["amazonaws", "com", "cn"],
    &["api", "aws"],
];

/// What global endpoints are signed for.
const GLOBAL: &str = "us-east-1";

/// Returns service and region of an endpoint: `sts.eu-west-1.amazonaws.com`, `bucket.s3.eu-west-1.amazonaws.com`,
/// `s3-eu-west-1.amazonaws.com`, `iam.amazonaws.com`.
#[must_use]
pub fn endpoint(host: &Host) -> Option<AwsEndpoint> {
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
    Some(AwsEndpoint {
        service: service.to_owned(),
        region: region.to_owned(),
    })
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
