//! Runs `vault rotate-key`: wraps the data key of the vault in another master key, while a gateway runs or not.

use std::path::{Path, PathBuf};

use rand::rngs::StdRng;
use serde_json::json;

use crate::cli::Context;
use crate::cli::change::{Note, recorded, settled};
use crate::cli::failure::{Exit, Failure, Outcome};
use crate::cli::offline;
use crate::cli::workspace::{Workspace, chain, key_source};
use crate::config::VaultKey;
use crate::model::secret::Secret;
use crate::model::show::escape;
use crate::vault::{KeySource, next_file, put_in_place, rotate_key};

/// The master key that the vault gets.
pub(super) enum NewKey {
    /// One that is made, in the place of the key file in use.
    InPlace,
    /// One that the operator names, and how the configuration names it.
    Named(KeySource, String),
}

impl NewKey {
    /// Reads which key was named.
    pub(super) fn of(
        context: &Context,
        file: Option<PathBuf>,
        env: Option<String>,
        passphrase_env: Option<String>,
    ) -> Result<Self, Failure> {
        if let Some(file) = file {
            let path = context.process.directory.join(file);
            let shown = format!("file: {}", path.display());
            return Ok(Self::Named(KeySource::NewFile(path), shown));
        }
        if let Some(name) = env {
            let value = variable(context, &name)?;
            let shown = format!("env: {name}");
            return Ok(Self::Named(KeySource::Variable { name, value }, shown));
        }
        match passphrase_env {
            Some(name) => {
                let passphrase = KeySource::Passphrase(variable(context, &name)?);
                Ok(Self::Named(passphrase, format!("passphrase_env: {name}")))
            }
            None => Ok(Self::InPlace),
        }
    }
}

fn variable(context: &Context, name: &str) -> Result<Secret, Failure> {
    let value = context.process.environment.get(std::ffi::OsStr::new(name));
    let value = value.and_then(|value| value.to_str());
    let value = value.filter(|value| !value.is_empty());
    let missing = || Failure::usage(format!("the variable `{}` is not set", escape(name)));
    Ok(Secret::from(value.ok_or_else(missing)?.to_owned()))
}

pub(super) async fn run(context: &Context, to: NewKey) -> Outcome {
    let workspace = Workspace::load(context)?;
    let store = workspace.open_store().await?;
    let _lock = offline::claim(context, &workspace).await?;
    let configured = &workspace.config().vault_key;
    let from = key_source(configured)?;
    // A rotation that was cut off is finished first.
    workspace.unlock(&store).await?;
    let (to, place) = placed(to, configured)?;
    let note = Note {
        what: "vault.rotate_key",
        subject: "",
        agent: "",
        via: "offline",
    };
    let noted = recorded(context, &store, note);
    let mut random = rand::make_rng::<StdRng>();
    let rotated = rotate_key((&store, &noted), (&from, &to), &mut random).await;
    if let Err(error) = rotated {
        if let (KeyPlace::Of(_), KeySource::NewFile(next)) = (&place, &to) {
            // It was made for this and opens nothing.
            let _ = std::fs::remove_file(next);
        }
        return Err(Failure::failed("vault", chain(&error)));
    }
    let told = finish(&place)?;
    settled(context, &workspace.gateway(), &store).await;
    if context.output.is_json() {
        context.output.document(&json!({ "rotated": true }))?;
    } else {
        context.output.line(&told)?;
    }
    Ok(Exit::Done)
}

/// Returns where the new key is read from, and where it is for the next start.
fn placed(to: NewKey, configured: &VaultKey) -> Result<(KeySource, KeyPlace), Failure> {
    match (to, configured) {
        (NewKey::InPlace, VaultKey::File(path)) => {
            let next = next_file(path);
            if next.exists() {
                return Err(unfinished(&next));
            }
            Ok((KeySource::NewFile(next), KeyPlace::Of(path.clone())))
        }
        (NewKey::InPlace, _) => {
            let help = "name the new one: `--to-file`, `--to-env` or `--to-passphrase-env`";
            Err(Failure::usage("the master key is not a file").help(help))
        }
        (NewKey::Named(source, shown), _) => Ok((source, KeyPlace::Named(shown))),
    }
}

/// Puts the new key in its place, and returns what the operator is told.
fn finish(place: &KeyPlace) -> Result<String, Failure> {
    match place {
        KeyPlace::Of(path) => {
            put_in_place(path).map_err(|error| left(path, &error))?;
            let shown = path.display().to_string();
            let shown = escape(&shown);
            Ok(format!(
                "the vault has a new master key, in `{shown}`; copies of the store from before need `{shown}.previous`"
            ))
        }
        KeyPlace::Named(shown) => Ok(format!(
            "the vault has a new master key; set `vault: {{ key: {{ {} }} }}` before the next start",
            escape(shown)
        )),
    }
}

/// Where the new key is for the next start.
enum KeyPlace {
    /// In the key file in use.
    Of(PathBuf),
    /// Where the configuration must say.
    Named(String),
}

fn unfinished(next: &Path) -> Failure {
    let shown = next.display().to_string();
    let shown = escape(&shown);
    let detail = format!(
        "`{shown}` exists: another rotation is under way, or was cut off before it took effect"
    );
    Failure::failed("exists", detail)
        .help("if no other runs, remove it: the vault opens without it")
}

fn left(path: &Path, error: &std::io::Error) -> Failure {
    let (shown, next) = (
        path.display().to_string(),
        next_file(path).display().to_string(),
    );
    let detail = format!(
        "the vault has a new master key in `{}`, which cannot be moved to `{}`: {error}",
        escape(&next),
        escape(&shown)
    );
    Failure::failed("state", detail).help("move it there before the next start")
}
