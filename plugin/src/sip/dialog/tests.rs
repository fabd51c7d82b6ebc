use super::super::owned::OwnedMessage;
use super::*;

const HEAD: &str = "From: \"Bob\" <sip:bob@biloxi.com>;tag=b1\r\nTo: <sip:alice@atlanta.com>\r\n\
    Call-ID: c@biloxi.com\r\nCSeq: 17766 SUBSCRIBE\r\n";
const CONTACT: &str = "Contact: <sip:user@remoteua>;expires=60\r\n";

fn subscribe(more: &[&str]) -> OwnedMessage {
    OwnedMessage::request("SUBSCRIBE", "sip:alice@atlanta.com", &[&[HEAD], more].concat().concat(), b"")
        .unwrap()
}

fn notify(more: &[&str]) -> (String, String) {
    let request = subscribe(more);
    let dialog = Dialog::create(&request.view(), "a1").unwrap();
    let mut headers = HeaderBlock::new();
    let uri = dialog.write_request("NOTIFY", 8, &mut headers).to_owned();
    (uri, String::from_utf8(headers.finish().unwrap()).unwrap())
}

const REST: &str = "From: <sip:alice@atlanta.com>;tag=a1\r\nTo: \"Bob\" <sip:bob@biloxi.com>;tag=b1\r\n\
    Call-ID: c@biloxi.com\r\nCSeq: 8 NOTIFY\r\n";

/// RFC 3261 12.1.1 and 12.2.1.1 without route set.
#[test]
fn a_request_goes_back_to_the_contact() {
    assert_eq!(notify(&[CONTACT]), ("sip:user@remoteua".to_owned(), REST.to_owned()));
}

/// RFC 3261 12.1.1, 12.2.1.1 (SIP-13): all values in order, from one line or several.
#[test]
fn the_route_set_is_kept_whole() {
    let route = "Route: <sip:p1;lr>, <sip:p2>, \"a,b\" <sip:p3;lr>;x=y\r\n";
    let one = "Record-Route: <sip:p1;lr>, <sip:p2>, \"a,b\" <sip:p3;lr>;x=y\r\n";
    let two =
        ["Record-Route: <sip:p1;lr>\r\n", CONTACT, "Record-Route: <sip:p2>, \"a,b\" <sip:p3;lr>;x=y\r\n"];
    let expected = ("sip:user@remoteua".to_owned(), [route, REST].concat());
    assert_eq!(notify(&[one, CONTACT]), expected);
    assert_eq!(notify(&two), expected);
    // The form for a strict first hop is the host's.
    let strict = notify(&[CONTACT, "Record-Route: <sip:p1>,<sip:p2;lr>\r\n"]);
    let route = "Route: <sip:p1>,<sip:p2;lr>\r\n";
    assert_eq!(strict, ("sip:user@remoteua".to_owned(), [route, REST].concat()));
}

/// RFC 3261 12.1.1 (SUB-09), and nothing that would not make a dialog.
#[test]
fn one_contact_is_needed() {
    for (more, what) in [
        (&[][..], "Contact"),
        (&["Contact: <sip:a@b.com>, <sip:c@d.com>\r\n"], "Contact"),
        (&[CONTACT, CONTACT], "Contact"),
        (&["Contact: *\r\n"], "Contact"),
        (&[CONTACT, "Record-Route: x\r\n"], "Record-Route"),
        (&[CONTACT, "To: <sip:x@y.com>\r\n"], "To"),
        (&[CONTACT, "i: 2\r\n"], "Call-ID"),
        (&[CONTACT, "CSeq: 2 SUBSCRIBE\r\n"], "CSeq"),
    ] {
        assert_eq!(Dialog::create(&subscribe(more).view(), "a1").err(), Some(Malformed(what)), "{more:?}");
    }
    let inside = HEAD.replace("alice@atlanta.com>", "alice@atlanta.com>;tag=a1") + CONTACT;
    let inside = OwnedMessage::request("SUBSCRIBE", "sip:alice@atlanta.com", &inside, b"").unwrap();
    assert_eq!(Dialog::create(&inside.view(), "a1").err(), Some(Malformed("To")));
    let id = DialogId { call_id: "c@biloxi.com", local_tag: "a1", remote_tag: "b1" };
    assert_eq!(DialogId::of(&inside.view()), Ok(Some(id)));
    let outside = subscribe(&[CONTACT]);
    assert_eq!(DialogId::of(&outside.view()), Ok(None));
    assert_eq!(Dialog::create(&outside.view(), "a1").unwrap().id(), id);
}

/// RFC 3261 12.2.2 (SIP-12): gaps are legal, going back is not.
#[test]
fn sequence_numbers_do_not_go_back() {
    let request = subscribe(&[CONTACT]);
    let mut dialog = Dialog::create(&request.view(), "a1").unwrap();
    assert_eq!(dialog.advance(17765), Err(OutOfOrder));
    assert_eq!(dialog.advance(17900), Ok(()));
    assert_eq!(dialog.advance(17767), Err(OutOfOrder));
    assert_eq!(dialog.remote_cseq, 17900);
}

/// RFC 3261 12.2.1.2, RFC 6665 4.1.2 (SIP-14).
#[test]
fn a_new_contact_replaces_the_target() {
    let request = subscribe(&[CONTACT]);
    let (none, new, two) = (
        subscribe(&[]),
        subscribe(&["m: sip:new@biloxi.com;expires=9\r\n"]),
        subscribe(&["m: <sip:a@b.com>,<sip:c@d.com>\r\n"]),
    );
    let mut dialog = Dialog::create(&request.view(), "a1").unwrap();
    assert_eq!(dialog.refresh_target(&none.view()), Ok(false));
    assert_eq!(dialog.refresh_target(&two.view()), Err(Malformed("Contact")));
    assert_eq!(dialog.refresh_target(&new.view()), Ok(true));
    assert_eq!(dialog.refresh_target(&new.view()), Ok(false));
    assert_eq!(dialog.target, "sip:new@biloxi.com");
}

#[test]
fn records_are_read_without_copies() {
    let request = subscribe(&[CONTACT, "Record-Route: <sip:p1;lr>\r\n", "Record-Route: <sip:p2;lr>\r\n"]);
    let dialog = Dialog::create(&request.view(), "a1").unwrap();
    let bytes = postcard::to_allocvec(&dialog).unwrap();
    let read: Dialog<'_> = postcard::from_bytes(&bytes).unwrap();
    assert_eq!(read, dialog);
    for text in [
        &read.call_id,
        &read.local_tag,
        &read.remote_tag,
        &read.local,
        &read.remote,
        &read.routes,
        &read.target,
    ] {
        assert!(matches!(text, Cow::Borrowed(_)));
    }
    assert_eq!(dialog.clone().into_owned(), dialog);
}

/// A peer of RFC 2543 has no tag (RFC 3261 12.1.1).
#[test]
fn a_peer_without_tag_has_an_empty_one() {
    let head = HEAD.replace(";tag=b1", "") + CONTACT;
    let request = OwnedMessage::request("SUBSCRIBE", "sip:alice@atlanta.com", &head, b"").unwrap();
    assert_eq!(Dialog::create(&request.view(), "a1").unwrap().remote_tag, "");
}
