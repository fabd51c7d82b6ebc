use super::composed::Composed;
use super::identity;
use crate::pidf::instant;
use crate::ports::Instant;

/// A document that says no more than that the presentity cannot be reached, for watchers
/// who are politely blocked (RFC 5025 section 3.2.1): one tuple, `closed`.
///
/// The identifier comes from `seed` and looks like one of a composed document. Let the
/// caller derive the seed from the watcher's and the presentity's identity and a secret:
/// it then stays the same over the subscription, as a real one does. `timestamp`, if
/// given, is when the tuple pretends to have been published.
#[must_use]
pub fn neutral(seed: u64, timestamp: Option<Instant>) -> Composed {
    Composed::build(0, 160, |out| {
        let name = identity::suffix(identity::mix(seed));
        let suffix = identity::suffix(identity::mix(!seed));
        out.extend_from_slice(b"<tuple id=\"t");
        out.extend_from_slice(name.get(1..9).unwrap_or_default());
        out.extend_from_slice(&suffix);
        out.extend_from_slice(b"\"><status><basic>closed</basic></status>");
        if let Some(instant) = timestamp {
            out.extend_from_slice(b"<timestamp>");
            instant::write(instant, out);
            out.extend_from_slice(b"</timestamp>");
        }
        out.extend_from_slice(b"</tuple>");
    })
}
