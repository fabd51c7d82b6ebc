//! Rust types of the WIT package, made by wasmtime from `wit/plugin.wit`.

// The generated code says `unsafe` where it trusts its own type checks.
#![allow(missing_docs, clippy::all, unsafe_code)]

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "plugin",
    ownership: Borrowing { duplicate_if_necessary: true },
    imports: { default: trappable },
});

/// The world of a site's own identity rules.
pub(crate) mod rules {
    wasmtime::component::bindgen!({ path: "../../wit", world: "identity-rules" });
}
