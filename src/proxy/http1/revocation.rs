//! Waits for the end of permits, on behalf of all exchanges of a connection: one wait goes on from each to the next, because
//! beginning one costs more than all the looks at it.
//!
//! INVARIANT: while the wait goes on nothing has changed, so every agent that was judged since it began is still admitted.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use crate::pipeline::Gateway;
use crate::pipeline::admit::{Pass, next_change};
use crate::pipeline::permit_validity::PermitValidity;
use crate::pipeline::refuse::RefusedExchange;
use crate::proxy::watch::Extent;

type Wait = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The wait for the next change that may end a permit, and whose token it is about.
#[derive(Default)]
pub(super) struct Revocation(Option<(Pass, Wait)>);

impl Revocation {
    /// Ready once a permit does not stand any more. What finishes by itself does so on the snapshot that it was judged by.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        gateway: &Arc<Gateway>,
        (validity, extent): (&PermitValidity, Extent),
    ) -> Poll<Box<RefusedExchange>> {
        let pass = validity.pass();
        if let Err(refusal) = check(gateway, validity, extent) {
            return Poll::Ready(Box::new(refusal));
        }
        loop {
            if let Some((of, wait)) = &mut self.0
                && *of == pass
            {
                ready!(wait.as_mut().poll(cx));
            }
            // It begins before the look, so that a change meanwhile ends it.
            self.0 = Some((pass, Box::pin(next_change(gateway, pass))));
            let stands = validity
                .readmit(gateway)
                .and_then(|()| check(gateway, validity, extent));
            if let Err(refusal) = stands {
                return Poll::Ready(Box::new(refusal));
            }
        }
    }
}

/// Judges what has no end of its own again; one atomic load while nothing has changed.
fn check(
    gateway: &Gateway,
    validity: &PermitValidity,
    extent: Extent,
) -> Result<(), RefusedExchange> {
    match extent {
        Extent::Bounded => Ok(()),
        Extent::Stream => validity.check(gateway),
    }
}
