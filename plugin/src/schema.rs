//! Numbers of the schemas of records: which one is written, which ones are read.

#[cfg(not(feature = "former-schemas"))]
mod numbers {
    /// The schema that is written.
    pub fn written() -> u8 {
        3
    }

    /// The schemas that are read. Records of schema 2 are laid out alike; it has none of what came from
    /// outside. Every record is written in the schema of today when it is next written.
    pub fn read() -> &'static [u32] {
        &[2, 3]
    }
}

/// Components of before, for tests of upgrades and ways back.
#[cfg(feature = "former-schemas")]
mod numbers {
    /// Tells the one before schema 3 from one that reads it already; a test makes the second of the first
    /// by replacing this in the built component.
    static EDITION: &str = "rollcall-schemas:former";

    fn reads_the_next() -> bool {
        std::hint::black_box(EDITION).ends_with("bridge")
    }

    /// The schema that is written.
    pub fn written() -> u8 {
        2
    }

    /// The schemas that are read.
    pub fn read() -> &'static [u32] {
        if reads_the_next() { &[2, 3] } else { &[2] }
    }
}

pub use numbers::{read, written};
