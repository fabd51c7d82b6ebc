//! What an operator sees: health, metrics, an orderly stop, overload.

use rollcall_tests::server::user;
use rollcall_tests::{Config, Phone, Pidf, Server};

/// `GET /health` answers while the server serves; what is not there is 404, and a method that
/// does not fit is 405.
#[test]
fn health_answers() {
    let server = Server::shared();
    assert!(!server.admin().get("/health").is_empty());
    assert_eq!(server.admin().call("GET", "/nonesuch").0, 404);
    assert_eq!(server.admin().call("POST", "/health").0, 405);
    assert_eq!(server.admin().call("POST", "/clock/advance?ms=1").0, 404, "the clock is real");
}

/// `GET /metrics`: requests by method and status, live subscriptions and publications, steps and
/// commits are counted, and the numbers move as things happen.
#[test]
fn metrics_count_what_happens() {
    let server = Server::start(Config::new());
    let (alice, phone, watcher) = Phone::pair(&server);
    let mut publication = phone.publish(&Pidf::basic(&alice, "open"));
    let mut subscription = watcher.subscribe(&alice);
    subscription.notify();
    publication.refresh();
    let _ = phone.send(&publication.request().with("SIP-If-Match", "unknown")).expect(412);
    for (method, status, count) in
        [("PUBLISH", "200", 2.0), ("PUBLISH", "412", 1.0), ("SUBSCRIBE", "200", 1.0)]
    {
        let labels = [format!("method=\"{method}\""), format!("status=\"{status}\"")];
        server.wait_metrics(&format!("{count} {method} answered {status}"), |metrics| {
            metrics.sum("rollcall_sip_requests_total", &[&labels[0], &labels[1]]) == Some(count)
        });
    }
    let live = |kind: &str, count: f64| {
        let label = format!("kind=\"{kind}\"");
        server.wait_metrics(&format!("{count} live records of kind {kind}"), |metrics| {
            metrics.sum("rollcall_records", &[&label]).unwrap_or(0.0) == count
        });
    };
    live("publication", 1.0);
    live("subscription", 1.0);
    let metrics = server.admin().metrics();
    for name in ["steps_total", "commits_total", "conflicts_total", "traps_total", "outbox_depth"] {
        assert!(metrics.sum(&format!("rollcall_{name}"), &[]).is_some(), "{name} in:\n{}", metrics.text());
    }
    assert!(
        metrics.sum("rollcall_commit_seconds_count", &[]).is_some_and(|n| n >= 3.0),
        "{}",
        metrics.text()
    );
    for line in metrics.text().lines().filter(|l| !l.starts_with('#') && !l.is_empty()) {
        let (name, value) = line.rsplit_once(' ').expect("a name and a value");
        assert!(name.starts_with("rollcall_"), "{line}");
        assert!(value.parse::<f64>().is_ok(), "{line}");
    }
    subscription.unsubscribe();
    subscription.notify().expect_end("timeout");
    publication.remove();
    live("publication", 0.0);
    live("subscription", 0.0);
}

/// SIGTERM while requests are under way: the stop is orderly and quick, and what was answered is
/// there afterwards.
#[test]
fn a_stop_under_load_is_orderly() {
    let mut server = Server::start(Config::new());
    let users: Vec<String> = (0..20).map(|_| user("alice")).collect();
    let phones: Vec<Phone> = users.iter().map(|u| Phone::udp(&server, u)).collect();
    let transactions: Vec<_> = phones
        .iter()
        .zip(&users)
        .map(|(phone, user)| phone.begin(&phone.publish_request(&Pidf::basic(user, "open"))))
        .collect();
    server.stop();
    server.restart();
    for ((phone, user), transaction) in phones.iter().zip(&users).zip(transactions) {
        // Either answered before the stop, or retransmitted and answered after the start.
        let answer = transaction.wait();
        if answer.status() == 200 {
            let request = phone.publish_for(user).with("SIP-If-Match", answer.etag());
            let _ = phone.send(&request).expect(200);
        } else {
            assert_eq!(answer.status(), 503, "{answer}");
        }
    }
}

/// RFC 3261 21.5.4 (SIP-33, PUB-25): beyond the configured number of requests under way, 503 with
/// Retry-After; everything is served again afterwards.
#[test]
fn overload_is_answered_503() {
    let server = Server::start(Config::new().set("sip.overload", 1));
    let alice = user("alice");
    let phone = Phone::udp(&server, &alice);
    let users: Vec<String> = (0..300).map(|_| user("crowd")).collect();
    let requests: Vec<_> =
        users.iter().map(|user| phone.also(user).publish_request(&Pidf::basic(user, "open"))).collect();
    let transactions: Vec<_> = requests.iter().map(|r| phone.begin(r)).collect();
    let statuses: Vec<u16> = transactions.iter().map(|t| t.wait().status()).collect();
    // Retry-After is checked on arrival.
    assert!(statuses.iter().all(|s| [200, 503].contains(s)), "{statuses:?}");
    assert!(statuses.contains(&200) && statuses.contains(&503), "{statuses:?}");
    let _ = phone.publish(&Pidf::basic(&alice, "open"));
}
