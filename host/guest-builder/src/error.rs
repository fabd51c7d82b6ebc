//! What can go wrong, in words that tell what to do.

use std::path::{Path, PathBuf};

/// Why there is no component.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No compiler on this machine can build for the target.
    #[error(
        "no Rust compiler here can build for wasm32-unknown-unknown.\n\
         Run `make toolchain` in the top folder of Rollcall: it adds the target with rustup, or installs\n\
         the Debian packages rustc-web, cargo-web and rust-web-src. Looked for:\n{0}"
    )]
    NoToolchain(String),
    /// `ROLLCALL_WASM_TOOLCHAIN` has a value that means nothing.
    #[error("ROLLCALL_WASM_TOOLCHAIN is {0:?}; expected `rustup`, `debian`, or nothing")]
    Choice(String),
    /// A program could not be started.
    #[error("cannot run {program}: {error}")]
    Run {
        /// Path or name of the program.
        program: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The guest does not compile; the compiler has printed why.
    #[error("the guest {0} does not compile (the compiler's messages are above)")]
    Compile(PathBuf),
    /// The guest compiles but has no `cdylib` target.
    #[error("the guest {0} gave no .wasm file: its library needs `crate-type = [\"cdylib\"]`")]
    NoModule(PathBuf),
    /// The module is no component: its imports or exports are not those of a world.
    #[error("{module} cannot be made a component: {reason}")]
    Componentize {
        /// The core module.
        module: PathBuf,
        /// What wit-component says.
        reason: String,
    },
    /// A file could not be read or written.
    #[error("{path}: {error}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// `OUT_DIR` is not set.
    #[error("OUT_DIR is not set: `build_script` is for build scripts that cargo runs")]
    NotABuildScript,
}

impl Error {
    pub(crate) fn file(path: &Path, error: std::io::Error) -> Self {
        Self::File { path: path.to_owned(), error }
    }
}
