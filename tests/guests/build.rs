//! Builds the test plugin, the identity rules for tests, and those among the examples.

// A build script has no other way to say that it cannot go on.
#![allow(clippy::expect_used)]

mod interfaces;

use rollcall_guest_builder::Guest;

fn main() {
    interfaces::build();
    Guest::new("guest").build_script("rollcall_test_guest.component.wasm");
    Guest::new("../../plugin")
        .feature("former-schemas")
        .build_script("rollcall_plugin_former.component.wasm");
    Guest::new("identity").build_script("rollcall_test_identity.component.wasm");
    Guest::new("../../examples/identity-rules").build_script("rollcall_identity_rules.component.wasm");
}
