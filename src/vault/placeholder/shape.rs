//! Makes texts in the shape of a secret, so that SDKs accept their form: the prefix, the lengths and the separators that all keys of
//! a known kind have. Of a secret of an unknown kind only the length stays, since its punctuation says something of it.

/// What keys of one kind begin with, as their issuers document it.
const PREFIXES: &[&str] = &[
    "AIza",
    "AKIA",
    "ASIA",
    "ATATT3x",
    "Bearer ",
    "EAA",
    "SG.",
    "SK",
    "api-",
    "dapi",
    "dop_v1_",
    "eyJ",
    "ghp_",
    "gho_",
    "ghs_",
    "ghu_",
    "github_pat_",
    "glpat-",
    "gsk_",
    "hf_",
    "key-",
    "lin_api_",
    "npm_",
    "ntn_",
    "pat-",
    "pk_live_",
    "pk_test_",
    "pypi-",
    "r8_",
    "rk_live_",
    "rk_test_",
    "rubygems_",
    "secret_",
    "shpat_",
    "sk-",
    "sk-ant-",
    "sk-ant-api03-",
    "sk-or-v1-",
    "sk-proj-",
    "sk_live_",
    "sk_test_",
    "whsec_",
    "xapp-",
    "xoxb-",
    "xoxp-",
    "xoxe-",
];

/// Secrets of unknown kinds that are shorter are written in all letters: which alphabet a short one uses says much of it.
const SHORT: usize = 20;

const DIGITS: &[u8] = b"0123456789";
const LOWER_HEX: &[u8] = b"0123456789abcdef";
const UPPER_HEX: &[u8] = b"0123456789ABCDEF";
const UPPER: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const LOWER: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789";
pub(super) const MIXED: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// The longest name between the dashes of a PEM that is in use is `PGP PRIVATE KEY BLOCK`.
const LONGEST_LABEL: usize = 24;

/// Returns a text in the shape of a secret, and how many bits of it are random. `letter` draws one of an alphabet.
pub(super) fn shaped(secret: &str, letter: &mut dyn FnMut(&[u8]) -> char) -> (String, u32) {
    if secret.starts_with("-----BEGIN ") {
        return pem(secret, letter);
    }
    let known = PREFIXES
        .iter()
        .filter(|prefix| secret.starts_with(**prefix));
    let prefix = known
        .max_by_key(|prefix| prefix.len())
        .map_or("", |prefix| *prefix);
    let rest = secret.strip_prefix(prefix).unwrap_or(secret);
    let mut text = String::with_capacity(secret.len());
    text.push_str(prefix);
    let mut bits = 0;
    let mut draw = |count: usize, alphabet: &[u8]| {
        bits += bits_of(alphabet).saturating_mul(u32::try_from(count).unwrap_or(u32::MAX));
        (0..count).map(|_| letter(alphabet)).collect::<String>()
    };
    match separator(prefix, rest) {
        Some(separator) => {
            for (place, part) in rest.split(separator).enumerate() {
                if place > 0 {
                    text.push(separator);
                }
                text.push_str(&draw(part.chars().count(), alphabet(part)));
            }
        }
        None => {
            let is_known = !prefix.is_empty() || rest.len() >= SHORT;
            let alphabet = if is_known { alphabet(rest) } else { MIXED };
            text.push_str(&draw(rest.chars().count(), alphabet));
        }
    }
    (text, bits)
}

