//! Looks up what an expression names: a variable, a constant, a field of a record.

use cel::common::ast::IdedExpr;

use super::Checker;
use crate::expression::ExpressionError;
use crate::expression::functions::{Constant, constant};
use crate::expression::guards::path;
use crate::expression::types::{Known, Type};
use crate::model::vocabulary::did_you_mean;

impl<'a> Checker<'a> {
    pub(crate) fn name(&self, node: &IdedExpr, name: &str) -> Result<Known, ExpressionError> {
        if let Some((_, known)) = self.locals.iter().rev().find(|(local, _)| *local == name) {
            return Ok(known.clone());
        }
        if let Some(constant) = constant(&self.linked.constants, name) {
            return Ok(Known::scalar(match constant {
                Constant::Risk(_) => Type::Risk,
                Constant::Pattern(_) | Constant::Network(_) => Type::Any,
            }));
        }
        match self.environment.get(name) {
            Some(value_type) => Ok(Known::outside(value_type.clone())),
            None => Err(self
                .error(node, &format!("unknown name `{}`", name.escape_debug()))
                .help(did_you_mean(name, self.environment.names()))),
        }
    }

    pub(crate) fn field(
        &mut self,
        node: &IdedExpr,
        operand: &'a IdedExpr,
        field: &str,
    ) -> Result<Known, ExpressionError> {
        let owner = self.visit(operand)?;
        match &owner.value_type {
            Type::Labels => Ok(Known::outside(Type::Text)),
            Type::Query => Ok(Known::outside(Type::List(Box::new(Type::Text)))),
            Type::Record(record) => match record.fields.get(field) {
                Some(value_type) => {
                    let path = path(node).filter(|path| !self.present.contains(path));
                    self.absent
                        .extend(path.filter(|_| record.optional.contains(field)));
                    Ok(Known::outside(value_type.clone()))
                }
                None if path(node).is_some_and(|path| self.present.contains(&path)) => {
                    Ok(Known::outside(Type::Any))
                }
                None => {
                    let shown = path(node).unwrap_or_else(|| field.to_owned());
                    Err(self
                        .error(
                            node,
                            &format!("`{}` is not {}", shown.escape_debug(), record.what),
                        )
                        .help(did_you_mean(
                            field,
                            record.fields.keys().map(String::as_str),
                        )))
                }
            },
            other => Err(self.error(
                node,
                &format!("{other} has no field `{}`", field.escape_debug()),
            )),
        }
    }
}
