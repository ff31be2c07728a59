//! Expressions: what parses, what is checked at load, what they answer.

mod conditions;
mod limits;
mod parsing;
mod plain;
