//! The presence component, built from `plugin/` while this crate compiles.
//!
//! The same bytes lie as `rollcall_plugin.component.wasm` in cargo's target folder, for hosts
//! that load a file.

/// The component, in the binary format; its world is `rollcall:plugin/plugin` of `wit/plugin.wit`.
pub const COMPONENT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/rollcall_plugin.component.wasm"));
