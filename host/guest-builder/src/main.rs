//! `rollcall-build-guest PACKAGE FILE`: builds the cargo package in the folder PACKAGE as a component and
//! writes it to FILE.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use rollcall_guest_builder::{Error, Guest};

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(package), Some(file), None) = (arguments.next(), arguments.next(), arguments.next()) else {
        eprintln!(
            "usage: rollcall-build-guest PACKAGE FILE\n\
             Builds the cargo package in the folder PACKAGE as a component and writes it to FILE."
        );
        return ExitCode::from(2);
    };
    match build(Path::new(&package), Path::new(&file)) {
        Ok(bytes) => {
            println!("{}: {bytes} bytes", Path::new(&file).display());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn build(package: &Path, file: &Path) -> Result<usize, Error> {
    // Not the folder of a cargo that may have started this.
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| package.join("target"), PathBuf::from);
    let target = std::path::absolute(target.join("guest"))
        .map_err(|error| Error::File { path: target.clone(), error })?;
    let component = Guest::new(package).build(&target)?;
    std::fs::write(file, &component.bytes).map_err(|error| Error::File { path: file.to_owned(), error })?;
    Ok(component.bytes.len())
}
