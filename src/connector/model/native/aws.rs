//! Lists headers of AWS services, as their service models have them: what is transport, and what says what is done.
//!
//! A header that is in neither list is refused: one that this version does not know may do anything.

use crate::connector::model::native::{HeaderUse, Label, Reach};

/// Sign, check or trace a request, or name its operation, which is read as such.
pub(crate) const TRANSPORT: &[&str] = &[
    "x-amz-api-version",
    "x-amz-archive-description",
    "x-amz-content-sha256",
    "x-amz-date",
    "x-amz-decoded-content-length",
    "x-amz-glacier-version",
    "x-amz-region-set",
    "x-amz-sdk-checksum-algorithm",
    "x-amz-security-token",
    "x-amz-sha256-tree-hash",
    "x-amz-target",
    "x-amz-te",
    "x-amz-trailer",
    "x-amz-user-agent",
    "x-amzn-query-mode",
    "x-amzn-trace-id",
];

/// Values and algorithms of checksums (`x-amz-checksum-sha256`, `-crc32c`, `-mode`, `-type`).
pub(crate) const CHECKSUM: &str = "x-amz-checksum-";

/// Say what is done: each is a parameter under its name in `snake_case`. Sorted, in pairs.
pub(crate) const PARAMETERS: &[(&str, &str)] = &[
    ("x-amz-acl", "x_amz_acl"),
    (
        "x-amz-bucket-object-lock-enabled",
        "x_amz_bucket_object_lock_enabled",
    ),
    (
        "x-amz-bucket-object-lock-token",
        "x_amz_bucket_object_lock_token",
    ),
    (
        "x-amz-bypass-governance-retention",
        "x_amz_bypass_governance_retention",
    ),
    ("x-amz-client-context", "x_amz_client_context"),
    (
        "x-amz-confirm-remove-self-bucket-access",
        "x_amz_confirm_remove_self_bucket_access",
    ),
    ("x-amz-copy-source", "x_amz_copy_source"),
    ("x-amz-copy-source-if-match", "x_amz_copy_source_if_match"),
    (
        "x-amz-copy-source-if-modified-since",
        "x_amz_copy_source_if_modified_since",
    ),
    (
        "x-amz-copy-source-if-none-match",
        "x_amz_copy_source_if_none_match",
    ),
    (
        "x-amz-copy-source-if-unmodified-since",
        "x_amz_copy_source_if_unmodified_since",
    ),
    ("x-amz-copy-source-range", "x_amz_copy_source_range"),
    ("x-amz-create-session-mode", "x_amz_create_session_mode"),
    ("x-amz-expected-bucket-owner", "x_amz_expected_bucket_owner"),
    ("x-amz-grant-full-control", "x_amz_grant_full_control"),
    ("x-amz-grant-read", "x_amz_grant_read"),
    ("x-amz-grant-read-acp", "x_amz_grant_read_acp"),
    ("x-amz-grant-write", "x_amz_grant_write"),
    ("x-amz-grant-write-acp", "x_amz_grant_write_acp"),
    (
        "x-amz-if-match-initiated-time",
        "x_amz_if_match_initiated_time",
    ),
    (
        "x-amz-if-match-last-modified-time",
        "x_amz_if_match_last_modified_time",
    ),
    ("x-amz-if-match-size", "x_amz_if_match_size"),
    ("x-amz-invocation-type", "x_amz_invocation_type"),
    ("x-amz-log-type", "x_amz_log_type"),
    ("x-amz-max-parts", "x_amz_max_parts"),
    ("x-amz-metadata-directive", "x_amz_metadata_directive"),
    ("x-amz-mp-object-size", "x_amz_mp_object_size"),
    ("x-amz-object-attributes", "x_amz_object_attributes"),
    (
        "x-amz-object-lock-legal-hold",
        "x_amz_object_lock_legal_hold",
    ),
    ("x-amz-object-lock-mode", "x_amz_object_lock_mode"),
    (
        "x-amz-object-lock-retain-until-date",
        "x_amz_object_lock_retain_until_date",
    ),
    ("x-amz-object-ownership", "x_amz_object_ownership"),
    (
        "x-amz-optional-object-attributes",
        "x_amz_optional_object_attributes",
    ),
    ("x-amz-part-number-marker", "x_amz_part_number_marker"),
    ("x-amz-part-size", "x_amz_part_size"),
    ("x-amz-rename-source", "x_amz_rename_source"),
    ("x-amz-request-payer", "x_amz_request_payer"),
    (
        "x-amz-server-side-encryption",
        "x_amz_server_side_encryption",
    ),
    (
        "x-amz-server-side-encryption-aws-kms-key-id",
        "x_amz_server_side_encryption_aws_kms_key_id",
    ),
    (
        "x-amz-server-side-encryption-bucket-key-enabled",
        "x_amz_server_side_encryption_bucket_key_enabled",
    ),
    (
        "x-amz-server-side-encryption-context",
        "x_amz_server_side_encryption_context",
    ),
    (
        "x-amz-skip-destination-validation",
        "x_amz_skip_destination_validation",
    ),
    (
        "x-amz-source-expected-bucket-owner",
        "x_amz_source_expected_bucket_owner",
    ),
    ("x-amz-storage-class", "x_amz_storage_class"),
    ("x-amz-tagging", "x_amz_tagging"),
    ("x-amz-tagging-directive", "x_amz_tagging_directive"),
    (
        "x-amz-transition-default-minimum-object-size",
        "x_amz_transition_default_minimum_object_size",
    ),
    (
        "x-amz-website-redirect-location",
        "x_amz_website_redirect_location",
    ),
    ("x-amz-write-offset-bytes", "x_amz_write_offset_bytes"),
    ("x-amzn-bedrock-accept", "x_amzn_bedrock_accept"),
    (
        "x-amzn-bedrock-guardrailidentifier",
        "x_amzn_bedrock_guardrailidentifier",
    ),
    (
        "x-amzn-bedrock-guardrailversion",
        "x_amzn_bedrock_guardrailversion",
    ),
    (
        "x-amzn-bedrock-performanceconfig-latency",
        "x_amzn_bedrock_performanceconfig_latency",
    ),
    ("x-amzn-bedrock-save", "x_amzn_bedrock_save"),
    ("x-amzn-bedrock-service-tier", "x_amzn_bedrock_service_tier"),
    ("x-amzn-bedrock-trace", "x_amzn_bedrock_trace"),
];

