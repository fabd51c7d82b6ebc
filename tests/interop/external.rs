//! Presence from outside, from peers that were not made for it: Kamailio as a registrar and as
//! another presence community, and a real phone that registers there.

use crate::foreign::{Foreign, PASSWORD, Role, USER};
use crate::phone::{BaresipPhone, Does};
use rollcall_tests::endpoint::Transport;
use rollcall_tests::{Config, Document, Phone, Pidf, Server, Subscription};
use std::time::Duration;

/// How long the sources grant a subscription at most; Rollcall asks for no more.
const EXPIRES: i64 = 3_000;

fn credentials() -> toml::Value {
    let table = [("username", USER), ("password", PASSWORD)];
    toml::Value::Table(table.into_iter().map(|(key, value)| (key.to_owned(), value.into())).collect())
}

fn source(foreign: &Foreign) -> toml::Table {
    toml::Table::from_iter([
        ("target".to_owned(), format!("sip:{}", foreign.address()).into()),
        ("expires".to_owned(), EXPIRES.into()),
        ("grace".to_owned(), 0.into()),
        ("credentials".to_owned(), credentials()),
    ])
}

fn registrar(config: Config, foreign: &Foreign) -> Config {
    let mut table = source(foreign);
    table.insert("name".to_owned(), "registrar".into());
    table.insert("domain".to_owned(), "example.com".into());
    let config = config.set("external.super_user", "sip:presence@example.com");
    config.set("external.registrar", vec![toml::Value::Table(table)])
}

fn community(config: Config, foreign: &Foreign) -> Config {
    let mut table = source(foreign);
    table.insert("name".to_owned(), "partner".into());
    table.insert("identities".to_owned(), "partner.json".into());
    let config = config.set("external.super_user", "sip:presence@example.com");
    config.set("external.community", vec![toml::Value::Table(table)])
}

