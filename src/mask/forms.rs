//! Lists the forms of a secret value that contain no escapes. Escapes are read, not listed (`escape.rs`).

use base64::Engine as _;
use base64::alphabet::{Alphabet, STANDARD, URL_SAFE};
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

/// One form; zeroised when dropped.
pub(super) type Form = Zeroizing<Vec<u8>>;

const HEX: [&[u8; 16]; 2] = [b"0123456789abcdef", b"0123456789ABCDEF"];

/// Returns the value itself, its base64 at each of the three places in a group, in both alphabets (RFC 4648 sections 4 and 5),
/// its hex digits in both cases, and the form-urlencoded spelling of its spaces.
///
/// Of base64 only the characters that depend on nothing but the value are listed: its neighbours decide the others.
pub(super) fn forms(value: &[u8]) -> Vec<Form> {
    let mut forms = vec![Zeroizing::new(value.to_vec())];
    if value.contains(&b' ') {
        let spelled = value
            .iter()
            .map(|byte| if *byte == b' ' { b'+' } else { *byte });
        forms.push(Zeroizing::new(spelled.collect()));
    }
    for digits in HEX {
        let digit = |nibble: u8| digits.get(usize::from(nibble)).copied().unwrap_or_default();
        let both = value
            .iter()
            .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]);
        forms.push(Zeroizing::new(both.collect()));
    }
    for alphabet in [&STANDARD, &URL_SAFE] {
        for before in 0..3 {
            forms.push(base64(value, alphabet, before));
        }
    }
    forms.retain(|form| !form.is_empty());
    forms
}

/// Returns the characters that encode nothing but the value, where `before` bytes stand before it in its group.
fn base64(value: &[u8], alphabet: &Alphabet, before: usize) -> Form {
    let engine = GeneralPurpose::new(
        alphabet,
        GeneralPurposeConfig::new().with_encode_padding(false),
    );
    let mut bytes = Zeroizing::new(vec![0; before]);
    bytes.extend_from_slice(value);
    let mut encoded = Zeroizing::new(vec![0; bytes.len().div_ceil(3) * 4]);
    // The room is enough by construction.
    let length = engine
        .encode_slice(bytes.as_slice(), &mut encoded)
        .unwrap_or_default();
    let whole = (bytes.len() * 8 / 6).min(length);
    let shared = (before * 8).div_ceil(6);
    Zeroizing::new(encoded.get(shared..whole).unwrap_or_default().to_vec())
}