/// Keeps the marks that name what it is, the ends of lines, and the length of all else (RFC 7468). Line ends may be written as `\\n`.
fn pem(secret: &str, letter: &mut dyn FnMut(&[u8]) -> char) -> (String, u32) {
    let (mut text, mut bits) = (String::with_capacity(secret.len()), 0_u32);
    let mut rest = secret;
    while let Some(first) = rest.chars().next() {
        let kept = ["\n", "\r", "\\n", "\\r"];
        let kept = kept.iter().find(|end| rest.starts_with(**end));
        let kept = kept.map(|end| end.len()).or_else(|| mark(rest));
        if let Some((front, behind)) = kept.and_then(|length| rest.split_at_checked(length)) {
            text.push_str(front);
            rest = behind;
            continue;
        }
        text.push(letter(MIXED));
        bits = bits.saturating_add(bits_of(MIXED));
        rest = rest.get(first.len_utf8()..).unwrap_or_default();
    }
    (text, bits)
}

/// Returns how long the mark is that a text begins with, `-----BEGIN PRIVATE KEY-----` or `-----END …`.
fn mark(text: &str) -> Option<usize> {
    const DASHES: &str = "-----";
    let inner = text.strip_prefix(DASHES)?;
    let (label, _) = inner.split_once(DASHES)?;
    let name = label
        .strip_prefix("BEGIN ")
        .or_else(|| label.strip_prefix("END "))?;
    let words = ["KEY", "CERTIFICATE", "REQUEST", "PARAMETERS", "KEY BLOCK"];
    let is_known = name.len() <= LONGEST_LABEL
        && name
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte == b' ')
        && words.iter().any(|word| name.ends_with(word));
    is_known.then_some(DASHES.len() * 2 + label.len())
}

/// Returns what separates the parts of a key of a known kind; `None` where it has none, or is of no known kind.
fn separator(prefix: &str, rest: &str) -> Option<char> {
    let all = |alphabet: &'static [u8]| {
        move |part: &str| !part.is_empty() && part.bytes().all(|byte| alphabet.contains(&byte))
    };
    let plain = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    let lengths = |separator: char| rest.split(separator).map(str::len).collect::<Vec<_>>();
    let parts = |separator: char| rest.split(separator);
    let is_hex = parts('-').all(all(LOWER_HEX)) || parts('-').all(all(UPPER_HEX));
    match prefix {
        "SG." if lengths('.') == [22, 43] => Some('.'),
        "github_pat_" if lengths('_') == [22, 59] => Some('_'),
        "key-" if is_hex && lengths('-') == [32, 8, 8] => Some('-'),
        // A JWT; the prefix is the beginning of its first part.
        "eyJ" if parts('.').count() == 3 && parts('.').all(plain) => Some('.'),
        "xapp-" | "xoxb-" | "xoxe-" | "xoxp-"
            if parts('-').count() <= 5 && parts('-').all(all(MIXED)) =>
        {
            Some('-')
        }
        "" if is_hex && lengths('-') == [8, 4, 4, 4, 12] => Some('-'),
        // A bot of Telegram.
        "" if parts(':').count() == 2
            && parts(':').next().is_some_and(all(DIGITS))
            && parts(':')
                .next_back()
                .is_some_and(|part| part.len() == 35 && plain(part)) =>
        {
            Some(':')
        }
        // The secret end of a webhook's path, which keeps its segments: the rest of the path is judged.
        "" if rest.len() >= 32
            && (2..=4).contains(&parts('/').count())
            && parts('/').all(|part| part.len() >= 6 && plain(part)) =>
        {
            Some('/')
        }
        _ => None,
    }
}

/// Returns the alphabet that a text is written in.
fn alphabet(text: &str) -> &'static [u8] {
    let letters = || text.bytes().filter(u8::is_ascii_alphanumeric);
    let all_in = |alphabet: &[u8]| letters().all(|letter| alphabet.contains(&letter));
    if all_in(DIGITS) {
        DIGITS
    } else if all_in(LOWER_HEX) {
        LOWER_HEX
    } else if all_in(UPPER_HEX) {
        UPPER_HEX
    } else if letters().all(|letter| !letter.is_ascii_lowercase()) {
        UPPER
    } else if letters().all(|letter| !letter.is_ascii_uppercase()) {
        LOWER
    } else {
        MIXED
    }
}

