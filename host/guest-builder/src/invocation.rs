//! Running the inner cargo.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::toolchain::Toolchain;
use crate::{Error, TARGET};

/// How guests are compiled, whatever the workspace says for native code: for speed, with function
/// names for backtraces, without debug information (which every instantiation would carry along).
const PROFILE: [&str; 8] = [
    "profile.release.opt-level=3",
    "profile.release.lto=\"fat\"",
    "profile.release.codegen-units=1",
    "profile.release.panic=\"abort\"",
    "profile.release.debug=0",
    "profile.release.strip=\"debuginfo\"",
    "profile.release.incremental=false",
    "profile.release.overflow-checks=false",
];

/// Compiles the package in the folder `package`; the path of the core module.
pub(crate) fn compile(
    toolchain: &Toolchain,
    package: &Path,
    features: &[String],
    environment: &[(String, String)],
    target_dir: &Path,
) -> Result<PathBuf, Error> {
    let manifest = package.join("Cargo.toml");
    let mut cargo = program(toolchain);
    cargo.args(["build", "--release", "--lib", "--target", TARGET]);
    cargo.args(["--message-format", "json-render-diagnostics"]);
    cargo.arg("--manifest-path").arg(&manifest).arg("--target-dir").arg(target_dir);
    if !features.is_empty() {
        cargo.arg("--features").arg(features.join(","));
    }
    for setting in PROFILE {
        cargo.args(["--config", setting]);
    }
    cargo.arg("--config").arg(format!("target.{TARGET}.rustflags={}", rustflags(package)));
    cargo.envs(environment.iter().map(|(name, value)| (name, value)));
    cargo.current_dir(package).stdin(Stdio::null()).stderr(Stdio::inherit());
    let output =
        cargo.output().map_err(|error| Error::Run { program: PathBuf::from(cargo.get_program()), error })?;
    if !output.status.success() {
        return Err(Error::Compile(package.to_owned()));
    }
    module_of(&output.stdout, &manifest).ok_or_else(|| Error::NoModule(package.to_owned()))
}

fn program(toolchain: &Toolchain) -> Command {
    let mut cargo = match toolchain {
        Toolchain::Ready { cargo, .. } => Command::new(cargo),
        Toolchain::Debian { .. } => Command::new("/usr/bin/cargo"),
    };
    for (name, _) in std::env::vars_os() {
        if disturbs(&name) {
            cargo.env_remove(name);
        }
    }
    match toolchain {
        Toolchain::Ready { rustc, .. } => {
            cargo.env("RUSTC", rustc);
        }
        Toolchain::Debian { linker } => {
            // Unstable options in a stable compiler: Debian ships the library's source, no build of it.
            cargo.env("RUSTC_BOOTSTRAP", "1").env("RUSTC", "/usr/bin/rustc");
            cargo.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
            cargo.arg("-Zbuild-std=std,panic_abort");
            // The outer cargo put its own compiler's libraries here.
            cargo.env_remove("LD_LIBRARY_PATH");
        }
    }
    cargo
}

/// True for what the outer cargo sets for build scripts, or a user for the outer build, and what
/// would change the inner one. Where crates come from and the jobserver are shared.
fn disturbs(name: &OsStr) -> bool {
    const SHARED: [&str; 8] = [
        "CARGO_HOME",
        "CARGO_MAKEFLAGS",
        "CARGO_TERM_COLOR",
        "CARGO_NET_",
        "CARGO_HTTP_",
        "CARGO_SOURCE_",
        "CARGO_REGISTR",
        "CARGO_CACHE_",
    ];
    const OWN: [&str; 7] = ["CARGO", "RUSTC", "RUSTDOC", "RUSTFLAGS", "RUST_TARGET_PATH", "CLIPPY", "DEP_"];
    const EXACT: [&str; 6] = ["TARGET", "HOST", "OUT_DIR", "PROFILE", "OPT_LEVEL", "DEBUG"];
    let Some(name) = name.to_str() else { return false };
    !SHARED.iter().any(|shared| name.starts_with(shared))
        && (OWN.iter().any(|own| name.starts_with(own)) || EXACT.contains(&name))
}

/// Compiler flags of guests, as a TOML array.
fn rustflags(package: &Path) -> String {
    // Vector instructions let memchr look at 16 bytes a time.
    let mut flags = vec!["-Ctarget-feature=+simd128".to_owned()];
    // Panic messages name files: no path of the building machine may reach the component. The
    // last prefix that fits wins.
    if let Some(home) = std::env::var_os("HOME") {
        flags.push(format!("--remap-path-prefix={}=~", Path::new(&home).display()));
    }
    if let Some(home) = std::env::var_os("CARGO_HOME") {
        flags.push(format!("--remap-path-prefix={}=cargo", Path::new(&home).display()));
    }
    let root =
        package.ancestors().filter(|folder| folder.join("Cargo.lock").is_file()).last().unwrap_or(package);
    flags.push(format!("--remap-path-prefix={}=.", root.display()));
    serde_json::Value::from(flags).to_string()
}

/// The module among the artifacts that cargo reports for the package itself.
fn module_of(messages: &[u8], manifest: &Path) -> Option<PathBuf> {
    messages.split(|byte| *byte == b'\n').find_map(|line| {
        let message: serde_json::Value = serde_json::from_slice(line).ok()?;
        let own = message.get("reason")? == "compiler-artifact"
            && Path::new(message.get("manifest_path")?.as_str()?) == manifest;
        let files = message.get("filenames")?.as_array()?;
        let module = files.iter().filter_map(|file| file.as_str()).find(|file| file.ends_with(".wasm"))?;
        own.then(|| PathBuf::from(module))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_belongs_to_the_outer_build_is_not_handed_on() {
        for name in [
            "CARGO_ENCODED_RUSTFLAGS",
            "CARGO_BUILD_TARGET",
            "CARGO_TARGET_DIR",
            "CARGO_PROFILE_RELEASE_LTO",
            "CARGO_PKG_NAME",
            "CARGO_CFG_UNIX",
            "RUSTFLAGS",
            "RUSTC_WRAPPER",
            "RUSTC_WORKSPACE_WRAPPER",
            "CLIPPY_ARGS",
            "TARGET",
        ] {
            assert!(disturbs(OsStr::new(name)), "{name}");
        }
        for name in ["CARGO_HOME", "CARGO_MAKEFLAGS", "CARGO_NET_OFFLINE", "CARGO_HTTP_PROXY", "PATH", "HOME"]
        {
            assert!(!disturbs(OsStr::new(name)), "{name}");
        }
    }

    #[test]
    fn the_module_is_that_of_the_package_and_not_of_a_dependency() {
        let messages = concat!(
            r#"{"reason":"compiler-artifact","manifest_path":"/d/Cargo.toml","filenames":["/t/dep.wasm"]}"#,
            "\nnot json\n",
            r#"{"reason":"compiler-artifact","manifest_path":"/g/Cargo.toml","filenames":["/t/g.rlib","/t/g.wasm"]}"#,
        );
        let found = module_of(messages.as_bytes(), Path::new("/g/Cargo.toml"));
        assert_eq!(found, Some(PathBuf::from("/t/g.wasm")));
        assert_eq!(module_of(messages.as_bytes(), Path::new("/x/Cargo.toml")), None);
    }
}
