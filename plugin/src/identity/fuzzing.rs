//! Entry points for fuzzers. Each takes any bytes; a panic is a finding.

use super::normalizer::{MAX_URI, Normalizer, Telephone, domain};
use crate::sip::Uri;

/// The settings of a number: every combination has one.
fn settings(number: u8) -> Normalizer {
    let bit = |bit: u8| number & 1 << bit != 0;
    let kept: &[&str] = if bit(4) { &["maddr", "transport", "user"] } else { &[] };
    Normalizer {
        case_sensitive_user: bit(0),
        strip_port: bit(1),
        ignore_scheme: bit(2),
        pres_as_sip: bit(2) || bit(3),
        keep_parameters: kept.iter().map(|name| (*name).to_owned()).collect(),
        telephone: match number >> 5 {
            0..3 => Telephone::Sip,
            3..6 => Telephone::Tel,
            _ => Telephone::Global,
        },
    }
}

/// The normalizer: the first byte chooses the settings, the rest is one URI or two, divided by a line end.
/// What is normal stays so, and equal URIs are one identity.
pub fn normalizer(data: &[u8]) {
    let Some((number, text)) = data.split_first() else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    let normalizer = settings(*number);
    let (a, b) = text.split_once('\n').unwrap_or((text, ""));
    if let Ok(identity) = normalizer.read(a) {
        assert!(identity.as_str().is_ascii() && identity.as_str().len() <= 4 * MAX_URI);
        assert_eq!(normalizer.read(identity.as_str()).as_ref(), Ok(&identity));
        assert!(domain(identity.as_str()).is_none_or(|domain| !domain.is_empty()));
    }
    if let (Ok(a), Ok(b)) = (Uri::parse(a), Uri::parse(b))
        && a == b
    {
        assert_eq!(normalizer.identity(&a), normalizer.identity(&b));
    }
}

/// Rows of tables: the first byte chooses the table, each line is a row with its fields between commas.
/// Rows are taken or told by their lines, and every value of the map is a key of it, with itself.
#[cfg(not(target_family = "wasm"))]
pub fn rows(data: &[u8]) {
    use super::MAX_IDENTITY;
    use crate::handler::Presence;
    use crate::tables::{Row, TABLES};
    use crate::testing::MemoryHost;

    const CONFIGURATION: &str = r#"{"presence":{"domains":["example.com"]},"identity":{"map":true},
        "lists":{"white":true,"black":true}}"#;
    let Some((number, text)) = data.split_first() else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    let Ok(presence) = Presence::configure(CONFIGURATION) else { return };
    let table = TABLES[usize::from(*number) % TABLES.len()];
    let rows: Vec<Vec<String>> =
        text.lines().map(|line| line.split(',').map(str::to_owned).collect()).collect();
    let numbered = rows.iter().zip(1..).map(|(fields, line)| Row { line, fields });
    match presence.build_table(&mut MemoryHost::new(0, 0), table, numbered) {
        Err(problems) => {
            assert!(!problems.is_empty());
            assert!(problems.iter().all(|(line, _)| (1..=rows.len()).contains(&(*line as usize))));
        }
        Ok(entries) => {
            for (key, value) in &entries {
                assert!(!key.is_empty() && key.len() <= MAX_IDENTITY + 1 && value.len() <= MAX_IDENTITY);
                assert!(table != TABLES[0] || entries.iter().any(|(k, v)| k == value && v == value));
            }
        }
    }
}