/// Whole bits of one letter, rounded down.
pub(super) fn bits_of(alphabet: &[u8]) -> u32 {
    alphabet.len().ilog2()
}

#[cfg(test)]
mod tests {
    use super::shaped;

    /// Draws letters that a seed decides.
    fn of(secret: &str, mut seed: usize) -> String {
        let mut letter = |alphabet: &[u8]| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            char::from(alphabet[(seed >> 33) % alphabet.len()])
        };
        shaped(secret, &mut letter).0
    }

    fn marks(text: &str) -> Vec<(usize, char)> {
        let all = text.char_indices();
        all.filter(|(_, letter)| !letter.is_ascii_alphanumeric())
            .collect()
    }

    #[test]
    fn of_a_pem_on_one_line_only_the_marks_stay() {
        let body = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC";
        for end in ["\n", "\\n", "\r", " ", "", "-----", "\u{e9}"] {
            let secret = format!(
                "-----BEGIN PRIVATE KEY-----{end}{body}{end}-----END PRIVATE KEY-----{end}"
            );
            let made = of(&secret, 1);
            assert!(made.starts_with("-----BEGIN PRIVATE KEY-----"), "{made}");
            for part in body.as_bytes().windows(6) {
                let part = std::str::from_utf8(part).unwrap();
                assert!(!made.contains(part), "{made}");
            }
        }
        for secret in [
            "-----BEGIN HUNTERTWOHUNTERTWO-----x",
            "-----BEGIN hunter2 KEY-----x",
            "-----BEGIN -----hunter2hunter2",
        ] {
            let made = of(secret, 1).to_lowercase();
            assert!(!made.contains("hunter"), "{made}");
        }
    }

    #[test]
    fn the_form_of_a_known_key_stays_and_nothing_else_of_it() {
        for secret in [
            "ghp_0123456789abcdefABCDEF0123456789abcd",
            "AKIAIOSFODNN7EXAMPLE",
            "xoxb-123456789012-1234567890123-AbCdEfGhIjKlMnOp",
            "550e8400-e29b-41d4-a716-446655440000",
            "T0REAL00/B0REAL00/AbCdEfGhIjKlMnOpQrStUvWx",
            "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsawk",
            "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n-----END PRIVATE KEY-----",
        ] {
            let made = of(secret, 1);
            assert_eq!(made.len(), secret.len());
            assert_ne!(made, secret);
            assert_eq!(marks(&made), marks(secret), "{made}");
        }
        let api = of("sk-ant-api03-AbC_dEf-GhI0123456789AbCdEfGhI0123456789", 1);
        let rest = api.strip_prefix("sk-ant-api03-").unwrap();
        assert!(
            rest.bytes().all(|byte| byte.is_ascii_alphanumeric()),
            "{api}"
        );
        let upper = of("AKIAIOSFODNN7EXAMPLE", 1);
        assert!(
            !upper.contains(|letter: char| letter.is_ascii_lowercase()),
            "{upper}"
        );
        let hex = of("550e8400-e29b-41d4-a716-446655440000", 1);
        assert!(
            hex.bytes().all(|byte| b"0123456789abcdef-".contains(&byte)),
            "{hex}"
        );
    }

    #[test]
    fn of_an_unknown_key_only_the_length_stays() {
        for secret in [
            "correct-horse-battery-staple",
            "p@ss w.rd/2024!",
            "user:pass@host.example/database",
            "12345678",
            "a-b_c-d_e-f_g-h_i-j_k-l_m",
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY+=",
        ] {
            let made = of(secret, 2);
            assert_eq!(made.len(), secret.len());
            assert_eq!(marks(&made), [], "{made}");
        }
        let digits_only = (0..8).filter(|seed| {
            of("12345678", *seed)
                .bytes()
                .all(|byte| byte.is_ascii_digit())
        });
        assert_eq!(digits_only.count(), 0);
    }
}
