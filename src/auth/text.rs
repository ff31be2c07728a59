//! Fills fields into texts such as `"Token token={token}"`.
//!
//! Bytes are gathered once, in a buffer of the final size that is zeroised, also where a header takes it over.

use bytes::Bytes;
use http::HeaderValue;
use serde::{Serialize, Serializer};
use zeroize::Zeroizing;

use super::{ApplyError, Fields};
use crate::model::secret::Secret;

/// Literal text and `{field}`, nothing else; neither brace can be written literally.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Text {
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Literal(String),
    Field(String),
}

impl Text {
    /// Reads a template; the error is a message for a diagnostic.
    pub(super) fn parse(template: &str) -> Result<Self, &'static str> {
        let mut pieces = Vec::new();
        let mut rest = template;
        while let Some((literal, tail)) = rest.split_once('{') {
            let (name, tail) = tail.split_once('}').ok_or("a `{` is not closed")?;
            if name.is_empty() || name.contains('{') {
                return Err("`{` and `}` must enclose the name of a field");
            }
            pieces.push(Piece::literal(literal)?);
            pieces.push(Piece::Field(name.to_owned()));
            rest = tail;
        }
        pieces.push(Piece::literal(rest)?);
        pieces.retain(|piece| *piece != Piece::Literal(String::new()));
        Ok(Self { pieces })
    }

    /// Returns the template as it can be read again; no two templates are written alike.
    pub(super) fn written(&self) -> String {
        let piece = |piece: &Piece| match piece {
            Piece::Literal(text) => text.clone(),
            Piece::Field(name) => format!("{{{name}}}"),
        };
        self.pieces.iter().map(piece).collect()
    }

    /// Returns the names of the fields in it, in order.
    pub(super) fn fields(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Field(name) => Some(name.as_str()),
            Piece::Literal(_) => None,
        })
    }

    /// Returns the literal parts.
    pub(super) fn literals(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Literal(text) => Some(text.as_str()),
            Piece::Field(_) => None,
        })
    }

    /// Returns the text as bytes, whatever the fields hold.
    pub(super) fn filled(&self, fields: &Fields) -> Result<Zeroizing<Vec<u8>>, ApplyError> {
        let missing = self.fields().find(|name| !fields.contains_key(*name));
        if let Some(name) = missing {
            return Err(ApplyError::MissingField(name.to_owned()));
        }
        let size = self.pieces.iter().map(|piece| match piece {
            Piece::Literal(text) => text.len(),
            Piece::Field(name) => fields.get(name).map_or(0, Secret::len),
        });
        let mut filled = Zeroizing::new(Vec::with_capacity(size.sum()));
        self.append(fields, &mut filled);
        Ok(filled)
    }

    /// Returns the text with what stands for each field.
    pub(super) fn joined<'v, E>(
        &self,
        value: impl Fn(&str) -> Result<&'v str, E>,
    ) -> Result<String, E> {
        let mut joined = String::new();
        for piece in &self.pieces {
            joined.push_str(match piece {
                Piece::Literal(text) => text,
                Piece::Field(name) => value(name)?,
            });
        }
        Ok(joined)
    }

    /// Returns how many bytes `append` will write; every field is there and free of control characters then.
    pub(super) fn measure(&self, fields: &Fields) -> Result<usize, ApplyError> {
        let mut size = 0;
        for piece in &self.pieces {
            size += match piece {
                Piece::Literal(text) => text.len(),
                Piece::Field(name) => {
                    let value = fields
                        .get(name)
                        .ok_or_else(|| ApplyError::MissingField(name.clone()))?;
                    // A tab is legal in a header, but no credential holds one; a line break is how a second header starts.
                    if value.expose().iter().any(u8::is_ascii_control) {
                        return Err(ApplyError::NotAHeaderValue(name.clone()));
                    }
                    value.len()
                }
            };
        }
        Ok(size)
    }

    /// Writes the text after `measure` accepted it.
    pub(super) fn append(&self, fields: &Fields, out: &mut Vec<u8>) {
        for piece in &self.pieces {
            match piece {
                Piece::Literal(text) => out.extend_from_slice(text.as_bytes()),
                Piece::Field(name) => {
                    out.extend_from_slice(fields.get(name).map_or(&[], |value| value.expose()))
                }
            }
        }
    }

    /// Returns what stands before the first field.
    pub(super) fn leading_literal(&self) -> &str {
        match self.pieces.first() {
            Some(Piece::Literal(text)) => text,
            Some(Piece::Field(_)) | None => "",
        }
    }

    /// Returns whether the credential has every field of it, none of them empty.
    pub(super) fn is_given(&self, fields: &Fields) -> bool {
        self.fields()
            .all(|name| fields.get(name).is_some_and(|value| !value.is_empty()))
    }

    /// Returns the text as bytes, without control characters.
    pub(super) fn bytes(&self, fields: &Fields) -> Result<Zeroizing<Vec<u8>>, ApplyError> {
        let mut buffer = Zeroizing::new(Vec::with_capacity(self.measure(fields)?));
        self.append(fields, &mut buffer);
        Ok(buffer)
    }

    /// As [`Text::bytes`], as a string.
    pub(super) fn string(&self, fields: &Fields) -> Result<Zeroizing<String>, ApplyError> {
        let bytes = self.bytes(fields)?;
        let text = std::str::from_utf8(&bytes).map_err(|_| {
            ApplyError::NotAHeaderValue(self.fields().next().unwrap_or_default().to_owned())
        })?;
        Ok(Zeroizing::new(text.to_owned()))
    }

    /// Returns the text as bytes, whatever is in them: it is hashed and not sent.
    pub(super) fn any_bytes(&self, fields: &Fields) -> Result<Zeroizing<Vec<u8>>, ApplyError> {
        let lacking = self.fields().find(|name| !fields.contains_key(*name));
        if let Some(name) = lacking {
            return Err(ApplyError::MissingField(name.to_owned()));
        }
        let sizes = self.pieces.iter().map(|piece| match piece {
            Piece::Literal(text) => text.len(),
            Piece::Field(name) => fields.get(name).map_or(0, |value| value.len()),
        });
        let mut buffer = Zeroizing::new(Vec::with_capacity(sizes.sum()));
        self.append(fields, &mut buffer);
        Ok(buffer)
    }

    /// Returns a header value, marked sensitive, of a prefix and the text.
    pub(super) fn header_value(
        &self,
        prefix: &str,
        fields: &Fields,
    ) -> Result<HeaderValue, ApplyError> {
        let mut buffer = Zeroizing::new(Vec::with_capacity(prefix.len() + self.measure(fields)?));
        buffer.extend_from_slice(prefix.as_bytes());
        self.append(fields, &mut buffer);
        self.finish(buffer)
    }

    /// Turns gathered bytes into a header value without another copy; they are zeroised with its last copy.
    pub(super) fn finish(&self, buffer: Zeroizing<Vec<u8>>) -> Result<HeaderValue, ApplyError> {
        let bytes = Bytes::from_owner(buffer);
        let mut value = HeaderValue::from_maybe_shared(bytes).map_err(|_| {
            ApplyError::NotAHeaderValue(self.fields().next().unwrap_or_default().to_owned())
        })?;
        value.set_sensitive(true);
        Ok(value)
    }
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.written())
    }
}

impl Piece {
    fn literal(text: &str) -> Result<Self, &'static str> {
        if text.contains('}') {
            return Err("a `}` has no `{` before it");
        }
        Ok(Self::Literal(text.to_owned()))
    }
}
