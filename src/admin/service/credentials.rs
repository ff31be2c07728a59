//! Manages credentials of the store. A secret goes in and never comes out.

use super::references::Named;
use super::removal::{Removal, Removed};
use super::rules::Mode;
use super::{Noted, Service};
use crate::admin::operator::Operator;
use crate::admin::problem::Problem;
use crate::model::show::escape;
use crate::store::{Cascade, Store};

impl Service {
    /// Removes a credential of the store, with the rules of the store that name it where `cascade` says so.
    ///
    /// # Errors
    /// `unknown_credential`, `declared`, `named` with the list of the rules, or `changed_meanwhile`.
    pub async fn remove_credential(
        &self,
        by: &Operator,
        id: &str,
        how: (bool, Mode),
    ) -> Result<Removed, Problem> {
        let _turn = self.writing.lock().await;
        let declared = self.host.declared().credentials;
        if declared.iter().any(|known| known.as_str() == id) {
            let detail =
                format!("credential `{id}` is declared in the configuration; change it there");
            return Err(Problem::conflict("declared", detail));
        }
        let view = self.view().await?;
        if !view.credentials.iter().any(|known| known.id.as_str() == id) {
            return Err(unknown(id));
        }
        let mut without = view.clone();
        without.credentials.retain(|known| known.id.as_str() != id);
        let removal = Removal {
            named: Named::Credential(id),
            what: format!("credential `{}`", escape(id)),
            noted: Noted {
                what: "credential.remove",
                subject: id,
                ..Noted::default()
            },
        };
        let write =
            async |store: Store, with: Cascade| store.remove_credential_with(id, &with).await;
        self.remove_named((by, removal), (&view, without), how, write)
            .await
    }
}

pub(super) fn unknown(id: &str) -> Problem {
    let detail = format!("there is no credential `{}`", escape(id));
    Problem::unknown("unknown_credential", detail).help("list them: `tollgate credential list`")
}
