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

const SUBSCRIBE: Request<'_> = Request { method: "SUBSCRIBE", uri: "sip:a@x", body: b"" };

fn get(uri: &str) -> Request<'_> {
    Request { method: "GET", uri, body: b"" }
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
        let answer = challenge(algorithm).answer("Mufasa", "Circle of Life", &get("/dir/index.html"), CNONCE);
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
    let answer = challenge.answer("Mufasa", "Circle Of Life", &get("/dir/index.html"), "0a4f113b");
    assert_eq!(response(&answer), "6629fae49393a05397450978507c4ef1");

    let mut plain = Received::parse("digest realm=r,nonce=\"n\"", Asker::Proxy).unwrap().challenge;
    let answer = plain.answer("u", "p", &SUBSCRIBE, "c");
    let hash = |parts: &[&str]| Hash::Md5.parts(parts);
    assert_eq!(response(&answer), hash(&[&hash(&["u", "r", "p"]), "n", &hash(&["SUBSCRIBE", "sip:a@x"])]));
    assert!(!answer.contains("qop") && !answer.contains("cnonce") && !answer.contains("opaque"), "{answer}");
}

/// RFC 7616 3.4: the count grows with every use of a nonce, and the answer with it.
#[test]
fn a_nonce_is_counted() {
    let mut challenge = challenge("SHA-256");
    let first = challenge.answer("u", "p", &SUBSCRIBE, "c");
    let second = challenge.answer("u", "p", &SUBSCRIBE, "c");
    assert!(first.contains("nc=00000001") && second.contains("nc=00000002"));
    assert_ne!(response(&first), response(&second));
}

/// RFC 7616 3.9.2. What the RFC prints was computed with SHA-512 cut off; erratum 4897 has the values of SHA-512/256.
#[test]
fn the_example_with_sha_512_256_is_answered() {
    let line = "Digest realm=\"api@example.org\", qop=\"auth\", algorithm=SHA-512-256, \
        nonce=\"5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK\", charset=UTF-8, userhash=true, \
        opaque=\"HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS\"";
    let mut challenge = Received::parse(line, Asker::Server).unwrap().challenge;
    let cnonce = "NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v";
    let user = "J\u{e4}s\u{f8}n Doe";
    let answer = challenge.answer(user, "Secret, or not?", &get("/doe.json"), cnonce);
    assert_eq!(response(&answer), "3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5");
    assert_eq!(
        Hash::Sha512.parts(&[user, "api@example.org"]),
        "793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b"
    );
    // As this server does not hash user names, it must not say that it does (3.4.4).
    assert!(!answer.contains("userhash"), "{answer}");
}

/// RFC 7616 3.4.2: the key of a session is made with the first nonces, and so the client's stays the same; with another
/// nonce of the server another session begins.
#[test]
fn the_key_of_a_session_is_made_once() {
    for (name, hash) in
        [("MD5-sess", Hash::Md5), ("sha-256-SESS", Hash::Sha256), ("SHA-512-256-sess", Hash::Sha512)]
    {
        let mut session = challenge(name);
        let user = hash.parts(&["u", "http-auth@example.org", "p"]);
        let key = hash.parts(&[&user, NONCE, "first"]);
        let what = hash.parts(&["SUBSCRIBE", "sip:a@x"]);
        for (number, cnonce) in ["first", "second", "third"].into_iter().enumerate() {
            let answer = session.answer("u", "p", &SUBSCRIBE, cnonce);
            let count = format!("{:08x}", number + 1);
            assert_eq!(response(&answer), hash.parts(&[&key, NONCE, &count, "first", "auth", &what]));
            assert!(answer.contains(&format!("nc={count}, cnonce=\"first\"")), "{answer}");
            assert!(answer.contains(&format!("algorithm={}-sess, ", hash.name())), "{answer}");
        }
        let again = challenge(name).answer("u", "p", &SUBSCRIBE, "other");
        assert!(again.contains("cnonce=\"other\""), "{again}");
        let old = format!("Digest realm=\"r\", nonce=\"n\", algorithm={name}");
        assert_eq!(Received::parse(&old, Asker::Server), None);
    }
}

