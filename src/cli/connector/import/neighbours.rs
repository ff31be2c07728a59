//! Loads the files beside a connector file as the gateway would, without that file and with it.

use std::path::Path;

use crate::cli::Context;
use crate::cli::workspace::Workspace;
use crate::config::diagnostic::{Report, Source};
use crate::config::yaml;
use crate::connector::Manifest;
use crate::snapshot::{Inputs, built_in_connectors};

/// Returns the files without the new text and with it. `None` for a file that stands alone: it is in no directory of the
/// configuration and extends nothing.
pub(super) fn of(context: &Context, file: &Source) -> Option<(Inputs, Inputs)> {
    let path = context.process.directory.join(&*file.name);
    let folder = path.parent().and_then(|folder| folder.canonicalize().ok());
    let workspace = Workspace::load(context).ok();
    let own = workspace.filter(|workspace| {
        let dirs = workspace.config().connectors.iter();
        folder.is_some()
            && dirs
                .map(|dir| context.process.directory.join(dir).canonicalize().ok())
                .any(|dir| dir == folder)
    });
    let before = match own.map(|workspace| workspace.files()) {
        Some(Ok(inputs)) => inputs,
        // A directory that does not read, and a new one that is still empty, have no neighbours.
        Some(Err(_)) | None => {
            manifest(file)?.extends.as_ref()?;
            Inputs {
                connectors: built_in_connectors(),
                ..Inputs::default()
            }
        }
    };
    let mut after = before.clone();
    let is_it = |known: &&mut Source| !known.built_in && is_same(context, &known.name, &path);
    match after.connectors.iter_mut().find(is_it) {
        Some(known) => *known = file.clone(),
        None => after.connectors.push(file.clone()),
    }
    Some((before, after))
}

/// Returns the id that a connector file says.
pub(super) fn id(file: &Source) -> Option<String> {
    manifest(file).map(|manifest| manifest.connector.value)
}

/// Returns the connector that a file extends.
pub(super) fn extended(file: &Source) -> Option<String> {
    manifest(file)?.extends.map(|below| below.value)
}

fn manifest(file: &Source) -> Option<Manifest> {
    yaml::read(file, &mut Report::default())
}

fn is_same(context: &Context, name: &str, path: &Path) -> bool {
    let known = context.process.directory.join(name).canonicalize();
    known.is_ok_and(|known| path.canonicalize().is_ok_and(|path| path == known))
}
