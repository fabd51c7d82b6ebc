//! Components of other interfaces than `wit/plugin.wit`: made from altered copies of it, without code.

use std::path::Path;

use wit_component::{ComponentEncoder, StringEncoding};
use wit_parser::{ManglingAndAbi, Resolve};

const PACKAGE: &str = "../../wit/plugin.wit";

/// Writes them into `OUT_DIR`.
pub fn build() {
    println!("cargo::rerun-if-changed={PACKAGE}");
    let wit = std::fs::read_to_string(PACKAGE).expect("the package");
    let version = wit
        .lines()
        .find_map(|line| line.strip_prefix("package rollcall:plugin@")?.strip_suffix(';'))
        .expect("a version");
    let at = |other: &str| {
        replaced(&wit, &format!("rollcall:plugin@{version};"), &format!("rollcall:plugin@{other};"))
    };
    write("older", &at("0.1.0"), None);
    let newer = replaced(
        &at("9.0.0"),
        "\nworld plugin {",
        "\ninterface dreams {\n    dream: func() -> string;\n}\n\nworld plugin {\n    import dreams;",
    );
    write("newer", &newer, None);
    write(
        "altered",
        &replaced(&wit, "on-recovery: func(partition: string);", "on-recovery: func(partition: u32);"),
        None,
    );
    let strange = replaced(&wit, "    export lifecycle;\n", "    import wasi:cli/environment@0.2.3;\n");
    let wasi =
        "package wasi:cli@0.2.3;\ninterface environment {\n    get-arguments: func() -> list<string>;\n}\n";
    write("strange", &strange, Some(wasi));
}

fn replaced(text: &str, part: &str, by: &str) -> String {
    assert!(text.contains(part), "{part:?} is not in the package any more");
    text.replacen(part, by, 1)
}

/// Writes a component with everything that the world `plugin` of a package imports and exports.
fn write(name: &str, wit: &str, other: Option<&str>) {
    let mut resolve = Resolve::default();
    if let Some(other) = other {
        resolve.push_str("other.wit", other).expect("a package");
    }
    let package = resolve.push_str("plugin.wit", wit).expect("a package");
    let world = resolve.select_world(&[package], Some("plugin")).expect("a world");
    let mut module = wit_component::dummy_module(&resolve, world, ManglingAndAbi::Standard32);
    wit_component::embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)
        .expect("metadata");
    let component = ComponentEncoder::default()
        .validate(true)
        .module(&module)
        .and_then(|encoder| encoder.encode())
        .expect("a component");
    let folder = std::env::var_os("OUT_DIR").expect("a build script");
    std::fs::write(Path::new(&folder).join(format!("{name}.component.wasm")), component).expect("a file");
}