/// RFC 7616 3.4.3: `auth-int` protects the body, where nothing else is offered.
#[test]
fn the_body_is_protected_where_it_has_to_be() {
    let with = |qop: &str| {
        let line = format!("Digest realm=\"r\", nonce=\"n\", qop=\"{qop}\", algorithm=SHA-256");
        Received::parse(&line, Asker::Server).map(|received| received.challenge)
    };
    assert_eq!(with("auth-int, auth").unwrap().protection, Protection::Auth);
    assert_eq!(with("auth-conf"), None);
    assert_eq!(with(""), None);
    let hash = |parts: &[&str]| Hash::Sha256.parts(parts);
    // The hash of nothing (FIPS 180-4), as of a SUBSCRIBE, and of something.
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    for (body, hashed) in [(&b""[..], empty.to_owned()), (b"a:b", hash(&["a", "b"]))] {
        let answer = with("AUTH-INT").unwrap().answer("u", "p", &Request { body, ..SUBSCRIBE }, "c");
        let what = hash(&["SUBSCRIBE", "sip:a@x", &hashed]);
        let who = hash(&["u", "r", "p"]);
        assert_eq!(response(&answer), hash(&[&who, "n", "00000001", "c", "auth-int", &what]));
        assert!(answer.ends_with(", qop=auth-int, nc=00000001, cnonce=\"c\""), "{answer}");
    }
}

/// RFC 8760 2.4: the topmost that is known; what is not known does not count.
#[test]
fn the_topmost_challenge_is_chosen() {
    let of = |lines: &str| {
        let owned = OwnedMessage::parse(format!("SIP/2.0 401 No\n{lines}\n").as_bytes()).unwrap();
        Received::topmost(&owned.view(), Asker::Server)
            .map(|received| (received.challenge.algorithm, received.challenge.nonce, received.stale))
    };
    let md5 = "WWW-Authenticate: Digest realm=\"r\", nonce=\"m\", algorithm=md5, stale=TRUE\n";
    let sha = "www-authenticate: Digest realm=\"r, s\", nonce=\"s\", algorithm=\"SHA-256\", qop=\"auth\"\n";
    let unknown = "WWW-Authenticate: Digest realm=\"r\", nonce=\"u\", algorithm=SHA3-256\n\
        WWW-Authenticate: Basic realm=\"r\"\nWWW-Authenticate: Digest realm=\"r\", nonce=\"i\", qop=\"auth-conf\"\n\
        WWW-Authenticate: Digest realm=\"r\", nonce=\"i\", algorithm=\"-sess\"\n\
        WWW-Authenticate: Digest\nWWW-Authenticate: Digest nonce=\"x\"\n";
    assert_eq!(of(&[sha, md5].concat()), Some((Algorithm::Sha256, "s".to_owned(), false)));
    assert_eq!(of(&[md5, sha].concat()), Some((Algorithm::Md5, "m".to_owned(), true)));
    assert_eq!(of(&[unknown, sha, md5].concat()), Some((Algorithm::Sha256, "s".to_owned(), false)));
    assert_eq!(of(unknown), None);
    assert_eq!(of("Proxy-Authenticate: Digest realm=\"r\", nonce=\"p\"\n"), None);
}

/// A challenge in a record of before, whose algorithm and counting were of two sorts each, is the same today.
#[test]
fn former_challenges_are_read() {
    let former = |algorithm: u8, counted: bool| {
        crate::records::encode(&(Asker::Proxy, "r", "n", None::<String>, algorithm, counted, 7_u32))
    };
    for (algorithm, hash) in [(0, Algorithm::Md5), (1, Algorithm::Sha256)] {
        for (counted, protection) in [(false, Protection::Plain), (true, Protection::Auth)] {
            let read: Challenge = crate::records::decode(&former(algorithm, counted)).unwrap();
            assert_eq!((&read.algorithm, read.protection, read.uses), (&hash, protection, 7));
            assert_eq!(crate::records::encode(&read), former(algorithm, counted));
        }
    }
}

#[test]
fn quotes_in_a_user_name_stay_in_their_string() {
    let answer = challenge("MD5").answer("a\"b\\", "p", &SUBSCRIBE, "c");
    assert!(answer.starts_with("Digest username=\"a\\\"b\\\\\", realm="), "{answer}");
}
