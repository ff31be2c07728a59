//! Spells secrets as programs do, and says which bytes of the spelling must be hidden. It shares no code with the mask.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use proptest::prelude::{Strategy, any, prop, prop_oneof};

/// How a secret is written.
#[derive(Debug, Clone)]
pub(crate) enum Spelling {
    /// Its characters, each by one of the ways, through so many layers.
    Escaped(Vec<Layer>, Vec<u8>),
    /// Base64 of it between other bytes.
    Base64 {
        alphabet: u8,
        before: Vec<u8>,
        behind: Vec<u8>,
    },
    Hex {
        upper: bool,
    },
}

/// One escaping of a text.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Layer {
    Json,
    Percent,
    Html,
}

pub(crate) fn spelling() -> impl Strategy<Value = Spelling> {
    let layer = prop::sample::select(&[Layer::Json, Layer::Percent, Layer::Html][..]);
    let choices = prop::collection::vec(any::<u8>(), 1..20);
    let context = || prop::collection::vec(any::<u8>(), 0..5);
    prop_oneof![
        4 => (prop::collection::vec(layer, 0..3), choices)
            .prop_map(|(layers, choices)| Spelling::Escaped(layers, choices)),
        2 => (0..4_u8, context(), context())
            .prop_map(|(alphabet, before, behind)| Spelling::Base64 { alphabet, before, behind }),
        1 => any::<bool>().prop_map(|upper| Spelling::Hex { upper }),
    ]
}

impl Spelling {
    /// Returns the spelling, and the same with the secret hidden.
    pub(crate) fn write(&self, secret: &[u8]) -> (Vec<u8>, Vec<u8>) {
        match self {
            Self::Escaped(layers, choices) => {
                let mut text = secret.to_vec();
                for layer in layers {
                    text = layer.escape(&text, choices);
                }
                let hidden = vec![b'*'; text.len()];
                (text, hidden)
            }
            Self::Hex { upper } => {
                let digits = secret.iter().fold(String::new(), |mut digits, byte| {
                    let _ = if *upper {
                        write!(digits, "{byte:02X}")
                    } else {
                        write!(digits, "{byte:02x}")
                    };
                    digits
                });
                let hidden = vec![b'*'; digits.len()];
                (digits.into_bytes(), hidden)
            }
            Self::Base64 {
                alphabet,
                before,
                behind,
            } => base64(*alphabet, before, secret, behind),
        }
    }
}

/// Encodes a secret among other bytes. Characters that stay when all the other bytes are turned around are the secret's alone.
fn base64(alphabet: u8, before: &[u8], secret: &[u8], behind: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let engine = match alphabet {
        0 => &STANDARD,
        1 => &STANDARD_NO_PAD,
        2 => &URL_SAFE,
        _ => &URL_SAFE_NO_PAD,
    };
    let encode = |turn: u8| {
        let turned = |bytes: &[u8]| bytes.iter().map(|byte| byte ^ turn).collect::<Vec<u8>>();
        // One more byte on each side, as what is not there has no bits to turn.
        let group = [&turned(before)[..], secret, &turned(behind)].concat();
        engine.encode(group).into_bytes()
    };
    let (text, turned) = (encode(0), encode(0xff));
    let bits = before.len() * 8..(before.len() + secret.len()) * 8;
    let hidden = text
        .iter()
        .zip(turned)
        .enumerate()
        .map(|(index, (byte, turned))| {
            // A last character whose missing bits are zeros is not the secret's alone either.
            let whole = index * 6 >= bits.start && (index + 1) * 6 <= bits.end;
            if *byte == turned && whole {
                b'*'
            } else {
                *byte
            }
        });
    let hidden = hidden.collect();
    (text, hidden)
}

impl Layer {
    /// Escapes what must be, and of the rest what the choices say.
    fn escape(self, text: &[u8], choices: &[u8]) -> Vec<u8> {
        let mut choices = choices.iter().copied().cycle();
        let mut choose = move || choices.next().unwrap_or_default();
        let mut out = String::new();
        let mut bytes = Vec::new();
        match std::str::from_utf8(text) {
            Ok(text) if !matches!(self, Self::Percent) => {
                for char in text.chars() {
                    match self {
                        Self::Json => json(&mut out, char, choose()),
                        _ => html(&mut out, char, choose()),
                    }
                }
                out.into_bytes()
            }
            _ => {
                for byte in text {
                    percent(&mut bytes, *byte, choose());
                }
                bytes
            }
        }
    }
}

fn json(out: &mut String, char: char, choice: u8) {
    let must = matches!(char, '"' | '\\' | '\0'..='\x1f');
    let _ = match (char, choice % 5) {
        ('\n', 0..3) => write!(out, "\\n"),
        ('"' | '\\' | '/', 0..3) => write!(out, "\\{char}"),
        (_, 0..3) if !must => write!(out, "{char}"),
        (_, choice) => {
            for unit in char.encode_utf16(&mut [0; 2]) {
                let _ = if choice == 3 {
                    write!(out, "\\u{unit:04x}")
                } else {
                    write!(out, "\\u{unit:04X}")
                };
            }
            Ok(())
        }
    };
}

fn html(out: &mut String, char: char, choice: u8) {
    let name = match char {
        '&' => "&amp;",
        '<' => "&lt;",
        '>' => "&gt;",
        '"' => "&quot;",
        '\'' => "&apos;",
        _ => "",
    };
    let code = u32::from(char);
    let _ = match choice % 6 {
        0..3 if name.is_empty() => write!(out, "{char}"),
        0..3 => write!(out, "{name}"),
        3 => write!(out, "&#{code};"),
        4 => write!(out, "&#x{code:x};"),
        _ => write!(out, "&#x{code:X};"),
    };
}

fn percent(out: &mut Vec<u8>, byte: u8, choice: u8) {
    let plain = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let mut text = String::new();
    match (plain, choice % 3) {
        (true, 0 | 1) => return out.push(byte),
        (_, 0) => write!(text, "%{byte:02X}"),
        _ => write!(text, "%{byte:02x}"),
    }
    .unwrap();
    out.extend_from_slice(text.as_bytes());
}
