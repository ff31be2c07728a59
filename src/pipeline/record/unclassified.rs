//! Notes what is known of a request that was refused before its routes could be told.

use super::{DecisionRecorder, MAX_PATH};
use crate::journal::Text;
use crate::pipeline::Head;
use crate::pipeline::classify::Unclassified;
use crate::pipeline::refuse::{Native, Refusal};
use crate::snapshot::Snapshot;

impl DecisionRecorder {
    /// Notes how the client reads errors. What is secret in the path of another request to the same host is not recorded of this
    /// one.
    pub(in crate::pipeline) fn note_unclassified(
        &mut self,
        unclassified: Unclassified,
        (snapshot, head): (&Snapshot, &Head),
    ) -> Refusal {
        let catalog = snapshot.catalog();
        if let Some(hidden) = catalog.hide_path(&head.authority, &head.path) {
            self.decided.path = Text::bounded(hidden, MAX_PATH);
        }
        if self.native.is_none() {
            self.native = unclassified.shape.map(|shape| Native::new(*shape));
        }
        unclassified.refusal
    }
}
