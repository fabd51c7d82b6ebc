#![no_main]

use std::ops::ControlFlow;

use rollcall_sources::{Format, read};

// Whatever a file of identities holds: the lines of its rows and problems exist and never go back, and a row
// has a value. The first byte chooses the format.
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((format, text)) = bytes.split_first() else { return };
    let format = match format % 3 {
        0 => Format::Json,
        1 => Format::Csv,
        _ => Format::List,
    };
    let lines = text.iter().filter(|byte| **byte == b'\n').count() + 1;
    let mut last = 1;
    let flow = read(text, format, &mut |found| {
        let line = match found {
            Ok(row) => {
                assert!(!row.fields.is_empty());
                row.line
            }
            Err(problem) => {
                assert!(!problem.message.is_empty());
                problem.line.unwrap_or(last)
            }
        };
        assert!(last <= line && line as usize <= lines, "{last} {line} {lines}");
        last = line;
        ControlFlow::Continue(())
    });
    assert!(flow.is_continue());
});
