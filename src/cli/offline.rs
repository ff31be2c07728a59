//! Lets commands work without a gateway: the API's own handlers, on the files and the store of the configuration.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UnixStream;

use super::Context;
use super::failure::Failure;
use super::serve::{MAX_SOCKET_PATH, first_start, note_deleted};
use super::state::StateDir;
use super::workspace::{self, Pins, Workspace, open_pins};
use crate::admin::service::rebinding::Placing;
use crate::admin::service::{Declared, Host, KnownCredentials, Service};
use crate::admin::{Answering, Local, Operator, Problem};
use crate::config::Role;
use crate::config::diagnostic::{Report, Source};
use crate::model::credential::{CredentialCheck, CredentialId, SealedCredential};
use crate::model::show::escape;
use crate::roster::TokenHash;
use crate::snapshot::{Inputs, Snapshot};
use crate::store::{Store, StoreView};
use crate::vault::{CredentialDraft, Pin, Unlocked};

/// How often, and how long between, a command tries to take the state directory's lock: five seconds in all.
const TRIES: usize = 100;
const PAUSE: Duration = Duration::from_millis(50);

/// What a command does with the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// It needs a store that exists.
    Read,
    /// It makes a store where there is none, and holds the lock: a gateway that starts waits for it.
    Write,
}

/// The API without a gateway, and the lock that keeps one from starting meanwhile.
#[derive(Debug)]
pub(super) struct Offline {
    pub(super) api: Local,
    _lock: Option<File>,
}

/// Files and declarations of a configuration.
#[derive(Debug)]
struct Files(Workspace, Store);

impl Offline {
    /// Opens files and store.
    pub(super) async fn open(context: &Context, access: Access) -> Result<Self, Failure> {
        let workspace = Workspace::load(context)?;
        let (store, lock) = match access {
            Access::Read => (workspace.open_store().await?, None),
            Access::Write => {
                let store = first_start::open_or_make(context, &workspace).await?;
                (store, lock(workspace.state()).await?)
            }
        };
        Ok(Self {
            api: Local::new(&Arc::new(service(context, workspace, store)), operator()),
            _lock: lock,
        })
    }
}

/// Returns the service on the files of a configuration.
fn service(context: &Context, workspace: Workspace, store: Store) -> Service {
    let clock = context.process.clock.clone();
    Service::new(store.clone(), clock, Arc::new(Files(workspace, store)))
}

/// Returns who changes what: a user who can write the state directory owns it.
pub(super) fn operator() -> Operator {
    let user = rustix::process::getuid().as_raw();
    Operator {
        name: format!("uid {user}, offline"),
        role: Role::Owner,
        groups: Default::default(),
    }
}

/// Keeps a gateway from starting while a command writes the store itself; `None` where a gateway runs, which follows the store.
pub(super) async fn claim(
    context: &Context,
    workspace: &Workspace,
) -> Result<Option<File>, Failure> {
    let state = workspace.state();
    let is_there = UnixStream::connect(state.admin_socket()).await.is_ok();
    if is_there && !context.offline {
        workspace.gateway().check_named().await?;
        return Ok(None);
    }
    lock(state).await
}

async fn lock(state: &StateDir) -> Result<Option<File>, Failure> {
    // A gateway there has no socket, and follows the store.
    if state.admin_socket().as_os_str().len() > MAX_SOCKET_PATH {
        return Ok(None);
    }
    let shown = state.path().display().to_string();
    for _ in 0..TRIES {
        match state.claim() {
            Ok(Some(lock)) => return Ok(Some(lock)),
            Ok(None) if UnixStream::connect(state.admin_socket()).await.is_ok() => {
                let detail = format!("a gateway runs on the state directory `{}`", escape(&shown));
                let failure = Failure::failed("gateway_runs", detail);
                return Err(failure.help("leave out `--offline`: it makes the change"));
            }
            Ok(None) => tokio::time::sleep(PAUSE).await,
            // A store that lies elsewhere has no such directory.
            Err(_) => return Ok(None),
        }
    }
    let detail = format!(
        "a gateway holds the state directory `{}` and does not answer",
        escape(&shown)
    );
    Err(Failure::unreached("gateway_unreached", detail)
        .help("look at its log; a gateway that starts or ends answers in a moment"))
}

