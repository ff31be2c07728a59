//! Checks limits, sizes and times.

use std::time::Duration;

use super::context::Context;
use crate::config::Limits;
use crate::config::manifest::LimitsSection;
use crate::config::units::{Period, Size};
use crate::config::yaml::At;

pub(super) fn limits(context: &mut Context<'_>, written: &LimitsSection) -> Limits {
    let defaults = Limits::default();
    let mut count =
        |written: &Option<At<usize>>, default| positive(context, written.as_ref(), default);
    let counted = Limits {
        json_nodes: count(&written.json_nodes, defaults.json_nodes),
        actions_per_request: count(&written.actions_per_request, defaults.actions_per_request),
        unauthenticated: count(&written.unauthenticated, defaults.unauthenticated),
        tunnels: count(&written.tunnels, defaults.tunnels),
        tunnels_per_agent: count(&written.tunnels_per_agent, defaults.tunnels_per_agent),
        streams: count(&written.streams, defaults.streams),
        streams_per_agent: count(&written.streams_per_agent, defaults.streams_per_agent),
        pending_approvals: count(&written.pending_approvals, defaults.pending_approvals),
        pending_approvals_per_agent: count(
            &written.pending_approvals_per_agent,
            defaults.pending_approvals_per_agent,
        ),
        ..defaults
    };
    let mut time =
        |written: &Option<At<Period>>, default| period(context, written.as_ref(), default);
    let timed = Limits {
        request_head: time(&written.request_head, defaults.request_head),
        connect: time(&written.connect, defaults.connect),
        first_byte: time(&written.first_byte, defaults.first_byte),
        idle: time(&written.idle, defaults.idle),
        ..counted
    };
    let mut size = |written: &Option<At<Size>>, default| size(context, written.as_ref(), default);
    Limits {
        body: size(&written.body, defaults.body),
        body_total: size(&written.body_total, defaults.body_total),
        body_per_agent: size(&written.body_per_agent, defaults.body_per_agent),
        drain: written
            .drain
            .as_ref()
            .map_or(defaults.drain, |at| at.value.0),
        ..timed
    }
}

pub(super) fn size(context: &mut Context<'_>, written: Option<&At<Size>>, default: usize) -> usize {
    let at = written.map(|at| At {
        value: at.value.0,
        line: at.line,
        column: at.column,
    });
    positive(context, at.as_ref(), default)
}

pub(super) fn positive(
    context: &mut Context<'_>,
    written: Option<&At<usize>>,
    default: usize,
) -> usize {
    match written {
        Some(at) if at.value == 0 => {
            context.error("invalid-value", "a limit is at least 1", at);
            default
        }
        Some(at) => at.value,
        None => default,
    }
}

pub(super) fn period(
    context: &mut Context<'_>,
    written: Option<&At<Period>>,
    default: Duration,
) -> Duration {
    match written {
        Some(at) if at.value.0.is_zero() => {
            context.error("invalid-value", "this time is over before it begins", at);
            default
        }
        Some(at) => at.value.0,
        None => default,
    }
}
