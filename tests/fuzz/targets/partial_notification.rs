#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rollcall_plugin::pidf_diff::fuzzing::notified(data));
