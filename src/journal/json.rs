//! Writes records as JSON, byte for byte as `serde_json` does, with less work: keys are known texts, and nearly no value has anything
//! to escape.

mod members;

use serde::ser::{self, Error as _, Impossible, Serialize};
use serde_json::{Error, Result};

/// The struct by which `serde_json` hands over a text that is JSON already.
const RAW: &str = "$serde_json::private::RawValue";

/// Digits of the longest number.
const DIGITS: usize = 20;

/// What no record holds: a tuple, or a variant with values.
type Never = Impossible<(), Error>;

/// Appends a value to a text.
///
/// # Errors
/// When the value says so, or holds a tuple or a variant with values; no record does.
pub(super) fn write<T: Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) -> Result<()> {
    value.serialize(Writer { out, is_raw: false })
}

struct Writer<'a> {
    out: &'a mut Vec<u8>,
    /// The text is JSON already.
    is_raw: bool,
}

/// The members of an object, or the items of an array.
struct Members<'a> {
    out: &'a mut Vec<u8>,
    has_any: bool,
    end: u8,
}

/// A struct: an object, or a text that is JSON already.
enum Struct<'a> {
    Object(Members<'a>),
    Raw(&'a mut Vec<u8>),
}

impl<'a> Writer<'a> {
    fn open(self, start: u8, end: u8) -> Members<'a> {
        self.out.push(start);
        Members {
            out: self.out,
            has_any: false,
            end,
        }
    }
}

impl Members<'_> {
    fn next(&mut self) {
        if self.has_any {
            self.out.push(b',');
        }
        self.has_any = true;
    }

    fn close(self) {
        self.out.push(self.end);
    }
}

fn put_text(out: &mut Vec<u8>, text: &str) -> Result<()> {
    let bytes = text.as_bytes();
    let escapes = |byte: &u8| *byte < b' ' || *byte == b'"' || *byte == b'\\';
    // Without a way out of the loop, many bytes are compared at once.
    if bytes.iter().fold(false, |any, byte| any | escapes(byte)) {
        return serde_json::to_writer(out, text);
    }
    out.reserve(bytes.len() + 2);
    out.push(b'"');
    out.extend_from_slice(bytes);
    out.push(b'"');
    Ok(())
}

fn put_number(out: &mut Vec<u8>, mut number: u64) {
    let mut digits = [b'0'; DIGITS];
    let mut count = 0;
    for digit in digits.iter_mut().rev() {
        *digit += u8::try_from(number % 10).unwrap_or_default();
        number /= 10;
        count += 1;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(DIGITS - count..).unwrap_or_default());
}

fn unwritable(name: &str) -> Error {
    Error::custom(format_args!("`{name}` is a tuple or a variant with values"))
}

/// Numbers that are written as wider ones.
macro_rules! widened {
    ($($method:ident $number:ty => $wider:ident,)*) => {$(
        fn $method(self, value: $number) -> Result<()> {
            self.$wider(value.into())
        }
    )*};
}

/// Values that are rare enough to be left to `serde_json`.
macro_rules! left {
    ($($method:ident $value:ty,)*) => {$(
        fn $method(self, value: $value) -> Result<()> {
            serde_json::to_writer(self.out, &value)
        }
    )*};
}

