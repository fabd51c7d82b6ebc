//! Builds the test plugin.

fn main() {
    rollcall_guest_builder::Guest::new("guest").build_script("rollcall_test_guest.component.wasm");
}
