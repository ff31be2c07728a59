//! Resolves as soon as an exchange's permit is no longer valid, with the reason.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use parking_lot::Mutex;

use super::watch::{Extent, Watch};
use crate::pipeline::refuse::RefusedExchange;

/// The wait for the end of a permit.
///
/// It is kept from one wait for bytes to the next, because starting it costs more than continuing it. The mutex is never
/// contended: it only makes the value shareable, as Pingora requires.
#[derive(Default)]
pub(super) struct End(Option<(Extent, Mutex<Ending>)>);

type Ending = Pin<Box<dyn Future<Output = RefusedExchange> + Send>>;

impl End {
    /// Waits until the permit does not stand any more. What finishes by itself does so on the snapshot that it was judged by.
    pub(super) async fn wait(&mut self, watch: &Watch, extent: Extent) -> RefusedExchange {
        poll_fn(|cx| self.poll(cx, watch, extent)).await
    }

    /// As [`End::wait`], where the extent may be another one the next time.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        watch: &Watch,
        extent: Extent,
    ) -> Poll<RefusedExchange> {
        let end = match &mut self.0 {
            Some((of, end)) if *of == extent => end,
            kept => {
                let (gateway, validity) = (Arc::clone(&watch.gateway), Arc::clone(&watch.validity));
                let end: Ending = match extent {
                    Extent::Stream => Box::pin(async move { validity.revoked(&gateway).await }),
                    Extent::Bounded => Box::pin(async move { validity.barred(&gateway).await }),
                };
                &mut kept.insert((extent, Mutex::new(end))).1
            }
        };
        let refusal = ready!(end.get_mut().as_mut().poll(cx));
        // One that has come to its end is not asked again.
        self.0 = None;
        Poll::Ready(refusal)
    }
}
