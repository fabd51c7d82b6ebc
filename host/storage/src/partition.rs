//! Names of partitions.

use std::{borrow::Borrow, fmt, sync::Arc};

/// Longest name of a partition, in bytes.
pub const MAX_PARTITION: usize = 512;

/// Name of a partition: 1 to [`MAX_PARTITION`] bytes of UTF-8. Cloning is cheap.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PartitionKey(Arc<str>);

/// A name that is empty or longer than [`MAX_PARTITION`] bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the name of a partition has 1 to {MAX_PARTITION} bytes, not {length}")]
pub struct InvalidPartition {
    /// Length of the refused name, in bytes.
    pub length: usize,
}

impl PartitionKey {
    /// Checks a name. Fails if it is empty or too long.
    pub fn new(name: &str) -> Result<Self, InvalidPartition> {
        match name.len() {
            1..=MAX_PARTITION => Ok(Self(name.into())),
            length => Err(InvalidPartition { length }),
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<&str> for PartitionKey {
    type Error = InvalidPartition;

    fn try_from(name: &str) -> Result<Self, Self::Error> {
        Self::new(name)
    }
}

impl Borrow<str> for PartitionKey {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PartitionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for PartitionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_1_to_512_bytes() {
        assert_eq!(PartitionKey::new("").unwrap_err().length, 0);
        assert_eq!(PartitionKey::new(&"ä".repeat(256)).unwrap().as_str().len(), 512);
        assert_eq!(PartitionKey::new(&"x".repeat(513)).unwrap_err().length, 513);
    }
}
