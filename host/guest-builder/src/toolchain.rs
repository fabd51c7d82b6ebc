//! Finding a compiler for the target.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Error, TARGET};

/// Environment variable that names the toolchain to use.
pub(crate) const CHOICE: &str = "ROLLCALL_WASM_TOOLCHAIN";

const DEBIAN_CARGO: &str = "/usr/bin/cargo";
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";

/// A compiler that can build for [`TARGET`].
///
/// The one in use is taken if it has the target's standard library; else Debian's compiler, which
/// builds the standard library from source. `ROLLCALL_WASM_TOOLCHAIN=rustup` or `=debian` allows only one of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Toolchain {
    /// A toolchain with a ready standard library for the target, as rustup installs it.
    Ready {
        /// Its cargo.
        cargo: PathBuf,
        /// Its compiler.
        rustc: PathBuf,
    },
    /// Debian's packages rustc-web, cargo-web and rust-web-src.
    Debian {
        /// A linker for wasm; Debian's packages have none of their own.
        linker: PathBuf,
    },
}

impl Toolchain {
    /// Finds one.
    ///
    /// # Errors
    ///
    /// There is none, or `ROLLCALL_WASM_TOOLCHAIN` has an unknown value.
    pub fn find() -> Result<Self, Error> {
        let choice = std::env::var_os(CHOICE).unwrap_or_default();
        let (ready, debian) = match choice.to_str() {
            Some("") => (true, true),
            Some("rustup") => (true, false),
            Some("debian") => (false, true),
            _ => return Err(Error::Choice(choice.to_string_lossy().into_owned())),
        };
        let mut missing = Vec::new();
        if ready {
            match Self::ready() {
                Ok(found) => return Ok(found),
                Err(reason) => missing.push(reason),
            }
        }
        if debian {
            match Self::debian() {
                Ok(found) => return Ok(found),
                Err(reason) => missing.push(reason),
            }
        }
        Err(Error::NoToolchain(missing.iter().map(|line| format!("- {line}\n")).collect()))
    }

    fn ready() -> Result<Self, String> {
        let rustc = in_use("RUSTC", "rustc");
        let library = print(&rustc, &["--print", "target-libdir", "--target", TARGET])?;
        if has_file(Path::new(&library), |name| name.starts_with("libstd-") && name.ends_with(".rlib")) {
            Ok(Self::Ready { cargo: in_use("CARGO", "cargo"), rustc })
        } else {
            Err(format!("the target's standard library in {library}"))
        }
    }

    fn debian() -> Result<Self, String> {
        for program in [DEBIAN_RUSTC, DEBIAN_CARGO] {
            if !Path::new(program).is_file() {
                return Err(format!("{program} of the Debian packages"));
            }
        }
        let sysroot = print(Path::new(DEBIAN_RUSTC), &["--print", "sysroot"])?;
        let source = Path::new(&sysroot).join("lib/rustlib/src/rust/library/std/Cargo.toml");
        if !source.is_file() {
            return Err(format!("{} of the Debian package rust-web-src", source.display()));
        }
        let linker = linker(&sysroot).ok_or_else(|| {
            "a linker: rust-lld in the toolchain in use, or wasm-ld of the Debian package lld".to_owned()
        })?;
        Ok(Self::Debian { linker })
    }
}

/// The program that cargo names for its build scripts, else the one in the path.
fn in_use(variable: &str, default: &str) -> PathBuf {
    PathBuf::from(std::env::var_os(variable).unwrap_or_else(|| OsString::from(default)))
}

/// The linker that comes with the toolchain in use, or Debian's.
fn linker(debian_sysroot: &str) -> Option<PathBuf> {
    let sysroots =
        [print(&in_use("RUSTC", "rustc"), &["--print", "sysroot"]).ok(), Some(debian_sysroot.to_owned())];
    for sysroot in sysroots.into_iter().flatten() {
        let targets = Path::new(&sysroot).join("lib/rustlib").read_dir().ok();
        for target in targets.into_iter().flatten().flatten() {
            let linker = target.path().join("bin/rust-lld");
            if linker.is_file() {
                return Some(linker);
            }
        }
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|folder| folder.join("wasm-ld")).find(|linker| linker.is_file())
}

fn print(rustc: &Path, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(rustc)
        .args(arguments)
        .output()
        .map_err(|error| format!("{} does not run: {error}", rustc.display()))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    } else {
        Err(format!(
            "{} {}: {}",
            rustc.display(),
            arguments.join(" "),
            String::from_utf8_lossy(&output.stderr).trim()
        ))
    }
}

fn has_file(folder: &Path, wanted: impl Fn(&str) -> bool) -> bool {
    let entries = folder.read_dir().ok();
    entries.into_iter().flatten().flatten().any(|entry| entry.file_name().to_str().is_some_and(&wanted))
}
