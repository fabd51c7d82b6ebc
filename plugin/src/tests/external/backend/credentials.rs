//! Sources that ask who we are (RFC 3261 22, RFC 7616, RFC 8760).

use super::{Ask, Far, ONE};

const MD5: &str = "WWW-Authenticate: Digest realm=\"far\", nonce=\"n1\", qop=\"auth\"\n";
const SHA: &str = "WWW-Authenticate: Digest realm=\"far\", nonce=\"n2\", qop=\"auth\", algorithm=SHA-256\n";

fn live_with_digest() -> (Far, Ask) {
    let mut far = Far::new(ONE);
    let ask = far.only_ask();
    far.answer(&ask, 401, MD5);
    let ask = far.only_ask();
    far.accept(&ask, 3_600);
    assert_eq!(far.tell(&ask, 1, "active;expires=3600", "one"), 200);
    (far, ask)
}

/// RFC 3261 22.2: the same request with credentials, one number on; RFC 8760 2.4: the topmost challenge that is known.
#[test]
fn rfc3261_22_2_a_challenge_is_answered() {
    let mut far = Far::new(ONE);
    let first = far.only_ask();
    far.answer(&first, 401, &[&SHA.replace("SHA-256", "SHA3-256"), SHA, MD5].concat());
    let second = far.only_ask();
    assert_eq!((second.cseq(), second.header("From")), (2, first.header("From")));
    assert_eq!(second.header("Call-ID"), first.header("Call-ID"));
    let answer = second.header("Authorization");
    for part in ["username=\"rollcall\"", "realm=\"far\"", "nonce=\"n2\"", "SHA-256", "nc=00000001"] {
        assert!(answer.contains(part), "{answer}");
    }
    assert!(answer.contains("uri=\"sip:alice@example.com\"") && !answer.contains("secret"), "{answer}");
    far.accept(&second, 3_600);
    assert_eq!(far.tell(&second, 1, "active;expires=3600", "one"), 200);
    assert_eq!((far.phase(), far.shown().as_str()), ("live", "one"));
}

/// RFC 7616 3.3, 3.4: the nonce serves further requests, counted; a stale one is replaced.
#[test]
fn rfc7616_3_4_a_nonce_is_used_again() {
    let (mut far, _) = live_with_digest();
    far.until_asked(3_600).unwrap();
    let refresh = far.only_ask();
    let answer = refresh.header("Authorization");
    assert!(answer.contains("nc=00000002") && answer.contains("uri=\"sip:far@192.0.2.20;transport=tcp\""));
    let stale = "WWW-Authenticate: Digest realm=\"far\", nonce=\"n3\", qop=\"auth\", stale=true\n";
    far.answer(&refresh, 401, stale);
    let again = far.only_ask();
    assert_eq!(again.cseq(), refresh.cseq() + 1);
    let answer = again.header("Authorization");
    assert!(answer.contains("nonce=\"n3\"") && answer.contains("nc=00000001"), "{answer}");
    far.accept(&again, 3_600);
    assert_eq!(far.phase(), "live");
}

/// RFC 7616 3.4.2, 3.4.3: a session of `-sess` and `auth-int` goes on with the first nonces of both, also after a crash.
#[test]
fn rfc7616_3_4_2_a_session_goes_on() {
    let line = "WWW-Authenticate: Digest realm=\"far\", nonce=\"n1\", qop=\"auth-int\", algorithm=SHA-512-256-sess\n";
    let mut far = Far::new(ONE);
    let first = far.only_ask();
    far.answer(&first, 401, line);
    let ask = far.only_ask();
    let cnonce = |ask: &Ask| ask.header("Authorization").split("cnonce=").nth(1).unwrap().to_owned();
    assert!(ask.header("Authorization").contains("qop=auth-int, nc=00000001"), "{}", ask.headers);
    far.accept(&ask, 3_600);
    assert_eq!(far.tell(&ask, 1, "active;expires=3600", "one"), 200);
    far.crash();
    far.until_asked(3_600).unwrap();
    let refresh = far.only_ask();
    assert!(refresh.header("Authorization").contains("nc=00000002"), "{}", refresh.headers);
    assert_eq!(cnonce(&refresh), cnonce(&ask));
}

