//! Counts the flights that are under way, so that a gateway that ends lets them seal what they get.

use std::time::Duration;

use tokio::sync::watch;

/// How long a gateway that ends waits for them.
const LIMIT: Duration = Duration::from_secs(5);

/// Counts the flights that have not ended.
#[derive(Debug, Default)]
pub(in crate::pipeline) struct Minting(watch::Sender<usize>);

/// A flight that has not ended, until it is dropped.
pub(super) struct UnderWay(watch::Sender<usize>);

impl Minting {
    pub(super) fn begin(&self) -> UnderWay {
        self.0.send_modify(|count| *count += 1);
        UnderWay(self.0.clone())
    }

    /// Waits until none is under way, at most for [`LIMIT`].
    pub(in crate::pipeline) async fn ended(&self) {
        let mut count = self.0.subscribe();
        let none = count.wait_for(|count| *count == 0);
        let _ = tokio::time::timeout(LIMIT, none).await;
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count = count.saturating_sub(1));
    }
}
