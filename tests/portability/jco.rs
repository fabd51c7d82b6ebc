//! Making JavaScript of a component with jco, which npm installs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where tests keep what they make: npm's packages and what jco writes.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("portability")
}

/// The folder `tests/portability` of the sources.
pub fn sources() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let tests = package.ancestors().find(|folder| folder.join("portability").is_dir());
    tests.expect("a package below `tests`").join("portability")
}

/// Runs a program to its good end; what it printed.
pub fn run(program: impl AsRef<Path>, arguments: &[&str]) -> String {
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

/// The folder with what jco made of a component; `name` tells components apart.
pub fn transpiled(name: &str, component: &[u8]) -> PathBuf {
    install();
    let file = folder().join(format!("{name}.wasm"));
    fs::write(&file, component).unwrap();
    let output = folder().join(name);
    let options =
        ["--name", "plugin", "--instantiation", "sync", "--no-wasi-shim", "--no-typescript", "--quiet"];
    let files = ["transpile", file.to_str().unwrap(), "-o", output.to_str().unwrap()];
    run(folder().join("node_modules/.bin/jco"), &[&files[..], &options[..]].concat());
    output
}
