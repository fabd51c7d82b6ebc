//! The component's contact with the world: `wit/plugin.wit` and nothing else (design: no WASI).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;
use std::path::Path;

use rollcall_component::COMPONENT;
use wit_component::DecodedWasm;
use wit_parser::{Resolve, WorldId, WorldItem};

/// What a world imports, and what it exports, by full name (`rollcall:plugin/storage@0.3.0`).
struct Boundary {
    imports: BTreeSet<String>,
    exports: BTreeSet<String>,
}

impl Boundary {
    fn of(resolve: &Resolve, world: WorldId) -> Self {
        let world = &resolve.worlds[world];
        let names = |items: &mut dyn Iterator<Item = (&wit_parser::WorldKey, &WorldItem)>| {
            items.map(|(key, _)| resolve.name_world_key(key)).collect()
        };
        Self { imports: names(&mut world.imports.iter()), exports: names(&mut world.exports.iter()) }
    }

    fn of_component() -> Self {
        match wit_component::decode(COMPONENT).expect("a component") {
            DecodedWasm::Component(resolve, world) => Self::of(&resolve, world),
            DecodedWasm::WitPackage(..) => panic!("a package of interfaces, not a component"),
        }
    }

    fn of_wit() -> Self {
        let mut resolve = Resolve::default();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit");
        let (package, _) = resolve.push_dir(&folder).expect("readable WIT");
        let world = resolve.select_world(&[package], Some("plugin")).expect("the world");
        Self::of(&resolve, world)
    }
}

#[test]
fn the_component_imports_the_interfaces_of_the_world_and_nothing_else() {
    assert_eq!(Boundary::of_component().imports, Boundary::of_wit().imports);
}

#[test]
fn the_component_exports_all_that_a_host_calls() {
    assert_eq!(Boundary::of_component().exports, Boundary::of_wit().exports);
}

#[test]
fn the_component_has_function_names_but_no_debug_information() {
    let has = |needle: &[u8]| COMPONENT.windows(needle.len()).any(|window| window == needle);
    assert!(has(b"rollcall_plugin"), "no function names: a trap could not be traced");
    assert!(!has(b".debug_"), "debug information is only dead weight");
}

#[test]
fn the_component_names_no_path_of_the_building_machine() {
    let has = |needle: &[u8]| COMPONENT.windows(needle.len()).any(|window| window == needle);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the workspace");
    for folder in [Some(root.into_os_string()), std::env::var_os("CARGO_HOME")].into_iter().flatten() {
        let folder = folder.into_encoded_bytes();
        assert!(folder.len() < 2 || !has(&folder), "{}", String::from_utf8_lossy(&folder));
    }
}
