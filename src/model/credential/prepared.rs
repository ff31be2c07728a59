//! Keeps the headers that a credential was opened for once beside it, while requests use them.
//!
//! INVARIANT: they go when they are forgotten, or with the last reference to their credential; their maker zeroises their bytes.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{HeaderName, HeaderValue};
use parking_lot::Mutex;

/// Headers as a scheme writes them, in its order.
pub type WrittenHeaders = Arc<[(HeaderName, HeaderValue)]>;

/// The headers of one credential, once they were needed. They are no part of what the credential is: a copy has none, and two
/// credentials are equal without them.
#[derive(Default)]
pub struct PreparedHeaders(Mutex<Option<Prepared>>);

struct Prepared {
    headers: WrittenHeaders,
    used_at: Instant,
}

impl PreparedHeaders {
    /// Returns the headers where they are kept, and keeps them longer.
    #[must_use]
    pub fn get(&self, now: Instant) -> Option<WrittenHeaders> {
        let mut kept = self.0.lock();
        let prepared = kept.as_mut()?;
        prepared.used_at = now;
        Some(Arc::clone(&prepared.headers))
    }

    /// Keeps headers in place of earlier ones.
    pub fn keep(&self, headers: WrittenHeaders, now: Instant) {
        let used_at = now;
        *self.0.lock() = Some(Prepared { headers, used_at });
    }

    /// Forgets headers that were not used for so long.
    pub fn forget_idle(&self, now: Instant, idle: Duration) {
        self.0
            .lock()
            .take_if(|kept| now.saturating_duration_since(kept.used_at) >= idle);
    }
}

impl Clone for PreparedHeaders {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl PartialEq for PreparedHeaders {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for PreparedHeaders {}

impl fmt::Debug for PreparedHeaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PreparedHeaders(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers() -> WrittenHeaders {
        let header = (
            http::header::AUTHORIZATION,
            HeaderValue::from_static("Bearer secret"),
        );
        Arc::new([header])
    }

    #[test]
    fn headers_that_are_used_stay_and_idle_ones_are_forgotten() {
        let prepared = PreparedHeaders::default();
        let (start, minute) = (Instant::now(), Duration::from_secs(60));
        assert!(prepared.get(start).is_none());
        prepared.keep(headers(), start);
        prepared.forget_idle(start + minute - Duration::from_secs(1), minute);
        assert!(prepared.get(start + minute).is_some());
        prepared.forget_idle(start + minute, minute);
        assert!(prepared.get(start + minute).is_some(), "used in between");
        prepared.forget_idle(start + minute * 2, minute);
        assert!(prepared.get(start + minute * 2).is_none());
    }

    #[test]
    fn copies_and_debug_hold_nothing() {
        let prepared = PreparedHeaders::default();
        prepared.keep(headers(), Instant::now());
        assert!(prepared.clone().get(Instant::now()).is_none());
        assert_eq!(format!("{prepared:?}"), "PreparedHeaders(..)");
    }
}
