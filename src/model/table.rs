//! Defines the hash table that requests look things up in.

use std::collections::HashMap;

/// A map under keys that the operator's files and store choose.
///
/// An agent can ask for a key but not add one, so a hash that it can foresee does no harm. The default hash, which keeps clients
/// from filling a bucket, would be about a tenth of the instructions of judging a request.
pub type Table<K, V> = HashMap<K, V, foldhash::fast::RandomState>;
