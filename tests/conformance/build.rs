//! Builds the plugin that the driver talks to.

fn main() {
    rollcall_guest_builder::Guest::new("guest").build_script("rollcall_conformance.component.wasm");
}
