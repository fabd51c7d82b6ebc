//! The presence component runs elsewhere, too: jco makes JavaScript of it, and the host of `host.mjs` has it
//! answer under Node. What is checked is in `scene.mjs`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod jco;

/// Issue 6, "Portability": PUBLISH, SUBSCRIBE and NOTIFY, an alias, expiry and the throttle.
#[test]
fn the_component_answers_under_node() {
    let plugin = jco::transpiled("plugin", rollcall_component::COMPONENT);
    let scene = jco::sources().join("scene.mjs");
    let report = jco::run("node", &[scene.to_str().unwrap(), plugin.to_str().unwrap()]);
    assert!(report.contains("pass 6"), "{report}");
}