const PARTNERS: (&str, &str) = ("partner.json", r#"{"sip:alice@example.com": "sip:al@partner.example"}"#);

/// A phone of the community.
fn partner(foreign: &Foreign) -> Phone {
    Phone::at(foreign.address(), foreign.address(), Transport::Udp, "sip:al@partner.example", false)
}

/// The next document in which the tuples say this, by contact and basic status.
#[track_caller]
fn wait_tuples(subscription: &mut Subscription<'_>, expected: &[(Option<&str>, &str)]) -> Document {
    let mut expected: Vec<_> = expected
        .iter()
        .map(|(contact, basic)| (contact.map(str::to_owned), Some((*basic).to_owned())))
        .collect();
    expected.sort();
    let said = |document: &Document| {
        let tuples = document.tuples().into_iter();
        let mut said: Vec<_> = tuples.map(|tuple| (tuple.contact, tuple.basic)).collect();
        said.sort();
        said
    };
    subscription.notify_until(|notify| said(&notify.document()) == expected).document()
}

/// How the community says that she can be reached.
const IM: &str = "im:al@partner.example";

const ALICE: &str = "sip:alice@example.com";

/// WPS-05 to WPS-07, EXT-01, EXT-10, EXT-12: a client that registers and never publishes has a
/// presence document, which shows its public identity and not its device.
#[test]
fn a_phone_that_registers_and_never_publishes_has_a_document() {
    let foreign = Foreign::start(Role::Registrar);
    let server = Server::start(registrar(Config::new(), &foreign));
    let bob = Phone::udp(&server, "sip:bob@example.com");
    let mut watching = bob.subscribe(ALICE);
    assert!(watching.notify().document().is_neutral());

    let alice = BaresipPhone::start(foreign.address(), "alice", "not asked for", Does::Register);
    alice.wait_registered();
    let document = wait_tuples(&mut watching, &[(Some(ALICE), "open")]);
    assert!(!document.text().contains("127.0.0.1"), "the device's address: {}", document.text());

    alice.quit();
    let end = watching.notify();
    assert!(end.document().is_neutral(), "{}", end.document().text());
}

/// WPS-04, WPS-08, WPS-13, EXT-17: registrar and community end in one document, with what is published here.
#[test]
fn a_registrar_and_a_community_and_a_publication_are_one_document() {
    let (scscf, partners) = (Foreign::start(Role::Registrar), Foreign::start(Role::Community));
    let config = community(registrar(Config::new(), &scscf), &partners);
    let server = Server::start_with(&[PARTNERS], config);
    let over_there = partner(&partners);
    let there = Pidf::of("sip:al@partner.example").reachable("t1", "open", IM);
    let mut published = over_there.publish(&there.text());

    let bob = Phone::udp(&server, "sip:bob@example.com");
    let mut watching = bob.subscribe(ALICE);
    wait_tuples(&mut watching, &[(Some(IM), "open")]);

    let alice = BaresipPhone::start(scscf.address(), "alice", "not asked for", Does::Register);
    alice.wait_registered();
    wait_tuples(&mut watching, &[(Some(IM), "open"), (Some(ALICE), "open")]);

    let desk = Phone::udp(&server, ALICE);
    let here = Pidf::of(ALICE).reachable("t1", "closed", "sip:alice-at-home@example.com");
    let _publication = desk.publish(&here.text());
    let home = (Some("sip:alice-at-home@example.com"), "closed");
    let all = wait_tuples(&mut watching, &[(Some(IM), "open"), (Some(ALICE), "open"), home]);
    assert_eq!(all.entity(), ALICE);

    published.modify(&there.reachable("t2", "closed", "tel:+15550177").text());
    let second = (Some("tel:+15550177"), "closed");
    wait_tuples(&mut watching, &[(Some(IM), "open"), second, (Some(ALICE), "open"), home]);
}

/// EXT-14, EXT-15: a source that was killed has forgotten the dialog; what it said counts until then,
/// and a new subscription takes its place.
#[test]
fn a_source_that_was_killed_and_came_back_is_subscribed_to_anew() {
    let mut partners = Foreign::start(Role::Community);
    let server = Server::start_with(&[PARTNERS], community(Config::new().clock(), &partners));
    let over_there = partner(&partners);
    let there = |basic| Pidf::of("sip:al@partner.example").reachable("t1", basic, IM).text();
    let _published = over_there.publish(&there("open"));
    let bob = Phone::udp(&server, "sip:bob@example.com");
    let mut watching = bob.subscribe(ALICE);
    wait_tuples(&mut watching, &[(Some(IM), "open")]);

    partners.kill();
    // The source is dead: NOTIFYs go on at once, and what it said still counts.
    let desk = Phone::udp(&server, ALICE);
    let mut publication = desk.publish(&Pidf::of(ALICE).tuple("t1", "closed").text());
    wait_tuples(&mut watching, &[(None, "closed"), (Some(IM), "open")]);

    partners.restart();
    let _published = over_there.publish(&there("closed"));
    // The refresh finds no dialog over there.
    watching.refresh(3_600);
    publication.refresh();
    let closed = |document: &Document| document.basics() == ["closed", "closed"];
    advance_until(&server, &mut watching, EXPIRES as u64, closed);
}

/// Moves the virtual clock on in steps until a document is as wanted, so many seconds at most.
#[track_caller]
fn advance_until(
    server: &Server,
    watching: &mut Subscription<'_>,
    most: u64,
    fits: impl Fn(&Document) -> bool,
) {
    let came = (0..most / 30).any(|_| {
        server.advance(Duration::from_secs(29));
        // What that has brought about is on its way, and may have its own time to come.
        let early = watching.try_notify(Duration::from_millis(50));
        if early.is_some_and(|notify| fits(&notify.document())) {
            return true;
        }
        server.advance(Duration::from_secs(1));
        watching.try_notify(Duration::from_millis(100)).is_some_and(|notify| fits(&notify.document()))
    });
    assert!(came, "not within {most} s of the server's clock:\n{}", server.log());
}

/// EXT-15: cut off in the middle of a dialog, a source delays no NOTIFY, and its contribution ages out
/// when its subscription would have ended. Once it can be reached again, it is asked again.
#[test]
fn a_source_that_is_cut_off_ages_out_and_comes_back() {
    let partners = Foreign::start(Role::Community);
    let server = Server::start_with(&[PARTNERS], community(Config::new().clock(), &partners));
    let over_there = partner(&partners);
    let there = Pidf::of("sip:al@partner.example").tuple("t1", "open").text();
    let _published = over_there.publish(&there);
    let bob = Phone::udp(&server, "sip:bob@example.com");
    let mut watching = bob.subscribe(ALICE);
    wait_tuples(&mut watching, &[(None, "open")]);
    let desk = Phone::udp(&server, ALICE);
    let _publication = desk.publish(&Pidf::of(ALICE).tuple("t1", "closed").text());
    wait_tuples(&mut watching, &[(None, "closed"), (None, "open")]);

    partners.freeze();
    watching.refresh(3_600);
    let (mut passed, step) = (0, 100);
    while passed < EXPIRES {
        server.advance(Duration::from_secs(step));
        passed += step as i64;
    }
    wait_tuples(&mut watching, &[(None, "closed")]);

    partners.thaw();
    // The longest pause between two attempts is ten minutes.
    watching.refresh(3_600);
    advance_until(&server, &mut watching, 1_200, |document| document.tuples().len() == 2);
}

/// EXT-18, RFC 3261 22: the server answers the challenge of a real peer; with a wrong password there is nothing to
/// see, and the operator is told.
#[test]
fn a_wrong_password_is_told_and_not_tried_again_and_again() {
    let partners = Foreign::start(Role::Community);
    let config = community(Config::new(), &partners);
    let mut sources = config.get("external.community").unwrap().as_array().unwrap().clone();
    let table = sources[0].as_table_mut().unwrap();
    table["credentials"].as_table_mut().unwrap().insert("password".to_owned(), "wrong".into());
    let server = Server::start_with(&[PARTNERS], config.set("external.community", sources));
    let bob = Phone::udp(&server, "sip:bob@example.com");
    let mut watching = bob.subscribe(ALICE);
    assert!(watching.notify().document().is_neutral());
    server.wait_metrics("the failure of the source", |metrics| {
        metrics
            .sum("rollcall_plugin_source_failures_total", &["source=\"partner\""])
            .is_some_and(|failures| failures >= 1.0)
    });
    assert!(!server.log().contains(PASSWORD) && !server.log().contains("wrong\""), "a password in the log");
}
