//! Who may publish and who may watch.

use crate::configuration::{Configuration, Decision};
use crate::errors::Refusal;
use crate::identity::{self, Presentity, Principal};
use crate::ports::Host;
use crate::sip::Uri;

/// A publisher writes its own document: the sender is the presentity in To (WPS-22, WPS-24).
///
/// # Errors
/// 403 for anybody else.
pub fn publish(principal: &Principal, presentity: &Presentity<'_>) -> Result<(), Refusal> {
    if principal.is(presentity.identity.as_str()) {
        Ok(())
    } else {
        Err(Refusal::Forbidden("Not the Presentity"))
    }
}

/// The document is the sender's own, too: its `entity` names the sender (WPS-24), and what
/// it names is kept where the publication goes (PUB-22).
///
/// # Errors
/// 403 if the entity is somebody else's, 400 if it is no URI or of another presentity.
pub fn publish_entity(
    host: &mut dyn Host,
    configuration: &Configuration,
    principal: &Principal,
    presentity: &Presentity<'_>,
    entity: &str,
) -> Result<(), Refusal> {
    let uri = Uri::parse(entity).map_err(|_| Refusal::BadRequest("Malformed Entity".to_owned()))?;
    let identity = identity::normalize(host, configuration, &uri, entity)?;
    if !principal.is(identity.as_str()) {
        return Err(Refusal::Forbidden("Entity Is Not the Sender"));
    }
    if identity::fundamental(host, configuration, &identity) != presentity.partition() {
        return Err(Refusal::BadRequest("Entity Is Not the Presentity".to_owned()));
    }
    Ok(())
}

/// What a watcher may see. With rules off everybody may watch only themselves (WPS-36);
/// with rules on and none for the presentity the configured default holds.
#[must_use]
pub fn watch(principal: &Principal, presentity: &Presentity<'_>, configuration: &Configuration) -> Decision {
    if configuration.rules.enabled {
        configuration.rules.default
    } else if principal.is(presentity.identity.as_str()) {
        Decision::Allow
    } else {
        Decision::Block
    }
}
