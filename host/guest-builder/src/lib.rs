//! Builds plugin components for Rollcall.
//!
//! A *guest* is a cargo package with a `cdylib` target that implements a world of `wit/plugin.wit`
//! (`plugin`, `identity-rules`) with wit-bindgen. [`Guest::build`] compiles it for
//! `wasm32-unknown-unknown` and wraps the core module as a component. For operators there is the program
//! `rollcall-build-guest`, for build scripts:
//!
//! ```no_run
//! rollcall_guest_builder::Guest::new("../../plugin").build_script("rollcall_plugin.component.wasm");
//! ```
//!
//! The environment variable `ROLLCALL_WASM_TOOLCHAIN` chooses the compiler, see [`Toolchain`].
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod error;
mod invocation;
mod output;
mod sources;
mod toolchain;

use std::path::{Path, PathBuf};

pub use error::Error;
pub use output::Component;
pub use toolchain::Toolchain;

/// The only target that guests are built for: it has no system interface, so a component of it
/// imports what its world names and nothing else.
pub const TARGET: &str = "wasm32-unknown-unknown";

/// A cargo package to be built as a component.
#[derive(Clone, Debug)]
pub struct Guest {
    package: PathBuf,
    features: Vec<String>,
    environment: Vec<(String, String)>,
}

impl Guest {
    /// The package whose `Cargo.toml` lies in the folder `package` (relative to the current
    /// folder; cargo runs build scripts in the folder of their own package).
    pub fn new(package: impl Into<PathBuf>) -> Self {
        Self { package: package.into(), features: Vec::new(), environment: Vec::new() }
    }

    /// Turns a cargo feature of the guest on.
    pub fn feature(mut self, name: impl Into<String>) -> Self {
        self.features.push(name.into());
        self
    }

    /// Sets an environment variable for the guest's compilation, so that one package can be
    /// built as several components (`option_env!` in the guest).
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Builds the component. `target_dir` is the folder of the inner cargo; it must not be the
    /// target folder of a cargo that waits for this call, whose lock would never be free.
    ///
    /// # Errors
    ///
    /// No compiler with the target, a guest that does not compile, or one that is no component.
    pub fn build(&self, target_dir: &Path) -> Result<Component, Error> {
        let toolchain = Toolchain::find()?;
        let package = std::path::absolute(&self.package)
            .and_then(|path| path.canonicalize())
            .map_err(|error| Error::file(&self.package, error))?;
        // Another build of the same package with other features would put its module in this one's place.
        let _locked = output::lock(target_dir)?;
        let core = invocation::compile(&toolchain, &package, &self.features, &self.environment, target_dir)?;
        let bytes = output::componentize(&core)?;
        let sources = sources::of_artifact(&core, &package)?;
        Ok(Component { bytes, sources })
    }

    /// Does all that a build script has to: builds the component, writes it as `file` into
    /// `OUT_DIR`, copies it into the target folder for those who load it by name, and tells cargo
    /// what to watch. A failure ends the process with cargo's error lines.
    ///
    /// For `include_bytes!(concat!(env!("OUT_DIR"), "/", …))`.
    pub fn build_script(&self, file: &str) {
        if let Err(error) = self.run_as_build_script(file) {
            for line in error.to_string().lines() {
                println!("cargo::error={line}");
            }
            std::process::exit(1);
        }
    }

    fn run_as_build_script(&self, file: &str) -> Result<(), Error> {
        println!("cargo::rerun-if-env-changed={}", toolchain::CHOICE);
        let out_dir = PathBuf::from(std::env::var_os("OUT_DIR").ok_or(Error::NotABuildScript)?);
        let target_dir = output::target_dir(&out_dir);
        let component = self.build(&target_dir.join("guest"))?;
        for source in &component.sources {
            println!("cargo::rerun-if-changed={}", source.display());
        }
        output::replace(&out_dir.join(file), &component.bytes)?;
        output::replace(&target_dir.join(file), &component.bytes)
    }
}
