//! Which body a watcher gets: Accept (RFC 3856 6.5 and 6.7, RFC 3261 20.1).

use rollcall_tests::phone::PIDF;
use rollcall_tests::server::user;
use rollcall_tests::{Phone, Pidf, Server};

/// RFC 3856 6.5 and RFC 3261 21.4.7 (SUB-10, SUB-11): Accept without any type that the server
/// makes is 406; wildcards, `q`, case and several lines are read as RFC 3261 20.1 says.
#[test]
fn accept_is_honoured() {
    let server = Server::shared();
    let (alice, bob) = (user("alice"), user("bob"));
    let watcher = Phone::udp(&server, &bob);
    let with = |lines: &[&str]| {
        let plain = watcher.subscribe_request(&alice).without("Accept");
        lines.iter().fold(plain, |request, line| request.and("Accept", *line))
    };
    let refused: [&[&str]; 7] = [
        &["text/plain"],
        &["text/plain, application/xml"],
        &["text/*"],
        &["application/pidf+xml;q=0"],
        &["application/pidf+xml;q=0.000, */*"],
        &["application/*;q=0"],
        &["application/xpidf+xml", "message/sip"],
    ];
    for lines in refused {
        let answer = watcher.send(&with(lines));
        assert_eq!(answer.status(), 406, "for {lines:?}: {answer}");
    }
    let taken: [&[&str]; 9] = [
        &[],
        &["*/*"],
        &["application/*"],
        &["APPLICATION/PIDF+XML"],
        &["text/plain, application/pidf+xml"],
        &["text/plain", "application/pidf+xml"],
        &["text/plain;q=1.0, application/pidf+xml;q=0.001"],
        &["application/pidf+xml ; q=0.5"],
        &["text/plain;q=0, */*"],
    ];
    for lines in taken {
        let mut subscription = watcher.subscribe_with(with(lines));
        let notify = subscription.notify().expect("active");
        assert!(notify.message().body.is_empty() || notify.message().header("Content-Type") == Some(PIDF));
    }
}

/// RFC 3856 6.7 (SUB-19): what counts is the Accept of the newest SUBSCRIBE in the dialog. One
/// that cannot be met is refused, and the subscription goes on as it was.
#[test]
fn the_newest_accept_counts() {
    let server = Server::shared();
    let (alice, phone, watcher) = Phone::pair(&server);
    let mut subscription = watcher.subscribe(&alice);
    subscription.notify();
    let refresh = subscription.request(3600).with("Accept", "text/plain");
    subscription.skip_cseq();
    let _ = watcher.send(&refresh).expect(406);
    let _publication = phone.publish(&Pidf::basic(&alice, "open"));
    assert_eq!(subscription.notify().document().basics(), ["open"]);
    subscription.send(&subscription.request(3600).without("Accept"));
    assert_eq!(subscription.notify().document().basics(), ["open"]);
}
