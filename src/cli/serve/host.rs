//! Lets the admin service work on the running gateway.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::live::Live;
use crate::admin::service::rebinding::Placing;
use crate::admin::service::{Declared, Host, KnownCredentials};
use crate::admin::{Answering, Operator, Problem};
use crate::cli::workspace;
use crate::config::diagnostic::{Report, Source};
use crate::model::credential::{CredentialCheck, CredentialId, SealedCredential};
use crate::roster::TokenHash;
use crate::snapshot::{Inputs, Snapshot};
use crate::store::StoreView;
use crate::vault::{CredentialDraft, Pin};

/// A running gateway, for the service.
#[derive(Debug)]
pub(super) struct GatewayHost(pub(super) Arc<Live>);

impl Host for GatewayHost {
    fn operator(&self, token: &str) -> Option<Operator> {
        self.0.operator(token)
    }

    fn declared(&self) -> Declared {
        self.0.workspace().declared()
    }

    fn policy_files(&self) -> Result<Vec<Source>, Report> {
        self.0.workspace().read_policies()
    }

    fn inputs(&self, view: &StoreView) -> Result<Inputs, Report> {
        let workspace = self.0.workspace();
        Ok(workspace.with_store(workspace.files()?, view))
    }

    fn active(&self) -> Option<Arc<Snapshot>> {
        Some(self.0.current.snapshot())
    }

    fn used(&self) -> Vec<(TokenHash, i64)> {
        self.0.roster.used()
    }

    fn journal(&self) -> PathBuf {
        self.0.journal.directory().to_owned()
    }

    fn credentials(&self) -> Answering<Result<KnownCredentials, Problem>> {
        let known = KnownCredentials {
            credentials: self.0.keyring.list(),
            warnings: Vec::new(),
        };
        Box::pin(std::future::ready(Ok(known)))
    }

    fn checks(&self) -> BTreeMap<String, CredentialCheck> {
        let checks = self.0.checks();
        checks.map_or_else(BTreeMap::new, |checks| checks.known(&self.0.keyring))
    }

    fn check(&self, credential: Arc<SealedCredential>) -> Answering<Option<CredentialCheck>> {
        let live = Arc::clone(&self.0);
        Box::pin(async move {
            let checks = live.checks()?;
            let check = checks.check(&credential).await;
            live.note_health();
            Some(check)
        })
    }

    fn probe(&self, credential: Arc<SealedCredential>) -> Answering<Option<CredentialCheck>> {
        let live = Arc::clone(&self.0);
        Box::pin(async move { Some(live.checks()?.probe(&credential).await) })
    }

    fn seal(&self, draft: CredentialDraft) -> Answering<Result<SealedCredential, String>> {
        let sealed = self.0.sealer.seal(draft, &mut rand::rng());
        let sealed = sealed.map_err(|error| error.to_string());
        Box::pin(std::future::ready(sealed))
    }

    fn rebind(&self, placing: Placing) -> Answering<Result<SealedCredential, String>> {
        let rebound = workspace::rebind(&self.0.rebinder, &placing);
        Box::pin(std::future::ready(rebound))
    }

    fn seal_pin(&self, id: CredentialId, pin: Pin) -> Answering<Result<Vec<u8>, String>> {
        let sealed = workspace::seal_pin(&self.0.rebinder, &id, &pin);
        Box::pin(std::future::ready(sealed))
    }

    fn take_over(&self, revision: i64) -> Answering<Option<String>> {
        let live = Arc::clone(&self.0);
        Box::pin(async move {
            if live.follow_to(revision).await < revision {
                return Some("the gateway has not taken the change over yet; `tollgate status` says which revision it uses".to_owned());
            }
            let failed = live.reloader.problem();
            failed.map(|_| {
                "the gateway cannot reload its files, so permissions of the store do not change either; `tollgate status` says why".to_owned()
            })
        })
    }
}