/// RFC 3261 22.3: a proxy may ask as well, besides the server.
#[test]
fn rfc3261_22_3_a_proxy_and_a_server_may_both_ask() {
    let mut far = Far::new(ONE);
    let ask = far.only_ask();
    far.answer(&ask, 407, "Proxy-Authenticate: Digest realm=\"edge\", nonce=\"p1\", qop=\"auth\"\n");
    let ask = far.only_ask();
    assert!(ask.has("Proxy-Authorization") && !ask.has("Authorization"));
    far.answer(&ask, 401, MD5);
    let ask = far.only_ask();
    assert!(ask.has("Proxy-Authorization") && ask.has("Authorization"));
    assert_eq!(ask.cseq(), 3);
    far.accept(&ask, 3_600);
    assert_eq!(far.tell(&ask, 1, "active;expires=3600", "one"), 200);
}

/// RFC 3261 22.2: credentials that are refused are not tried again. It is final, and the operator is told.
#[test]
fn rfc3261_22_2_a_wrong_password_is_final() {
    for again in [MD5, "WWW-Authenticate: Digest realm=\"far\", nonce=\"n9\", qop=\"auth\"\n", SHA, ""] {
        let mut far = Far::new(ONE);
        let ask = far.only_ask();
        far.answer(&ask, 401, MD5);
        let ask = far.only_ask();
        far.answer(&ask, 401, again);
        assert_eq!((far.asks().len(), far.phase()), (0, "stopped"));
        assert_eq!(far.lines("Warn: source fails"), 1);
        assert_eq!(far.lines("secret"), 0);
        assert_eq!(far.until_asked(1_300), None);
    }
}

/// A source that calls every nonce stale is not believed for long.
#[test]
fn not_every_nonce_is_stale() {
    let mut far = Far::new(ONE);
    for number in 0..10 {
        let Some(ask) = far.asks().pop() else { break };
        assert!(number < 5);
        let line = format!("WWW-Authenticate: Digest realm=\"far\", nonce=\"{number}\", stale=true\n");
        far.answer(&ask, 401, &line);
    }
    assert_eq!(far.phase(), "stopped");
}

/// What cannot be answered is final, too: no credentials, an unknown scheme or algorithm.
#[test]
fn what_cannot_be_answered_is_final() {
    let without =
        ONE.replace("\"credentials\":{\"username\":\"rollcall\",\"password\":\"secret\"}", "\"rate\":9");
    let unknown = "WWW-Authenticate: Basic realm=\"far\"\n";
    let strange = "WWW-Authenticate: Digest realm=\"far\", nonce=\"n\", algorithm=SHA-3\n";
    for (configuration, line) in [(without.as_str(), MD5), (ONE, unknown), (ONE, strange), (ONE, "")] {
        let mut far = Far::new(configuration);
        let ask = far.only_ask();
        far.answer(&ask, 401, line);
        assert_eq!((far.asks().len(), far.phase()), (0, "stopped"), "{line}");
    }
}

/// A refresh whose credentials are refused lets the subscription go on to its end.
#[test]
fn a_refresh_with_a_wrong_password_is_not_repeated() {
    let (mut far, _) = live_with_digest();
    far.until_asked(3_600).unwrap();
    let ask = far.only_ask();
    far.answer(&ask, 401, MD5);
    let ask = far.only_ask();
    far.answer(&ask, 401, MD5);
    assert_eq!((far.asks().len(), far.phase(), far.shown().as_str()), (0, "live", "one"));
    let passed = far.until_asked(3_600).unwrap();
    assert!(passed > 100, "{passed}");
    assert!(!far.only_ask().in_dialog());
}

/// The end of a subscription may be challenged, too.
#[test]
fn the_end_of_a_subscription_may_be_challenged() {
    let (mut far, first) = Far::live(ONE);
    far.step(crate::external::backend::stop);
    let end = far.only_ask();
    far.answer(&end, 401, MD5);
    let again = far.only_ask();
    assert_eq!((again.expires(), again.cseq()), (0, end.cseq() + 1));
    assert!(again.has("Authorization"));
    far.answer(&again, 200, "");
    assert_eq!(far.tell(&first, 2, "terminated;reason=timeout", ""), 200);
    assert_eq!(far.phase(), "none");
}
