//! Reads connector files ahead, on a thread of their own, while those before them are compiled.

use std::sync::mpsc;
use std::thread;

use crate::config::diagnostic::{Report, Source};
use crate::config::yaml;
use crate::connector::manifest::Manifest;

/// Files that wait to be compiled, at most.
const READ_AHEAD: usize = 4;

/// Reads files ahead, in their order. What there is to say of one comes with it.
pub(crate) struct ReadAhead(mpsc::Receiver<(Option<Manifest>, Report)>);

impl ReadAhead {
    pub(crate) fn start<'scope, 'env>(
        scope: &'scope thread::Scope<'scope, 'env>,
        sources: Vec<&'env Source>,
    ) -> Self {
        let (send, receive) = mpsc::sync_channel(READ_AHEAD);
        let read = move || {
            for source in sources {
                let mut report = Report::default();
                let manifest = yaml::read(source, &mut report);
                // Nobody waits for it any more.
                if send.send((manifest, report)).is_err() {
                    return;
                }
            }
        };
        let reader = thread::Builder::new().name("tollgate-read".to_owned());
        // Without a thread nothing arrives, and each file is read where it is needed.
        let _ = reader.spawn_scoped(scope, read);
        Self(receive)
    }

    /// Returns the next of the files, which is this one.
    pub(crate) fn next(&self, source: &Source, report: &mut Report) -> Option<Manifest> {
        let Ok((manifest, said)) = self.0.recv() else {
            return yaml::read(source, report);
        };
        report.diagnostics.extend(said.diagnostics);
        manifest
    }
}