/// Beginning of what a person writes beside an object, and the parameter that has all of it.
pub(crate) const METADATA: &str = "x-amz-meta-";

pub(crate) const METADATA_PARAMETER: &str = "x_amz_meta";

/// Returns what a header is to AWS.
pub(crate) fn of(name: &str) -> HeaderUse {
    if !name.starts_with("x-amz-") && !name.starts_with("x-amzn-") {
        return HeaderUse::Unknown;
    }
    if TRANSPORT.binary_search(&name).is_ok() || name.starts_with(CHECKSUM) {
        return HeaderUse::Transport;
    }
    if name.starts_with(METADATA) {
        return HeaderUse::Member(METADATA_PARAMETER);
    }
    let at = PARAMETERS.binary_search_by(|(known, _)| (*known).cmp(name));
    match at.ok().and_then(|at| PARAMETERS.get(at)) {
        Some((_, parameter)) => HeaderUse::Parameter(parameter),
        None => HeaderUse::Refused,
    }
}

/// Iterates over the parameters that headers are.
pub(crate) fn header_parameters() -> impl Iterator<Item = HeaderUse> {
    let single = PARAMETERS.iter();
    let single = single.map(|(_, parameter)| HeaderUse::Parameter(parameter));
    single.chain([HeaderUse::Member(METADATA_PARAMETER)])
}

/// What the override reads.
pub(crate) const LABELS: [Label; 3] = [
    Label {
        name: "service",
        reach: Reach::Head,
    },
    Label {
        name: "region",
        reach: Reach::Head,
    },
    Label {
        name: "operation",
        reach: Reach::Form("Action"),
    },
];

#[cfg(test)]
mod tests {
    use super::{PARAMETERS, TRANSPORT};

    #[test]
    fn every_header_is_found_and_named_as_it_is_spelled() {
        assert!(TRANSPORT.is_sorted());
        assert!(PARAMETERS.is_sorted());
        for (header, parameter) in PARAMETERS {
            assert_eq!(*parameter, header.replace('-', "_"));
        }
    }
}
