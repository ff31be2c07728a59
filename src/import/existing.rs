//! Finds what a connector has already, so that only what is new is drafted.

/// What a connector has already that an API is drafted for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Existing {
    /// For each operation, the action that it is there.
    pub(crate) actions: Vec<Option<String>>,
    /// All actions that are there.
    pub(crate) taken: Vec<String>,
}

impl Existing {
    /// Returns whether an operation is there, by its number.
    pub(crate) fn has(&self, operation: usize) -> bool {
        self.actions.get(operation).is_some_and(Option::is_some)
    }
}
