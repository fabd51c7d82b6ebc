//! A site's own identity rules: the boundary. What they are is in `rules`.

// Native builds test the rules and export nothing.
#![cfg_attr(not(target_family = "wasm"), allow(dead_code))]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod rules;

/// Generated code: it crosses the boundary with raw pointers, which safe Rust cannot.
#[cfg(target_family = "wasm")]
#[allow(unsafe_code, missing_docs, clippy::all, clippy::panic, clippy::unwrap_used, clippy::expect_used)]
mod bindings {
    wit_bindgen::generate!({ path: "../../wit", world: "identity-rules" });
    use super::rules;
    use exports::rollcall::plugin::identity::{Failure, Guest};

    struct Component;

    impl Guest for Component {
        fn normalize(uri: String, normalized: String) -> Result<String, Failure> {
            rules::normalize(&uri, &normalized).map_err(Failure::Refused)
        }

        fn fundamental(identity: String, mapped: String) -> Result<String, Failure> {
            Ok(rules::fundamental(&identity, &mapped))
        }
    }

    export!(Component);
}
