//! Infers the result and cost of a comprehension, whose body is evaluated once for every item.

use cel::common::ast::{ComprehensionExpr, IdedExpr};

use super::Checker;
use crate::expression::ExpressionError;
use crate::expression::types::{Extent, Known, Type};

impl<'a> Checker<'a> {
    pub(crate) fn comprehension(
        &mut self,
        node: &'a IdedExpr,
        looped: &'a ComprehensionExpr,
    ) -> Result<Known, ExpressionError> {
        let range = self.visit(&looped.iter_range)?;
        let item = match &range.value_type {
            Type::List(item) => (**item).clone(),
            Type::Any => Type::Any,
            Type::Query => Type::Text,
            other => return Err(self.error(node, &format!("{other} has no items"))),
        };
        if self.environment.get(&looped.iter_var).is_some() {
            return Err(self.error(node, &format!("`{}` is already a name", looped.iter_var)));
        }
        let extent = match &item {
            Type::Text => Extent::text(range.extent.each),
            Type::List(_) | Type::Any => Extent {
                items: range.extent.each,
                ..Extent::text(range.extent.each)
            },
            _ => Extent::SCALAR,
        };
        let start = self.visit(&looped.accu_init)?;
        let (locals, times) = (self.locals.len(), self.times);
        self.times = times.saturating_mul(range.extent.items);
        self.locals.push((
            &looped.iter_var,
            Known {
                value_type: item,
                extent,
            },
        ));
        self.locals.push((&looped.accu_var, start.clone()));
        self.visit(&looped.loop_cond)?;
        let step = self.visit(&looped.loop_step)?;
        self.times = times;
        self.locals.truncate(locals);
        let total = match &start.value_type {
            // `map` and `filter` add one step's list for every item.
            Type::List(_) => Extent::list(range.extent.items, step.extent.bytes),
            _ => step.extent,
        };
        self.locals.push((
            &looped.accu_var,
            Known {
                value_type: step.value_type,
                extent: total,
            },
        ));
        let result = self.visit(&looped.result);
        self.locals.truncate(locals);
        result
    }
}
