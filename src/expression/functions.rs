//! Defines the functions beyond the standard ones: strings, and literals that were compiled at load.

use std::any::Any;
use std::cmp::Ordering;
use std::net::IpAddr;

use cel::ExecutionError;
use cel::common::traits::Comparer;
use cel::common::types::{CelBool, CelString, STRING_TYPE, Type};
use cel::common::value::{CowVal, StaticVal, Val};
use ipnet::IpNet;
use regex::Regex;

use crate::model::action::Risk;

/// The function that a linked `matches` or `glob` calls.
pub(crate) const MATCHES: &str = "@matches";
/// The function that a linked `cidr` calls.
pub(crate) const WITHIN: &str = "@within";

static PATTERN: Type = Type::new_unspecified_type("pattern");
static NETWORK: Type = Type::new_unspecified_type("network");
static RISK: Type = Type::new_unspecified_type("risk");

/// A literal that is not one of CEL's own; stands in an expression under a name that cannot be written.
#[derive(Debug, Clone)]
pub(crate) enum Constant {
    /// Of `matches` and `glob`.
    Pattern(Regex),
    /// A network, from a call of `cidr`.
    Network(IpNet),
    /// `risk("high")`; also what `action.risk` reads as.
    Risk(Risk),
}

/// Builds the library. It knows no optional values: `a.?b` is linked to the test and the field that it stands for.
pub(crate) fn library() -> cel::Env {
    let mut library = cel::Env::stdlib().with_optional_support(false);
    let added = library
        .add_extension(cel::extensions::strings)
        .and_then(|()| {
            let types = vec![STRING_TYPE, PATTERN.to_owned()];
            library.add_overload(MATCHES, MATCHES, types, matches)
        })
        .and_then(|()| {
            let types = vec![STRING_TYPE, NETWORK.to_owned()];
            library.add_overload(WITHIN, WITHIN, types, within)
        });
    let comparing = super::comparing::add(&mut library);
    debug_assert!(
        added.is_ok() && comparing,
        "names that cannot be written collide with none"
    );
    library
}

/// Compiles a glob, in which `*` is any run of characters, to a pattern.
pub(crate) fn pattern_of_glob(glob: &str) -> Result<Regex, regex::Error> {
    let parts: Vec<_> = glob.split('*').map(regex::escape).collect();
    compile(&format!("(?s)^{}$", parts.join(".*")))
}

/// Compiles a pattern whose automaton stays small; matching is linear in the text.
pub(crate) fn compile(pattern: &str) -> Result<Regex, regex::Error> {
    regex::RegexBuilder::new(pattern)
        .size_limit(256 * 1024)
        .dfa_size_limit(1024 * 1024)
        .nest_limit(50)
        .build()
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the signature of a CEL function"
)]
fn matches<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    match operands(&args) {
        Some((text, Constant::Pattern(pattern))) => {
            Ok(CowVal::owned(CelBool::from(pattern.is_match(text))))
        }
        _ => Err(ExecutionError::function_error(
            "matches",
            "not a text and a pattern",
        )),
    }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the signature of a CEL function"
)]
/// A text that is no address lies in no network, but to say `false` would let `!cidr(…)` pass: it fails.
fn within<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let Some((text, Constant::Network(network))) = operands(&args) else {
        return Err(ExecutionError::function_error(
            "cidr",
            "not a text and a network",
        ));
    };
    let bare = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'))
        .unwrap_or(text);
    let address: IpAddr = bare
        .parse()
        .map_err(|_| ExecutionError::function_error("cidr", "the text is not an address"))?;
    // `::ffff:10.0.0.1` is the host that `10.0.0.1` is.
    Ok(CowVal::owned(CelBool::from(
        network.contains(&address.to_canonical()),
    )))
}

fn operands<'r>(args: &'r [CowVal<'_, '_>]) -> Option<(&'r str, &'r Constant)> {
    let [text, constant] = args else { return None };
    Some((
        text.as_ref().downcast_ref::<CelString<'_>>()?.inner(),
        constant.as_ref().downcast_ref::<Constant>()?,
    ))
}

impl Val for Constant {
    fn get_type(&self) -> &Type {
        match self {
            Self::Pattern(_) => &PATTERN,
            Self::Network(_) => &NETWORK,
            Self::Risk(_) => &RISK,
        }
    }

    fn cel_type() -> &'static Type {
        // No overload is declared by this type; each constant knows its own.
        &RISK
    }

    fn as_comparer(&self) -> Option<&dyn Comparer> {
        Some(self)
    }

    fn equals(&self, other: &dyn Val) -> bool {
        self.compare(other).is_ok_and(Ordering::is_eq)
    }

    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v>
    where
        Self: 'v,
    {
        Box::new(self.clone())
    }

    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }
}

impl StaticVal for Constant {}

impl Comparer for Constant {
    fn compare(&self, other: &dyn Val) -> Result<Ordering, ExecutionError> {
        match (self, other.downcast_ref::<Self>()) {
            (Self::Risk(one), Some(Self::Risk(other))) => Ok(one.cmp(other)),
            _ => Err(ExecutionError::function_error(
                "risk",
                "compared with something else",
            )),
        }
    }
}

/// Returns the constant that a name stands for.
pub(crate) fn constant<'c>(constants: &'c [Constant], name: &str) -> Option<&'c Constant> {
    constants.get(name.strip_prefix('@')?.parse::<usize>().ok()?)
}
