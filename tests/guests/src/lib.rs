//! The test plugin as a component, in several editions, and what it can be told.
//!
//! A request's body, a timer's or post's payload, the token of a request and a document are
//! *scripts*: statements, one a line, each a word and its arguments. A script within a script
//! has `;` for the line end, and one within that `|`. What the script prints becomes the body of
//! the answer. The words are in `guest/src/words.rs` and `guest/src/hostile.rs`.

mod hostile;

/// The plugin: reads and writes records of schema 1.
pub const GUEST: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/rollcall_test_guest.component.wasm"));

/// The presence component of before: reads and writes records of schema 2.
pub const FORMER: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/rollcall_plugin_former.component.wasm"));

/// The presence component between that and today's: reads schemas 2 and 3, writes 2.
#[must_use]
pub fn bridge() -> Vec<u8> {
    replaced(FORMER, "rollcall-schemas:former", "rollcall-schemas:bridge")
}

/// Identity rules whose first argument (the user, if it is a SIP URI) says what they do, and which else give back
/// the second; the words are in `identity/src/lib.rs`.
pub const IDENTITY_RULES: &[u8] =
    include_bytes!(concat!(env!("OUT_DIR"), "/rollcall_test_identity.component.wasm"));

/// The identity rules of `examples/identity-rules`.
pub const EXAMPLE_RULES: &[u8] =
    include_bytes!(concat!(env!("OUT_DIR"), "/rollcall_identity_rules.component.wasm"));

/// Built against an older version of the package. This one and those below trap in every call.
pub const OLDER: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/older.component.wasm"));

/// Built against a newer version of the package, which has one interface more.
pub const NEWER: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/newer.component.wasm"));

/// Built against the same version with another type in it.
pub const ALTERED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/altered.component.wasm"));

/// Imports a part of WASI, and does not export what tells what it is.
pub const STRANGE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/strange.component.wasm"));

/// A mark in the component that tells its edition.
const PLAIN: &str = "rollcall-edition:plain...";

/// Other editions of the plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edition {
    /// Version 2: reads schemas 1 and 2, writes 2, says so in `version`.
    Second,
    /// Reads and writes schema 3 only.
    Estranged,
    /// Traps in every step.
    Fragile,
    /// Traps in `describe`.
    Mute,
    /// Never returns from `describe`.
    Endless,
}

impl Edition {
    /// The component.
    pub fn component(self) -> Vec<u8> {
        let mark = match self {
            Edition::Second => "rollcall-edition:second..",
            Edition::Estranged => "rollcall-edition:estrange",
            Edition::Fragile => "rollcall-edition:fragile.",
            Edition::Mute => "rollcall-edition:mute....",
            Edition::Endless => "rollcall-edition:endless.",
        };
        with_text(PLAIN, mark)
    }
}

/// The plugin with one text of it replaced, see [`replaced`].
///
/// # Panics
/// If the lengths differ or the text does not occur.
pub fn with_text(text: &str, by: &str) -> Vec<u8> {
    replaced(GUEST, text, by)
}

/// A component with one text of it replaced by another of the same length, wherever it stands:
/// names of interfaces, for example.
///
/// # Panics
/// If the lengths differ or the text does not occur.
pub fn replaced(component: &[u8], text: &str, by: &str) -> Vec<u8> {
    assert_eq!(text.len(), by.len(), "lengths are written in front of names");
    let mut component = component.to_vec();
    let mut found = 0;
    let mut at = 0;
    while let Some(rest) = component.get(at..at + text.len()) {
        if rest == text.as_bytes() {
            component[at..at + text.len()].copy_from_slice(by.as_bytes());
            found += 1;
        }
        at += 1;
    }
    assert!(found > 0, "the component does not contain {text:?}");
    component
}
