//! Expressions: what parses, what is checked at load, what they answer.

mod agreement;
mod conditions;
mod limits;
mod parsing;
mod plain;
