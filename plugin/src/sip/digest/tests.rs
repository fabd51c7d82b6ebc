use super::super::owned::OwnedMessage;
use super::*;

const NONCE: &str = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v";
const CNONCE: &str = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
const OPAQUE: &str = "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS";

fn challenge(algorithm: &str) -> Challenge {
    let line = format!(
        "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm={algorithm}, \
         nonce=\"{NONCE}\", opaque=\"{OPAQUE}\""
    );
    Received::parse(&line, Asker::Server).unwrap().challenge
}

fn response(value: &str) -> &str {
    value.split("response=\"").nth(1).unwrap().split('"').next().unwrap()
}

/// RFC 7616 3.9.1: both test vectors.
#[test]
fn the_examples_of_the_rfc_are_answered() {
    for (algorithm, expected) in [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ] {
        let answer =
            challenge(algorithm).answer("Mufasa", "Circle of Life", "GET", "/dir/index.html", CNONCE);
        assert_eq!(response(&answer), expected);
        for part in ["username=\"Mufasa\"", "uri=\"/dir/index.html\"", "qop=auth", "nc=00000001", OPAQUE] {
            assert!(answer.contains(part), "{answer}");
        }
        assert!(answer.contains(&format!("algorithm={algorithm}, ")), "{answer}");
    }
}

/// RFC 2617 3.5, the vector with which SIP has lived for long, and 3.2.2.1 for challenges without qop.
#[test]
fn old_challenges_are_answered() {
    let line = "Digest realm=\"testrealm@host.com\", qop=\"auth,auth-int\", \
        nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"";
    let mut challenge = Received::parse(line, Asker::Server).unwrap().challenge;
    let answer = challenge.answer("Mufasa", "Circle Of Life", "GET", "/dir/index.html", "0a4f113b");
    assert_eq!(response(&answer), "6629fae49393a05397450978507c4ef1");

    let mut plain = Received::parse("digest realm=r,nonce=\"n\"", Asker::Proxy).unwrap().challenge;
    let answer = plain.answer("u", "p", "SUBSCRIBE", "sip:a@x", "c");
    let hash = |parts: &[&str]| Algorithm::Md5.hash(parts);
    assert_eq!(response(&answer), hash(&[&hash(&["u", "r", "p"]), "n", &hash(&["SUBSCRIBE", "sip:a@x"])]));
    assert!(!answer.contains("qop") && !answer.contains("cnonce") && !answer.contains("opaque"), "{answer}");
}

/// RFC 7616 3.4: the count grows with every use of a nonce, and the answer with it.
#[test]
fn a_nonce_is_counted() {
    let mut challenge = challenge("SHA-256");
    let first = challenge.answer("u", "p", "SUBSCRIBE", "sip:a@x", "c");
    let second = challenge.answer("u", "p", "SUBSCRIBE", "sip:a@x", "c");
    assert!(first.contains("nc=00000001") && second.contains("nc=00000002"));
    assert_ne!(response(&first), response(&second));
}

/// RFC 8760 2.4: the strongest that is known; what is not known does not count.
#[test]
fn the_strongest_challenge_is_chosen() {
    let of = |lines: &str| {
        let owned = OwnedMessage::parse(format!("SIP/2.0 401 No\n{lines}\n").as_bytes()).unwrap();
        Received::strongest(&owned.view(), Asker::Server)
            .map(|received| (received.challenge.algorithm, received.challenge.nonce, received.stale))
    };
    let md5 = "WWW-Authenticate: Digest realm=\"r\", nonce=\"m\", algorithm=md5, stale=TRUE\n";
    let sha = "www-authenticate: Digest realm=\"r, s\", nonce=\"s\", algorithm=\"SHA-256\", qop=\"auth\"\n";
    let unknown = "WWW-Authenticate: Digest realm=\"r\", nonce=\"u\", algorithm=SHA-512-256\n\
        WWW-Authenticate: Basic realm=\"r\"\nWWW-Authenticate: Digest realm=\"r\", nonce=\"i\", qop=\"auth-int\"\n\
        WWW-Authenticate: Digest\nWWW-Authenticate: Digest nonce=\"x\"\n";
    assert_eq!(of(&[md5, sha].concat()), Some((Algorithm::Sha256, "s".to_owned(), false)));
    assert_eq!(of(&[sha, md5].concat()), Some((Algorithm::Sha256, "s".to_owned(), false)));
    assert_eq!(of(&[unknown, md5].concat()), Some((Algorithm::Md5, "m".to_owned(), true)));
    assert_eq!(of(unknown), None);
    assert_eq!(of("Proxy-Authenticate: Digest realm=\"r\", nonce=\"p\"\n"), None);
}

#[test]
fn quotes_in_a_user_name_stay_in_their_string() {
    let answer = challenge("MD5").answer("a\"b\\", "p", "SUBSCRIBE", "sip:a@x", "c");
    assert!(answer.starts_with("Digest username=\"a\\\"b\\\\\", realm="), "{answer}");
}
