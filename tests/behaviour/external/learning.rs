//! Implicit registration sets as a source of the identity map (`identity.learn`).

use rollcall_tests::reginfo::{REGINFO, contact_element};
use rollcall_tests::{Config, Phone, Reginfo, Server, Source};

use super::*;

const NUMBER: &str = "tel:+15550100";
const WORK: &str = "sip:al.work@example.com";

/// What the registrar tells of Alice: these identities, all registered.
fn set(identities: &[&str]) -> String {
    let mut reginfo = Reginfo::full();
    for (index, identity) in identities.iter().enumerate() {
        let contact = contact_element("c1", "registered", DEVICE, "");
        reginfo = reginfo.registration(identity, &format!("r{index}"), &contact);
    }
    reginfo.text()
}

fn registrar() -> Source {
    let registrar = Source::registrar();
    registrar.knows(ALICE, REGINFO, &set(&[ALICE, WORK, NUMBER]));
    registrar
}

/// WPS-22 without a map: the aliases that the registrar names lead to the one presentity, for PUBLISH and SUBSCRIBE; one that it names no longer leads
/// nowhere.
#[test]
fn aliases_of_the_registrar_need_no_provisioning() {
    let registrar = registrar();
    let config = Config::new().set("identity.learn", "registrar").source("registrar", scscf(&registrar));
    let server = Server::start(config);
    let watcher = Phone::udp(&server, BOB);
    let mut watching = watcher.subscribe(ALICE);
    shown(&mut watching, |document| is_open(document, WORK));
    let carol = Phone::udp(&server, CAROL);
    // That they are learnt is seen when they show what is published of Alice.
    let phone = Phone::udp(&server, ALICE);
    let _publication = phone.publish(&noted(ALICE, "as-alice"));
    let seen = |who: &str| {
        let mut fetch = carol.subscribe_with(carol.subscribe_request(who).with("Expires", "0"));
        notes(&fetch.notify().document())
    };
    wait_until("the alias is learnt", || seen(WORK) == ["as-alice"]);
    let work = Phone::udp(&server, WORK);
    let _other = work.publish(&noted(WORK, "as-work"));
    shown(&mut watching, |document| notes(document) == ["as-alice", "as-work"]);
    assert_eq!(seen(ALICE), ["as-alice", "as-work"]);
    registrar.tells(ALICE, REGINFO, &set(&[ALICE]));
    wait_until("the alias is unlearnt", || seen(WORK) != ["as-alice", "as-work"]);
}

/// It is off by default: without it an alias is somebody else.
#[test]
fn nothing_is_learnt_unless_it_is_wanted() {
    let registrar = registrar();
    let server = Server::start(Config::new().source("registrar", scscf(&registrar)));
    let watcher = Phone::udp(&server, BOB);
    let mut watching = watcher.subscribe(ALICE);
    shown(&mut watching, |document| is_open(document, WORK));
    let phone = Phone::udp(&server, ALICE);
    let _publication = phone.publish(&noted(ALICE, "as-alice"));
    shown(&mut watching, |document| notes(document) == ["as-alice"]);
    let mut fetch = watcher.subscribe_with(watcher.subscribe_request(WORK).with("Expires", "0"));
    assert_eq!(notes(&fetch.notify().document()), [""; 0]);
}
