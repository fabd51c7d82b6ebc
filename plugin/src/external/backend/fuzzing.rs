//! Entry for fuzzers.

use super::request::{read_way_back, way_back};
use crate::configuration::Configuration;

/// A Request-URI that anybody may send a NOTIFY to.
///
/// # Panics
/// If what it leads to is not found again by the way back to it.
pub fn request_uri(data: &[u8]) {
    let Ok(uri) = str::from_utf8(data) else { return };
    let Some((id, resource)) = read_way_back(uri) else { return };
    let json = r#"{"presence": {"domains": ["b"]}, "external": {"super_user": "sip:a@b", "community": [
        {"name": "x", "domain": "b.example", "target": "sip:c"}]}}"#;
    let Ok(configuration) = Configuration::parse(json) else { return };
    let Some(mut source) = configuration.external.first().cloned() else { return };
    source.id = id;
    let uri = format!("sip:{}@192.0.2.1:5060", way_back(&source, &resource));
    assert_eq!(read_way_back(&uri), Some((id, resource)));
}
