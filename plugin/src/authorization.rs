//! Who may publish and who may watch.
//!
//! The black list comes first and beats the white list, which beats everything else (WPS-47).
//! Otherwise people deal with what is their own: identities are compared normalized, without regard to
//! the fundamental identities behind them (WPS-23, WPS-36, WPS-44). Of several asserted identities each counts.

use crate::configuration::{Configuration, Decision};
use crate::errors::Refusal;
use crate::identity::{self, NoIdentity, Presentity, Principal};
use crate::lists::List;
use crate::ports::Host;
use crate::sip::Identity;

/// A publisher writes its own document: the sender is the presentity in To (WPS-22, WPS-24), or in
/// the white list.
///
/// # Errors
/// 403 for anybody else, and for those in the black list.
pub fn publish(
    host: &mut dyn Host,
    configuration: &Configuration,
    principal: &Principal,
    presentity: &Presentity<'_>,
) -> Result<(), Refusal> {
    if is_listed(List::Black, host, configuration, principal) {
        return Err(Refusal::Forbidden("Forbidden"));
    }
    if principal.is(presentity.identity.as_str()) || is_listed(List::White, host, configuration, principal) {
        Ok(())
    } else {
        Err(Refusal::Forbidden("Not the Presentity"))
    }
}

/// The document is the sender's own, too: its `entity` names the sender (WPS-24), unless that one is in
/// the white list. In any case what it names is kept where the publication goes (PUB-22).
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
    // Most write the three alike.
    let own = entity == presentity.uri;
    let other;
    let identity = if own {
        &presentity.identity
    } else {
        other = identity::read(host, configuration, entity).map_err(|why| match why {
            NoIdentity::Malformed => Refusal::BadRequest("Malformed Entity".to_owned()),
            why => why.into(),
        })?;
        &other
    };
    if !principal.is(identity.as_str()) && !is_listed(List::White, host, configuration, principal) {
        return Err(Refusal::Forbidden("Entity Is Not the Sender"));
    }
    if !own
        && *identity != presentity.identity
        && identity::fundamental(host, configuration, identity) != presentity.partition()
    {
        return Err(Refusal::BadRequest("Entity Is Not the Presentity".to_owned()));
    }
    Ok(())
}

/// What a watcher may see of a presentity, which is the normalized identity in To. With rules off everybody
/// may watch only themselves (WPS-36); with rules on and none for the presentity the configured default holds.
#[must_use]
pub fn watch(
    host: &mut dyn Host,
    configuration: &Configuration,
    principal: &Principal,
    presentity: &Identity,
) -> Decision {
    if is_listed(List::Black, host, configuration, principal) {
        return Decision::Block;
    }
    let otherwise = if configuration.rules.enabled {
        configuration.rules.default
    } else if principal.is(presentity.as_str()) {
        Decision::Allow
    } else {
        Decision::Block
    };
    if otherwise != Decision::Allow && is_listed(List::White, host, configuration, principal) {
        return Decision::Allow;
    }
    otherwise
}

/// Whether the watchers of a presentity, which is the normalized identity in To, may be seen: rules or not, by
/// the presentity itself and by those in the white list (WPS-44).
#[must_use]
pub fn watch_winfo(
    host: &mut dyn Host,
    configuration: &Configuration,
    principal: &Principal,
    presentity: &Identity,
) -> Decision {
    if is_listed(List::Black, host, configuration, principal) {
        return Decision::Block;
    }
    if principal.is(presentity.as_str()) || is_listed(List::White, host, configuration, principal) {
        Decision::Allow
    } else {
        Decision::Block
    }
}

/// Who may watch the watchers of the watchers: the presentity only (RFC 3857 4.6, WIN-04).
#[must_use]
pub fn watch_winfo_of_winfo(
    host: &mut dyn Host,
    configuration: &Configuration,
    principal: &Principal,
    presentity: &Identity,
) -> Decision {
    if principal.is(presentity.as_str()) && !is_listed(List::Black, host, configuration, principal) {
        Decision::Allow
    } else {
        Decision::Block
    }
}

fn is_listed(list: List, host: &mut dyn Host, configuration: &Configuration, principal: &Principal) -> bool {
    list.is_kept(configuration)
        && principal
            .for_lists(configuration)
            .any(|identity| list.find(host, configuration, identity).is_some())
}
