//! The presence component runs elsewhere, too: jco makes JavaScript of it, and the host of `host.mjs` has it
//! answer under Node. What is checked is in `scene.mjs`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where the test keeps what it makes: npm's packages and what jco writes.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("portability")
}

/// This folder in the sources.
fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("portability")
}

/// Runs a program to its good end; what it printed.
fn run(program: impl AsRef<Path>, arguments: &[&str]) -> String {
    let program = program.as_ref();
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder()).stdin(Stdio::null());
    let output = match command.output() {
        Ok(output) => output,
        Err(error) => panic!("cannot run {} ({error}): `make peers` installs it", program.display()),
    };
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{} {arguments:?}: {}\n{text}", program.display(), output.status);
    text.into_owned()
}

/// Installs jco as the lock file has it, unless that has been done. Later versions than that one want a later
/// Node than Debian 12 has.
fn install() {
    let (here, done) = (folder(), folder().join("installed"));
    let lock = fs::read(sources().join("package-lock.json")).unwrap();
    if fs::read(&done).is_ok_and(|installed| installed == lock) {
        return;
    }
    fs::create_dir_all(&here).unwrap();
    for file in ["package.json", "package-lock.json"] {
        fs::copy(sources().join(file), here.join(file)).unwrap();
    }
    // Not `npm ci`: it wants the packages of every other platform to be there, too.
    run("npm", &["install", "--ignore-scripts", "--no-audit", "--no-fund"]);
    fs::write(done, lock).unwrap();
}

/// Issue 6, "Portability": PUBLISH, SUBSCRIBE and NOTIFY, an alias, expiry and the throttle.
#[test]
fn the_component_answers_under_node() {
    install();
    let here = folder();
    fs::write(here.join("plugin.wasm"), rollcall_component::COMPONENT).unwrap();
    let options =
        ["--name", "plugin", "--instantiation", "sync", "--no-wasi-shim", "--no-typescript", "--quiet"];
    let transpile = [&["transpile", "plugin.wasm", "-o", "plugin"], &options[..]].concat();
    run(here.join("node_modules/.bin/jco"), &transpile);
    let scene = sources().join("scene.mjs");
    let report = run("node", &[scene.to_str().unwrap(), here.join("plugin").to_str().unwrap()]);
    assert!(report.contains("pass 6"), "{report}");
}
