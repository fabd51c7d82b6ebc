#![no_main]

use rollcall_plugin::configuration::Configuration;

// A configuration that is refused says why.
libfuzzer_sys::fuzz_target!(|json: &str| {
    if let Err(problems) = Configuration::parse(json) {
        assert!(!problems.is_empty());
    }
});
