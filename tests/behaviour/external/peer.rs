//! NOTIFYs from sources are taken in the right dialog from the right peer only (EXT-16).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rollcall_tests::message::Message;
use rollcall_tests::reginfo::REGINFO;
use rollcall_tests::rng::unique;
use rollcall_tests::server::free_port;
use rollcall_tests::{Config, Phone, Reginfo, Server, Source};

use super::*;

fn watched(server: &Server) -> Phone {
    Phone::udp(server, BOB)
}

/// RFC 6665 4.1.3, RFC 3261 12.2.2 (EXT-16): what belongs to no subscription of the server's is 481: another Call-ID,
/// other tags, another routing text. None of it changes anything.
#[test]
fn a_notify_out_of_dialog_is_refused() {
    let (server, registrar) = registered(Config::new());
    let watcher = watched(&server);
    let mut subscription = watcher.subscribe(ALICE);
    shown(&mut subscription, |document| is_open(document, ALICE));
    let right = || {
        let gone = Reginfo::unregistered(ALICE).replace(rollcall_tests::source::VERSION, "9");
        registrar.notification(ALICE, None).body(REGINFO, gone)
    };
    let uri = right().uri().to_owned();
    let tagged = |name: &str, of: &Message| {
        let value = of.header(name).unwrap_or_default();
        format!("{};tag={}", value.split(";tag=").next().unwrap_or_default(), unique("x"))
    };
    let wrong: [(&str, &dyn Fn(Message) -> Message); 6] = [
        ("Call-ID", &|notify| notify.with("Call-ID", unique("other"))),
        ("From tag", &|notify| {
            let from = tagged("From", &notify);
            notify.with("From", from)
        }),
        ("To tag", &|notify| {
            let to = tagged("To", &notify);
            notify.with("To", to)
        }),
        ("another's", &|notify| notify.at(&uri.replace("alice", "bob"))),
        ("nobody's", &|notify| notify.at(&format!("sip:nobody@{}", server.udp()))),
        ("no user", &|notify| notify.at(&format!("sip:{}", server.udp()))),
    ];
    for (what, wrong) in wrong {
        let answer = registrar.send(&wrong(right()));
        assert_eq!(answer.status(), 481, "{what}: {answer}");
    }
    subscription.refresh(3600);
    assert!(is_open(&subscription.notify().document(), ALICE));
    let _ = registrar.send(&right()).expect(200);
    shown(&mut subscription, |document| !is_open(document, ALICE));
}

/// EXT-16: the right dialog from the wrong machine is 403; the source's own networks and the trusted peers may send.
#[test]
fn a_notify_from_a_stranger_is_forbidden() {
    let registrar = Source::registrar();
    registrar.knows(ALICE, REGINFO, &Reginfo::registered(ALICE, DEVICE));
    let config = Config::new()
        .set("sip.trusted", vec!["127.0.0.1", "127.0.0.4"])
        .source("registrar", with(scscf(&registrar), "peers", vec!["127.0.0.1", "127.0.0.8/30"]));
    let server = Server::start(config);
    let watcher = watched(&server);
    let mut subscription = watcher.subscribe(ALICE);
    shown(&mut subscription, |document| is_open(document, ALICE));
    for (last, status) in [(2, 403), (12, 403), (4, 200), (9, 200), (1, 200)] {
        let stranger = Phone::from(&server, IpAddr::V4(Ipv4Addr::new(127, 0, 0, last)), BOB);
        let notify = registrar.notification(ALICE, None).with("Via", stranger.via());
        let answer = stranger.send(&notify);
        assert_eq!(answer.status(), status, "from 127.0.0.{last}: {answer}");
    }
}

/// RFC 3261 19.1.1: the same over IPv6; who is no peer is not, there either.
#[test]
fn sources_may_be_reached_over_ipv6() {
    let local = IpAddr::V6(Ipv6Addr::LOCALHOST);
    let registrar = Source::registrar_at(local);
    registrar.knows(ALICE, REGINFO, &Reginfo::registered(ALICE, DEVICE));
    let port = free_port();
    let all = vec![format!("udp:[::1]:{port}"), format!("tcp:[::1]:{port}")];
    let config = |trusted: &str, peers: &str| {
        let source = with(scscf(&registrar), "peers", vec![peers]);
        Config::new()
            .set("sip.listen", all.clone())
            .set("sip.trusted", vec![trusted])
            .source("registrar", source)
    };
    let server = Server::start(config("::1", "2001:db8::/32"));
    let watcher = Phone::from(&server, local, BOB);
    let mut subscription = watcher.subscribe(ALICE);
    shown(&mut subscription, |document| is_open(document, ALICE));
    registrar.tells(ALICE, REGINFO, &Reginfo::unregistered(ALICE));
    shown(&mut subscription, |document| !is_open(document, ALICE));
    registrar.subscribe();
    drop(subscription);
    drop(server);

    // Nobody is trusted for other things, but the source has its network.
    for (peers, status) in [("::/64", 200), ("2001:db8::/32", 403)] {
        let registers = with(scscf(&registrar), "start", "always");
        let registers = with(with(registers, "identities", "all.json"), "peers", vec![peers]);
        let config = Config::new().set("sip.listen", all.clone()).set("sip.trusted", vec!["192.0.2.1"]);
        let known = "{\"sip:alice@example.com\": \"sip:alice@example.com\"}";
        registrar.mute(true);
        let _server = Server::start_with(&[("all.json", known)], config.source("registrar", registers));
        wait_until("the subscription", || {
            registrar
                .try_subscribe(std::time::Duration::from_millis(50))
                .is_some_and(|subscribe| subscribe.is_initial())
        });
        assert_eq!(registrar.notify(ALICE).status(), status, "{peers}");
    }
}

/// RFC 3261 12.2.2, RFC 6665 4.1.3, 7.2.1: an old CSeq is 500, another package 489, no Subscription-State 400.
#[test]
fn a_notify_that_is_wrong_in_itself_is_refused() {
    let (server, registrar) = registered(Config::new());
    let watcher = watched(&server);
    let mut subscription = watcher.subscribe(ALICE);
    shown(&mut subscription, |document| is_open(document, ALICE));
    registrar.subscribe();
    let _ = registrar.notify(ALICE).expect(200);
    let next = || registrar.notification(ALICE, None);
    let _ = registrar.send(&next().with("CSeq", "1 NOTIFY")).expect(500);
    let _ = registrar.send(&next().with("Event", "presence")).expect(489);
    let _ = registrar.send(&next().without("Subscription-State")).expect(400);
    let _ = registrar.send(&next().with("Subscription-State", ";;")).expect(400);
    let _ = registrar.send(&next()).expect(200);
    // The same NOTIFY once more, as after a lost answer.
    let again = next();
    let _ = registrar.send(&again).expect(200);
    let _ = registrar.send(&again).expect(200);
    registrar.assert_quiet();
}