impl<'a> ser::Serializer for Writer<'a> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Members<'a>;
    type SerializeTuple = Never;
    type SerializeTupleStruct = Never;
    type SerializeTupleVariant = Never;
    type SerializeMap = Members<'a>;
    type SerializeStruct = Struct<'a>;
    type SerializeStructVariant = Never;

    widened! {
        serialize_i8 i8 => serialize_i64,
        serialize_i16 i16 => serialize_i64,
        serialize_i32 i32 => serialize_i64,
        serialize_u8 u8 => serialize_u64,
        serialize_u16 u16 => serialize_u64,
        serialize_u32 u32 => serialize_u64,
    }

    left! {
        serialize_bool bool,
        serialize_f32 f32,
        serialize_f64 f64,
        serialize_char char,
        serialize_bytes &[u8],
    }

    fn serialize_i64(self, value: i64) -> Result<()> {
        if value < 0 {
            self.out.push(b'-');
        }
        put_number(self.out, value.unsigned_abs());
        Ok(())
    }

    fn serialize_u64(self, value: u64) -> Result<()> {
        put_number(self.out, value);
        Ok(())
    }

    fn serialize_str(self, value: &str) -> Result<()> {
        if self.is_raw {
            self.out.extend_from_slice(value.as_bytes());
            return Ok(());
        }
        put_text(self.out, value)
    }

    fn serialize_none(self) -> Result<()> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<()> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<()> {
        self.out.extend_from_slice(b"null");
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<()> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<()> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<()> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<()> {
        Err(unwritable(name))
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Members<'a>> {
        Ok(self.open(b'[', b']'))
    }

    fn serialize_tuple(self, _: usize) -> Result<Never> {
        Err(unwritable("this"))
    }

    fn serialize_tuple_struct(self, name: &'static str, _: usize) -> Result<Never> {
        Err(unwritable(name))
    }

    fn serialize_tuple_variant(
        self,
        name: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Never> {
        Err(unwritable(name))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Members<'a>> {
        Ok(self.open(b'{', b'}'))
    }

    fn serialize_struct(self, name: &'static str, _: usize) -> Result<Struct<'a>> {
        Ok(if name == RAW {
            Struct::Raw(self.out)
        } else {
            Struct::Object(self.open(b'{', b'}'))
        })
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Never> {
        Err(unwritable(name))
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;
    use std::collections::BTreeMap;
    use std::net::SocketAddr;

    use proptest::prelude::*;
    use serde_json::json;
    use serde_json::value::to_raw_value;

    use super::*;
    use crate::journal::{Abridged, Changed, Decided, Finished, StageTimes, Summary, Text};

    fn same<T: Serialize + ?Sized>(value: &T) {
        let mut text = b"before ".to_vec();
        write(value, &mut text).unwrap();
        let expected = serde_json::to_string(value).unwrap();
        assert_eq!(
            String::from_utf8(text).unwrap(),
            format!("before {expected}")
        );
    }

    /// Whatever JSON can hold, texts of every kind among it.
    fn any_json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            any::<u64>().prop_map(Into::into),
            any::<f64>().prop_map(Into::into),
            "\\PC{0,40}".prop_map(Into::into),
            ".{0,8}[\\x00-\\x1f\"\\\\\u{7f}\u{2028}é].{0,8}".prop_map(Into::into),
        ];
        leaf.prop_recursive(3, 30, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(serde_json::Value::from),
                prop::collection::btree_map(".{0,6}", inner, 0..6)
                    .prop_map(|members| members.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn all_values_are_written_as_serde_json_writes_them(value in any_json()) {
            same(&value);
        }

        #[test]
        fn all_records_are_written_as_serde_json_writes_them(
            value in any_json(),
            text in ".{0,40}",
            number in any::<u64>(),
            time in any::<Option<u32>>(),
        ) {
            let raw = Some(Cow::Owned(to_raw_value(&value).unwrap()));
            let stages_us = StageTimes { admit: time, record: time, ..StageTimes::default() };
            same(&Decided {
                request_id: (&*text).into(),
                actions: raw.clone(),
                by: vec![text.clone(), "b".to_owned()].into(),
                host: Text::Abridged(Abridged::of(text.as_bytes())),
                path: Text::bounded(&*text, 20),
                tunnel: Some(number),
                stages_us,
                snapshot: Some((&*text).into()),
                ..Decided::default()
            });
            let upstream: SocketAddr = "[2001:db8::1]:443".parse().unwrap();
            same(&Finished {
                answer: raw,
                status: Some(200),
                duration_ms: number,
                upstream: Some(upstream),
                stages_us,
                ..Finished::default()
            });
            same(&Changed { what: (&*text).into(), detail: json!({"a": value}).as_object().unwrap().clone(), ..Changed::default() });
            same(&Summary { codes: [(Cow::from(&*text), number)].into(), ..Summary::default() });
        }
    }

    #[test]
    fn numbers_are_texts_where_they_are_keys() {
        same(&BTreeMap::from([(7_u64, "a"), (8, "b")]));
        for number in [i64::MIN, -10, -1, 0, 9, 10, i64::MAX] {
            same(&number);
        }
        same(&u64::MAX);
    }

    #[test]
    fn a_tuple_is_no_record() {
        assert!(write(&(1, 2), &mut Vec::new()).is_err());
    }
}
