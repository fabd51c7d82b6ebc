//! A request that arrives twice is handled once (RFC 3261 17.2.2, 8.2.2.2, 9.2).

use rollcall_tests::message::Message;
use rollcall_tests::rng::unique;
use rollcall_tests::server::user;
use rollcall_tests::{LIMIT, Phone, Pidf, Server};

/// RFC 3261 17.2.2 (SIP-01, PUB-23): a retransmitted PUBLISH gets the stored response again, with
/// the same tags, and is not applied twice.
#[test]
fn a_retransmitted_publish_gets_the_same_answer() {
    let server = Server::shared();
    let (alice, phone, watcher) = Phone::pair(&server);
    let mut subscription = watcher.subscribe(&alice);
    subscription.notify();
    let mut publication = phone.publish(&Pidf::basic(&alice, "open"));
    subscription.notify();
    let modify = publication.request().body("application/pidf+xml", Pidf::basic(&alice, "closed"));
    let transaction = phone.begin(&modify);
    let first = transaction.wait().expect(200);
    for _ in 0..3 {
        transaction.retransmit();
        let again = transaction.next(LIMIT).expect("the response again").message;
        assert_eq!(again.encode(), first.encode(), "the same response");
    }
    assert_eq!(subscription.notify().document().basics(), ["closed"]);
    publication.etag = first.etag();
    publication.modify(&Pidf::of(&alice).tuple("t1", "open").note("next").text());
    assert_eq!(subscription.notify().document().notes(), ["next"], "one NOTIFY for each change");
}

/// RFC 3261 17.2.2, 8.2.6.2 (SIP-01, SIP-10): a retransmitted SUBSCRIBE makes one dialog.
#[test]
fn a_retransmitted_subscribe_makes_one_dialog() {
    let server = Server::shared();
    let (alice, phone, watcher) = Phone::pair(&server);
    let request = watcher.subscribe_request(&alice);
    let notifies = watcher.endpoint().watch(request.call_id(), Box::new(|_| rollcall_tests::Answer::Ok));
    let transaction = watcher.begin(&request);
    let again = || {
        transaction.retransmit();
        transaction.next(LIMIT)
    };
    let answers = [transaction.next(LIMIT), again(), again()].map(|a| a.expect("an answer").message);
    assert!(answers.iter().all(|a| a.status() == 200 && a.header("To") == answers[0].header("To")));
    let first = notifies.recv_timeout(LIMIT).expect("a NOTIFY").message;
    let _publication = phone.publish(&Pidf::basic(&alice, "open"));
    let second = notifies.recv_timeout(LIMIT).expect("a NOTIFY").message;
    assert_eq!(second.cseq(), first.cseq() + 1, "the change is the second NOTIFY");
    watcher.round_trip();
    assert!(notifies.try_recv().is_err(), "one dialog");
}

/// RFC 3261 17.2.3 (SIP-02): the transaction is told by branch, sent-by and method: the same branch
/// from another sent-by is another one.
#[test]
fn the_same_branch_from_elsewhere_is_another_transaction() {
    let server = Server::shared();
    let alice = user("alice");
    let (one, two) = (Phone::udp(&server, &alice), Phone::udp(&server, &alice));
    let branch = unique("z9hG4bK");
    let mut tags = Vec::new();
    for phone in [&one, &two] {
        let via = format!("SIP/2.0/UDP {};branch={branch}", phone.address());
        let request = phone.publish_request(&Pidf::basic(&alice, "open")).with("Via", via);
        tags.push(phone.send(&request).expect(200).etag());
    }
    assert_ne!(tags[0], tags[1], "two publications");
}

/// RFC 3261 17.2.3 (SIP-02): without the cookie, the rules of RFC 2543 tell the transaction: the
/// same request again is a retransmission, another CSeq is not.
#[test]
fn a_branch_without_cookie_is_matched_the_old_way() {
    let server = Server::shared();
    let alice = user("alice");
    let phone = Phone::udp(&server, &alice);
    let via = format!("SIP/2.0/UDP {};branch=1", phone.address());
    let request = phone.publish_request(&Pidf::basic(&alice, "open")).with("Via", via);
    let transaction = phone.begin(&request);
    let first = transaction.wait().expect(200);
    transaction.retransmit();
    let again = transaction.next(LIMIT).expect("the response again").message;
    assert_eq!(again.etag(), first.etag());
    let next = phone.send(&request.with("CSeq", "2 PUBLISH")).expect(200);
    assert_ne!(next.etag(), first.etag());
}

/// RFC 3261 8.2.2.2 (SIP-07): the same request by another way (another branch) is a loop: 482.
#[test]
fn a_merged_request_is_a_loop() {
    let server = Server::shared();
    let (alice, bob) = (user("alice"), user("bob"));
    let watcher = Phone::udp(&server, &bob);
    let request = watcher.subscribe_request(&alice);
    let mut subscription = watcher.subscribe_with(request.clone());
    subscription.notify();
    let _ = watcher.send(&request.again()).expect(482);
    watcher.round_trip();
    assert!(subscription.arrived().is_empty(), "no second subscription");
    subscription.refresh(3600);
    subscription.notify();
}

/// RFC 3261 9.2, RFC 6665 4.6 (SIP-22): CANCEL for a transaction of ours is 200 and changes
/// nothing; for one that is not known it is 481.
#[test]
fn a_cancel_changes_nothing() {
    let server = Server::shared();
    let (alice, phone, watcher) = Phone::pair(&server);
    let request = watcher.subscribe_request(&alice);
    let mut subscription = watcher.subscribe_with(request.clone());
    subscription.notify();
    let cancel = |of: &Message| {
        let mut cancel = Message::request("CANCEL", of.uri());
        for name in ["Via", "Max-Forwards", "From", "To", "Call-ID"] {
            cancel = cancel.with(name, of.header(name).unwrap_or_default());
        }
        cancel.with("CSeq", format!("{} CANCEL", of.cseq()))
    };
    let _ = watcher.send(&cancel(&request)).expect(200);
    let _ = watcher.send(&cancel(&request.again())).expect(481);
    let publish = phone.publish_request(&Pidf::basic(&alice, "open"));
    let _ = phone.send(&publish).expect(200);
    let _ = phone.send(&cancel(&publish)).expect(200);
    assert_eq!(subscription.notify().document().basics(), ["open"], "both are as they were");
}