impl Files {
    /// Works with the vault of the configuration.
    fn with_vault<T: Send + 'static>(
        &self,
        work: impl FnOnce(Unlocked) -> Result<T, String> + Send + 'static,
    ) -> Answering<Result<T, String>> {
        let (workspace, store) = (self.0.clone(), self.1.clone());
        let done = on_one_thread(move || async move {
            let unlocked = workspace.unlock(&store).await;
            work(unlocked.map_err(|failure| failure.to_text())?)
        });
        Box::pin(async move {
            let broken = |_| Err("the vault's work broke off".to_owned());
            done.await.unwrap_or_else(broken)
        })
    }
}

/// Runs what does not change threads: the vault's source of randomness stays on one.
fn on_one_thread<T: Send + 'static, W: Future<Output = T>>(
    work: impl FnOnce() -> W + Send + 'static,
) -> Answering<Result<T, Problem>> {
    let done =
        tokio::task::spawn_blocking(move || tokio::runtime::Handle::current().block_on(work()));
    Box::pin(async move {
        let status = http::StatusCode::INTERNAL_SERVER_ERROR;
        let failed =
            |error: tokio::task::JoinError| Problem::new(status, "failed", error.to_string());
        done.await.map_err(failed)
    })
}

/// Returns the credentials of store and configuration; of the store alone where the connectors cannot be read.
async fn known_credentials(
    workspace: Workspace,
    store: Store,
) -> Result<KnownCredentials, Failure> {
    let stored = store.credentials().await?;
    let mut known = KnownCredentials::default();
    let mut pins = Pins::new();
    if !workspace.config().credentials.is_empty() {
        match workspace.unlock(&store).await {
            Ok(unlocked) => {
                pins = open_pins(&unlocked.rebinder, &store.pins().await?);
                note_deleted(&workspace, &workspace.state().journal(), &mut pins);
            }
            Err(_) => known.warnings.push("the vault cannot be opened here, so declared credentials are shown as their connectors put them now".to_owned()),
        }
    }
    let credentials = match workspace.catalog() {
        Ok(catalog) => workspace.credentials(&catalog, &stored, &pins)?,
        Err(_) => {
            known.warnings.push("connectors cannot be read, so only stored credentials are listed; `tollgate check` says why".to_owned());
            stored
        }
    };
    known.credentials = credentials.into_iter().map(Arc::new).collect();
    Ok(known)
}

impl Host for Files {
    fn operator(&self, _token: &str) -> Option<Operator> {
        None
    }

    fn declared(&self) -> Declared {
        self.0.declared()
    }

    fn policy_files(&self) -> Result<Vec<Source>, Report> {
        self.0.read_policies()
    }

    fn inputs(&self, view: &StoreView) -> Result<Inputs, Report> {
        Ok(self.0.with_store(self.0.files()?, view))
    }

    fn active(&self) -> Option<Arc<Snapshot>> {
        None
    }

    fn used(&self) -> Vec<(TokenHash, i64)> {
        Vec::new()
    }

    fn journal(&self) -> PathBuf {
        self.0.state().journal()
    }

    fn credentials(&self) -> Answering<Result<KnownCredentials, Problem>> {
        let (workspace, store) = (self.0.clone(), self.1.clone());
        let known = on_one_thread(move || known_credentials(workspace, store));
        Box::pin(async move {
            known
                .await
                .and_then(|known| known.map_err(Failure::into_problem))
        })
    }

    fn checks(&self) -> BTreeMap<String, CredentialCheck> {
        BTreeMap::new()
    }

    fn check(&self, _credential: Arc<SealedCredential>) -> Answering<Option<CredentialCheck>> {
        Box::pin(std::future::ready(None))
    }

    fn probe(&self, _credential: Arc<SealedCredential>) -> Answering<Option<CredentialCheck>> {
        Box::pin(std::future::ready(None))
    }

    fn seal(&self, draft: CredentialDraft) -> Answering<Result<SealedCredential, String>> {
        self.with_vault(move |unlocked| {
            let sealed = unlocked.sealer.seal(draft, &mut rand::rng());
            sealed.map_err(|error| error.to_string())
        })
    }

    fn rebind(&self, placing: Placing) -> Answering<Result<SealedCredential, String>> {
        self.with_vault(move |unlocked| workspace::rebind(&unlocked.rebinder, &placing))
    }

    fn seal_pin(&self, id: CredentialId, pin: Pin) -> Answering<Result<Vec<u8>, String>> {
        self.with_vault(move |unlocked| workspace::seal_pin(&unlocked.rebinder, &id, &pin))
    }

    fn take_over(&self, _revision: i64) -> Answering<Option<String>> {
        Box::pin(std::future::ready(None))
    }
}
