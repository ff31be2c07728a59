//! Suggests the id of an API's connector.

use super::api::Api;
use super::names;

impl Api {
    /// Returns an id for its connector: what the description calls itself, else the name of its host or its title.
    #[must_use]
    pub fn suggested_id(&self) -> String {
        let host = self
            .servers
            .iter()
            .find(|server| !server.host.is_empty())
            .and_then(|server| {
                let host = server.host.split(':').next().unwrap_or_default();
                let labels: Vec<&str> = host.split('.').collect();
                let generic = ["amazonaws", "api", "app", "com", "googleapis", "www"];
                // The last label is the registry's.
                labels.into_iter().rev().skip(1).find(|label| {
                    label.len() > 2 && !generic.contains(label) && !label.contains(['{', '*'])
                })
            });
        let text = self.name.as_deref().or(host).unwrap_or(&self.title);
        let id: String = names::words::words(text)
            .join("-")
            .chars()
            .take(40)
            .collect();
        if id.starts_with(|c: char| c.is_ascii_lowercase()) {
            id
        } else {
            "api".to_owned()
        }
    }
}
