//! Says why there is no master key.

/// Characters of a passphrase that we take.
pub(super) const MIN_PASSPHRASE: usize = 8;

/// Reasons why there is no master key; none holds any of its bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Only `serve` makes one.
    #[error("there is no master key at `{0}`")]
    Missing(String),
    /// Others than the owner may read it.
    #[error("the master key `{path}` has mode {mode:04o}, others can read it: `chmod 600` it")]
    Exposed {
        /// Path of the key file.
        path: String,
        /// Permission bits of the file.
        mode: u32,
    },
    /// The operating system does not let us, or it is no file.
    #[error("the master key `{path}` cannot be used: {reason}")]
    Unusable {
        /// Path of the key file.
        path: String,
        /// The system's own message.
        reason: String,
    },
    /// Neither of the forms.
    #[error(
        "{place} holds no master key: it is 32 bytes, as they are or in base64 or hexadecimal, and has {length}"
    )]
    BadForm {
        /// Which file, or what else.
        place: String,
        /// Number of bytes that were found.
        length: usize,
    },
    /// Too easy to guess.
    #[error("the passphrase is shorter than {MIN_PASSPHRASE} characters")]
    ShortPassphrase,
    /// Argon2 refused, for want of memory as a rule.
    #[error("no key can be derived from the passphrase: {0}")]
    Underivable(String),
    /// The store was made with another one.
    #[error("the master key is not the one that this store's credentials are sealed under")]
    WrongKey,
    /// The vault's row in the store was edited.
    #[error("the store's `{0}` cannot be read: the row was changed")]
    BadMeta(&'static str),
    /// It would change nothing.
    #[error("the new master key is the one that the vault has already")]
    SameKey,
    /// Another command was faster.
    #[error("the key of the vault was changed meanwhile; nothing was done")]
    Changed,
    /// It is sealed as a build before did, and only a start binds it.
    #[error("credential `{0}` is of an older build: start the gateway once")]
    Older(String),
    /// It is sealed under the key before and would be lost.
    #[error("{0} does not authenticate: its row was changed")]
    Tampered(String),
    /// The cipher refuses the data key.
    #[error("the vault's key cannot be sealed")]
    Unsealable,
    /// The store does not answer.
    #[error("the master key cannot be checked: {0}")]
    Store(#[from] crate::store::StoreError),
}
