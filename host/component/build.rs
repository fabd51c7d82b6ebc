//! Builds the presence component from `plugin/`.

fn main() {
    rollcall_guest_builder::Guest::new("../../plugin").build_script("rollcall_plugin.component.wasm");
}
