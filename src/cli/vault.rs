//! Runs `vault`: takes all stored credentials to another gateway, sealed under a passphrase, and gives the vault another key.

mod rotate_key;

use std::path::Path;

use serde_json::json;
use zeroize::Zeroizing;

use super::Context;
use super::args::VaultCommand;
use super::change::{Note, settled, unrecorded};
use super::failure::{Exit, Failure, Outcome};
use super::offline;
use super::serve::first_start;
use super::state::{self, Access};
use super::workspace::Workspace;
use crate::model::credential::CredentialId;
use crate::model::secret::Secret;
use crate::model::show::{counted, escape};
use crate::store::{ImportedCredential, StoreError};
use crate::vault::{ExportError, Imported, Unlocked, import};

/// The longest passphrase and the longest export, in bytes.
const MAX_PASSPHRASE: u64 = 1024;
const MAX_EXPORT: u64 = 64 << 20;

pub(super) async fn run(context: &Context, command: VaultCommand) -> Outcome {
    match command {
        VaultCommand::Export { out } => export(context, &out).await,
        VaultCommand::Import { file } => bring(context, &file).await,
        VaultCommand::RotateKey {
            to_file,
            to_env,
            to_passphrase_env,
        } => {
            let to = rotate_key::NewKey::of(context, to_file, to_env, to_passphrase_env)?;
            rotate_key::run(context, to).await
        }
    }
}

async fn export(context: &Context, out: &Path) -> Outcome {
    let workspace = Workspace::load(context)?;
    let store = workspace.open_store().await?;
    let unlocked = workspace.unlock(&store).await?;
    let mut credentials = Vec::new();
    for credential in store.credentials().await? {
        let replaced = unlocked.rotated.take_out(&credential.id).await;
        let replaced = replaced.map_err(|error| Failure::failed("vault", error.to_string()))?;
        credentials.push((credential, replaced));
    }
    let count = credentials.len();
    if out.exists() {
        let detail = format!("`{}` exists already; nothing was written", out.display());
        return Err(Failure::failed("exists", detail).help("name a file that does not exist"));
    }
    let passphrase = passphrase(context, Asked::Twice)?;
    let text = unlocked
        .rebinder
        .export(credentials, &passphrase, &mut rand::rng())
        .map_err(refused)?;
    state::write(out, text.as_bytes(), Access::Owner)
        .map_err(|error| Failure::failed("unwritable", format!("`{}`: {error}", out.display())))?;
    if context.output.is_json() {
        context
            .output
            .document(&json!({ "exported": count, "file": out }))?;
    } else {
        context.output.line(&format!(
            "{} written to `{}`, which only the passphrase opens",
            counted(count as u64, "credentials"),
            escape(&out.display().to_string())
        ))?;
    }
    Ok(Exit::Done)
}

async fn bring(context: &Context, file: &Path) -> Outcome {
    let workspace = Workspace::load(context)?;
    let text = read(file)?;
    let passphrase = passphrase(context, Asked::Once)?;
    let imported = import(&text, &passphrase).map_err(refused)?;
    let store = first_start::open_or_make(context, &workspace).await?;
    let _lock = offline::claim(context, &workspace).await?;
    let unlocked = workspace.unlock(&store).await?;
    let stored = store.credentials().await?;
    let ids = imported.iter().map(|imported| &imported.draft.id);
    let is_taken = |id: &&CredentialId| {
        workspace.declares_credential(id) || stored.iter().any(|known| known.id == **id)
    };
    let taken: Vec<&str> = ids.filter(is_taken).map(CredentialId::as_str).collect();
    if !taken.is_empty() {
        let detail = format!("there are credentials of these ids: {}", taken.join(", "));
        return Err(exists(detail));
    }
    let sealed = imported.into_iter();
    let sealed = sealed.map(|imported| sealed_anew(context, &unlocked, imported));
    let sealed = sealed.collect::<Result<Vec<_>, _>>()?;
    // Another command may have taken an id meanwhile: all of them come, or none.
    let kept = store.import_credentials(&sealed).await;
    kept.map_err(|error| match error {
        StoreError::Exists { .. } => exists(error.to_string()),
        error => error.into(),
    })?;
    settled(context, &workspace.gateway(), &store).await;
    if context.output.is_json() {
        context
            .output
            .document(&json!({ "imported": sealed.len() }))?;
    } else {
        let count = counted(sealed.len() as u64, "credentials");
        context.output.line(&format!("{count} imported"))?;
    }
    Ok(Exit::Done)
}

fn exists(detail: String) -> Failure {
    Failure::failed("exists", detail).help("remove them first; nothing was imported")
}

/// Seals a credential of an export under this vault's key, with what its token endpoint has replaced.
fn sealed_anew(
    context: &Context,
    unlocked: &Unlocked,
    Imported { draft, replaced }: Imported,
) -> Result<ImportedCredential, Failure> {
    let refused = |error: String| Failure::failed("credential_refused", error);
    let credential = unlocked.sealer.seal(draft, &mut rand::rng());
    let credential = credential.map_err(|error| refused(error.to_string()))?;
    let id = &credential.id;
    let replaced = replaced.map(|replaced| unlocked.rotated.sealed(id, &replaced));
    let replaced = replaced.transpose();
    let replaced = replaced.map_err(|error| refused(error.to_string()))?;
    let note = Note {
        what: "credential.import",
        subject: id.as_str(),
        agent: "",
        via: "offline",
    };
    Ok(ImportedCredential {
        note: unrecorded(context, note),
        replaced,
        credential,
    })
}

#[expect(clippy::needless_pass_by_value, reason = "stands in `map_err`")]
fn refused(error: ExportError) -> Failure {
    Failure::failed("vault", error.to_string())
}

fn read(file: &Path) -> Result<String, Failure> {
    use std::io::Read as _;
    let failed = |error: std::io::Error| {
        Failure::failed(
            "input",
            format!("`{}` cannot be read: {error}", file.display()),
        )
    };
    let mut text = String::new();
    let opened = std::fs::File::open(file).map_err(failed)?;
    opened
        .take(MAX_EXPORT)
        .read_to_string(&mut text)
        .map_err(failed)?;
    Ok(text)
}

/// How often a person types a passphrase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Once,
    Twice,
}

/// Reads the passphrase from a person, or from the first line of standard input.
fn passphrase(context: &Context, asked: Asked) -> Result<Secret, Failure> {
    use std::io::{BufRead as _, Read as _};
    let failed =
        |error: std::io::Error| Failure::failed("input", format!("nothing could be read: {error}"));
    if !context.process.stdin_is_terminal {
        let mut line = Zeroizing::new(String::new());
        let stdin = std::io::stdin().lock();
        let mut stdin = stdin.take(MAX_PASSPHRASE);
        stdin.read_line(&mut line).map_err(failed)?;
        let line = line.trim_end_matches(['\r', '\n']);
        return Ok(Secret::new(line.as_bytes().to_vec()));
    }
    let ask = |prompt: &str| rpassword::prompt_password(prompt).map(Zeroizing::new);
    let typed = ask("passphrase (hidden): ").map_err(failed)?;
    if asked == Asked::Twice && *typed != *ask("again (hidden): ").map_err(failed)? {
        return Err(Failure::usage("the two passphrases differ"));
    }
    Ok(Secret::new(typed.as_bytes().to_vec()))
}
