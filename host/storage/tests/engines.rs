//! The engines of this package pass the suite.

#![allow(clippy::expect_used, reason = "a test ends where it cannot go on")]

use proptest::prelude::*;
use rollcall_storage::{
    Fjall, FjallOptions, Memory,
    conformance::{self, Durable},
};
use tempfile::TempDir;

/// A directory with a database. The engine goes before the directory does.
struct Directory(TempDir);

impl Directory {
    fn new() -> Self {
        Self(TempDir::new().expect("a directory"))
    }
}

impl Durable for Directory {
    type Engine = Fjall;

    fn open(&self) -> Fjall {
        Fjall::open(self.0.path(), FjallOptions::default()).expect("opens")
    }
}

#[test]
fn memory_conforms() {
    conformance::run(Memory::new);
}

#[test]
fn fjall_conforms() {
    let base = TempDir::new().expect("a directory");
    let number = std::cell::Cell::new(0);
    conformance::run(|| {
        number.set(number.get() + 1);
        Fjall::open(base.path().join(number.get().to_string()), FjallOptions::default()).expect("opens")
    });
}

#[test]
fn fjall_conforms_over_stops() {
    conformance::run_durable(Directory::new);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]
    #[test]
    fn memory_is_like_the_model(actions in prop::collection::vec(any::<u64>(), 1..80)) {
        conformance::play(&Memory::new(), &actions);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]
    #[test]
    fn fjall_is_like_the_model_over_stops(actions in prop::collection::vec(any::<u64>(), 1..80)) {
        conformance::play_durable(&Directory::new(), &actions);
    }
}
