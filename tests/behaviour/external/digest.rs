//! Sources that ask who the server is (RFC 3261 22, RFC 7616, RFC 8760).

use std::time::Duration;

use rollcall_tests::reginfo::REGINFO;
use rollcall_tests::source::Digest;
use rollcall_tests::{Config, Phone, Reginfo, Server, Source};

use super::*;

fn registrar(algorithms: &[&'static str]) -> Source {
    let registrar = Source::registrar();
    registrar.knows(ALICE, REGINFO, &Reginfo::registered(ALICE, DEVICE));
    registrar.grant(600);
    registrar.challenge(Digest::new("presence", "open sesame", algorithms));
    registrar
}

fn credentials(key: &str, value: &str) -> Table {
    let mut credentials = Table::new();
    credentials.insert("username".to_owned(), "presence".into());
    credentials.insert(key.to_owned(), value.into());
    credentials
}

fn server(registrar: &Source, credentials: Table) -> Server {
    let source = with(scscf(registrar), "credentials", credentials);
    Server::start_with(&[("secret", "open sesame\n")], Config::new().clock().source("registrar", source))
}

/// Credentials for this source are given when it asks, in one more request of the same dialog, and with every refresh; of
/// several algorithms the topmost is used (RFC 8760 2.4). The password may stand in a file of its own.
#[test]
fn credentials_are_given_when_asked_for() {
    for (algorithms, used, (key, value)) in [
        (&["MD5"][..], "MD5", ("password", "open sesame")),
        (&["SHA-256"], "SHA-256", ("password_file", "secret")),
        (&["SHA-256", "MD5"], "SHA-256", ("password", "open sesame")),
    ] {
        let registrar = registrar(algorithms);
        let server = server(&registrar, credentials(key, value));
        let watcher = Phone::udp(&server, BOB);
        let mut subscription = watcher.subscribe(ALICE);
        shown(&mut subscription, |document| is_open(document, ALICE));
        let asked = registrar.subscribe().expect_initial(ALICE, 401);
        let taken = registrar.subscribe();
        assert_eq!(taken.status, 200, "{}", taken.message);
        assert_eq!(taken.message.call_id(), asked.message.call_id(), "RFC 3261 22.2");
        assert!(taken.message.cseq() > asked.message.cseq(), "RFC 3261 22.2");
        let sent = taken.message.header("Authorization").unwrap_or_default();
        assert!(sent.contains(&format!("algorithm={used}")), "{sent}");
        assert!(!sent.contains("sesame"), "{sent}");
        Source::advance(&server, &[&registrar], Duration::from_secs(580));
        let mut refresh = registrar.subscribe();
        if refresh.status == 401 {
            refresh = registrar.subscribe();
        }
        assert_eq!(refresh.status, 200, "{}", refresh.message);
        // Another nonce: what was right before is stale.
        let mut renewed = Digest::new("presence", "open sesame", algorithms);
        renewed.renew();
        registrar.challenge(renewed);
        Source::advance(&server, &[&registrar], Duration::from_secs(580));
        registrar.subscribe();
        let again = registrar.subscribe();
        assert_eq!(again.status, 200, "{}", again.message);
        subscription.refresh(3600);
        assert!(is_open(&subscription.notify().document(), ALICE));
    }
}

/// A wrong password is tried once, told to the operator without the password, and not tried for ever.
#[test]
fn a_wrong_password_is_no_loop() {
    for credentials in [Some(credentials("password", "sesame seeds")), None] {
        let registrar = registrar(&["MD5"]);
        let server = match credentials.clone() {
            Some(credentials) => server(&registrar, credentials),
            None => Server::start(Config::new().clock().source("registrar", scscf(&registrar))),
        };
        let watcher = Phone::udp(&server, BOB);
        let mut subscription = watcher.subscribe(ALICE);
        assert!(subscription.notify().document().is_neutral());
        registrar.subscribe().expect_initial(ALICE, 401);
        if credentials.is_some() {
            assert_eq!(registrar.subscribe().status, 401);
        }
        registrar.assert_quiet();
        let mut tries = 0;
        for _ in 0..30 {
            Source::advance(&server, &[&registrar], Duration::from_secs(60));
            while registrar.try_subscribe(Duration::from_millis(5)).is_some() {
                tries += 1;
            }
        }
        assert!(tries <= 20, "{tries} tries in half an hour");
        assert!(!server.log().contains("sesame seeds"), "{}", server.log());
        wait_until("a line in the log", || server.log().contains("scscf"));
    }
}
